"""Sentences as vectors, offline: texts of like meaning lie close to each other."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..places import home
from .sentence_model import MODEL, WIDTH, SentenceModel
from .vector_cache import VectorCache

Array = NDArray[np.float32]

_MOST_IN_MEMORY = 20_000


def default_cache() -> Path:
    """Where this user's vectors are kept."""
    return home() / "cache" / "embeddings.sqlite"


class Encoder:
    """Sentence embeddings of all-MiniLM-L6-v2, from the wheel that is installed, never a network.

    The model is loaded when the first text is met that is not in a cache. The same text has the
    same vector to the bit, alone or among others.

    Args:
        cache: file for vectors that are to be kept; without one, `default_cache()`.
        threads: of the linear algebra while texts are embedded.
    """

    model = MODEL
    width = WIDTH

    def __init__(self, cache: Path | None = None, *, threads: int = 1) -> None:
        self._disk = VectorCache(default_cache() if cache is None else cache, MODEL, WIDTH)
        self._memory: OrderedDict[str, Array] = OrderedDict()
        self._threads = threads
        self._model: SentenceModel | None = None
        self._pools: Any = None

    def encode(self, texts: Sequence[str], *, keep: bool = True) -> Array:
        """Vectors of length one, (B, E) float32; the product of two is their likeness.

        Args:
            texts: B texts; what lies beyond 256 tokens of one does not count.
            keep: whether their vectors go to disk: for texts that come again, such as those of
                a contract, and not for what a user types.

        Raises:
            PackageError: the model's files are damaged.
        """
        wanted = list(dict.fromkeys(texts))
        found = {text: self._memory[text] for text in wanted if text in self._memory}
        missing = [text for text in wanted if text not in found]
        if missing:
            found |= self._disk.load(missing)
            new = self._embedded([text for text in missing if text not in found])
            if new and keep:
                self._disk.store(new)
            found |= new
        self._remember(found)
        if not texts:
            return np.zeros((0, WIDTH), np.float32)
        return np.stack([found[text] for text in texts])

    def load(self) -> SentenceModel:
        """The model, loaded now and not at the first text that is new. Raises PackageError."""
        if self._model is None:
            self._model = SentenceModel()
        return self._model

    def is_word(self, word: str) -> bool:
        """Whether the model's vocabulary has it in one piece: most English words in lower case."""
        return self.load().is_word(word)

    def _embedded(self, texts: Sequence[str]) -> dict[str, Array]:
        if not texts:
            return {}
        model = self.load()
        with self._limited():
            return {text: model.vector(text) for text in texts}

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """Few threads: products this small are slower on many, and not the same to the bit."""
        if self._pools is None:
            from threadpoolctl import ThreadpoolController

            self._pools = ThreadpoolController()
        with self._pools.limit(limits=self._threads, user_api="blas"):
            yield

    def _remember(self, vectors: dict[str, Array]) -> None:
        for text, vector in vectors.items():
            self._memory[text] = vector
            self._memory.move_to_end(text)
        while len(self._memory) > _MOST_IN_MEMORY:
            self._memory.popitem(last=False)
