"""Which documents share rare words with a query: BM25 over postings in arrays.

Source: Robertson and Zaragoza, "The probabilistic relevance framework: BM25 and beyond" (2009).

Letters: `N` documents, `P` postings (a term in a document), `V` terms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_SATURATION, _LENGTH = 1.2, 0.75


@dataclass(frozen=True)
class Postings:
    """How often each term occurs in each document.

    Attributes:
        vocabulary: V terms, sorted.
        ends: (V + 1,) the postings of term `i` are `ends[i]` to `ends[i + 1]`.
        documents: (P,) int32 rows of documents, ascending within a term.
        counts: (P,) int32.
        size: N.
    """

    vocabulary: tuple[str, ...]
    ends: NDArray[np.int64]
    documents: NDArray[np.int32]
    counts: NDArray[np.int32]
    size: int

    @classmethod
    def of(cls, documents: Sequence[Iterable[str]]) -> Postings:
        """The postings of documents that are given as their terms."""
        found: dict[str, list[tuple[int, int]]] = {}
        for row, terms in enumerate(documents):
            for term, count in Counter(terms).items():
                found.setdefault(term, []).append((row, count))
        vocabulary = tuple(sorted(found))
        pairs = [pair for term in vocabulary for pair in found[term]]
        lengths = [len(found[term]) for term in vocabulary]
        table = np.array(pairs, np.int32).reshape(-1, 2)
        ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
        return cls(vocabulary, ends, table[:, 0].copy(), table[:, 1].copy(), len(documents))

    def scores(self, terms: Iterable[str]) -> Array:
        """The BM25 of each document for the terms of a query, (N,); 0 shares none."""
        scores = np.zeros(self.size, np.float32)
        for term, count in Counter(terms).items():
            row = self._rows.get(term)
            if row is not None:
                part = slice(self.ends[row], self.ends[row + 1])
                scores[self.documents[part]] += count * self._weights[part]
        return scores

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {term: row for row, term in enumerate(self.vocabulary)}

    @cached_property
    def _weights(self) -> Array:
        """The BM25 of each posting, (P,)."""
        lengths = np.bincount(self.documents, self.counts, minlength=self.size)
        relative = lengths / max(lengths.mean(), 1.0) if self.size else lengths
        spread = np.diff(self.ends)
        rarity = np.log1p((self.size - spread + 0.5) / (spread + 0.5))
        dampened = self.counts + _SATURATION * (1 - _LENGTH + _LENGTH * relative[self.documents])
        gain = self.counts * (_SATURATION + 1) / dampened
        weights: Array = (np.repeat(rarity, spread) * gain).astype(np.float32)
        return weights
