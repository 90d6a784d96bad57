"""An advisor on disk: `advisor.json` and `advisor.safetensors`, safe to open and bounded.

Legend: `F` features, `C` classes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from kata.datasets.files import json_bytes, write_file
from kata.datasets.types import PackageError
from kata.policies.advisor import WIDTH, AdvisorNetwork

from .advisor import Learned, Report
from .moments import Vocabulary

CARD, WEIGHTS = "advisor.json", "advisor.safetensors"
FORMAT = 1
_MOST_BYTES = 8 << 20
_MOST_NAMES = 5000
_ARRAYS = ("mean", "scale", "hidden", "bias", "out", "out_bias")


def save_advisor(folder: Path, learned: Learned, report: Report) -> None:
    """Write an advisor; the card last, so that one that is there is whole. Raises StorageError."""
    from safetensors.numpy import save

    arrays = {
        name: np.ascontiguousarray(getattr(learned.network, name), dtype=np.float32)
        for name in _ARRAYS
    }
    content = save(arrays)
    card = {
        "format": FORMAT,
        "weights": hashlib.sha256(content).hexdigest(),
        "threshold": learned.threshold,
        "facts": list(learned.vocabulary.facts),
        "skills": list(learned.vocabulary.skills),
        "commands": [list(command) for command in learned.vocabulary.commands],
        "moments": report.moments,
        "corrections": report.corrections,
        "hits": report.hits,
        "false_alarms": report.false_alarms,
    }
    write_file(folder / WEIGHTS, content)
    write_file(folder / CARD, json_bytes(card))


def load_advisor(folder: Path) -> Learned:
    """The advisor of a folder. Raises PackageError for one that is not whole or does not fit."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content, card = _read(folder / WEIGHTS), _card(folder / CARD)
    try:
        if card["format"] != FORMAT or card["weights"] != hashlib.sha256(content).hexdigest():
            raise ValueError("another format, or weights that were changed")
        vocabulary = Vocabulary(
            _names(card["facts"]),
            _names(card["skills"]),
            tuple((meaning, text) for meaning, text in map(_names, card["commands"])),
        )
        arrays = load(content)
        size, classes = vocabulary.size, len(vocabulary.commands) + 1
        wanted = [(size,), (size,), (size, WIDTH), (WIDTH,), (WIDTH, classes), (classes,)]
        found = [arrays[name].astype(float) for name in _ARRAYS]
        if [array.shape for array in found] != wanted or not 0.0 < card["threshold"] < 1.0:
            raise ValueError("weights that do not fit the card")
        if not all(np.isfinite(array).all() for array in found) or not (found[1] > 0).all():
            raise ValueError("weights that are not finite")
        return Learned(vocabulary, AdvisorNetwork(*found), float(card["threshold"]))
    except (KeyError, TypeError, ValueError, AttributeError, SafetensorError) as error:
        raise PackageError(
            "not an advisor",
            where=str(folder),
            expected=f"{CARD} and {WEIGHTS} as kata plan learn writes them",
            got=str(error)[:200],
            hint="train it again: kata plan learn data=FOLDER out=DIR",
        ) from None


def _card(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise PackageError("not an advisor", where=str(path), got=str(error)[:200]) from None
    if not isinstance(found, dict):
        raise PackageError("not an advisor", where=str(path), expected="a JSON object")
    return found


def _read(path: Path) -> bytes:
    try:
        if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
            raise PackageError("unsafe advisor", where=str(path), expected="a small plain file")
        return path.read_bytes()
    except OSError as error:
        raise PackageError("no advisor there", where=str(path), got=str(error.strerror)) from None


def _names(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) > _MOST_NAMES:
        raise ValueError("names that are no short list")
    if not all(isinstance(value, str) and len(value) <= 200 for value in values):
        raise ValueError("names that are no short texts")
    return tuple(values)
