"""Vectors of the examples that come with the package, so that no start embeds them again.

`examples.safetensors` is made by `tests/skills/planning/refresh_examples.py` whenever an example
changes; a text that it does not have, or one for another encoder, is embedded when it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
FILE = "examples.safetensors"
_KINDS = ("opening", "aside", "proviso", "ending", "link")


class TextEncoder(Protocol):
    """Gives texts vectors of length one, (B, E) float32."""

    def encode(self, texts: Sequence[str], *, keep: bool = True) -> NDArray[np.float32]:
        """The vectors; `keep` says that the texts will come again."""

    def is_word(self, word: str) -> bool:
        """Whether it is a word of the language, as far as the model's vocabulary tells."""


@cache
def shipped(name: str) -> Mapping[str, Any]:
    """The data of `NAME.yaml` beside this file."""
    import yaml

    data = yaml.safe_load(files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    return dict(data)


def example_texts() -> tuple[str, ...]:
    """Every example of `prototypes.yaml` and `goals.yaml`, each once."""
    data, goals = shipped("prototypes"), shipped("goals")
    texts = [text for kind in _KINDS for of in data[kind].values() for text in of]
    texts += [text for entry in goals.values() for text in entry["examples"]]
    return tuple(dict.fromkeys(texts))


def write_examples(path: Path, encoder: TextEncoder) -> None:
    """Embed all examples anew into a file."""
    from safetensors.numpy import save_file

    texts = example_texts()
    vectors = encoder.encode(texts).astype(np.float16)
    note = {"model": str(getattr(encoder, "model", "")), "texts": json.dumps(texts)}
    save_file({"vectors": vectors}, path, metadata=note)


def embed(texts: Sequence[str], encoder: TextEncoder) -> Array:
    """Vectors of examples, (B, E), from the file where it has them."""
    model, known = _read()
    if getattr(encoder, "model", None) != model:
        return encoder.encode(texts)
    missing = [text for text in texts if text not in known]
    new = dict(zip(missing, encoder.encode(missing), strict=True)) if missing else {}
    return np.stack([known[text] if text in known else new[text] for text in texts])


@cache
def _read() -> tuple[str, dict[str, Array]]:
    """The model of the file, and its vectors by text, of length one."""
    from safetensors import safe_open

    with safe_open(str(files(__package__).joinpath(FILE)), framework="np") as file:
        note = file.metadata()
        vectors = file.get_tensor("vectors").astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return note["model"], dict(zip(json.loads(note["texts"]), vectors, strict=True))
