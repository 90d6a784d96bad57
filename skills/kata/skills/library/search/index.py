"""The index of a library: every skill's document, in arrays.

Letters: `N` skills, `P` passages of them all, `E` width of a vector, `C` classes of verbs,
`F` effects.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kata.skills.contract.contract import Contract

from .document import EFFECTS, Array, Document, Half, asked, wanted_effects
from .lexical import Postings
from .words import terms

_CANDIDATES = 200
_LEXICAL, _DOING, _EFFECT, _NEAREST = 0.2, 0.2, 0.3, 0.5
_LEAST = 1e-6


@dataclass(frozen=True)
class SearchIndex:
    """What is known about N skills; made by `of`, kept by `storage`.

    Attributes:
        keys: what each skill is known by.
        data: each contract as JSON.
        texts: the passages of each skill.
        ends: (N + 1,) the passages of skill `i` are `ends[i]` to `ends[i + 1]`.
        vectors: (P, E) one a passage.
        centres: (N, E) the mean of a skill's passages, of length one.
        doings: (N, C) how much of each class of verbs, rows of length one.
        effects: (N, F) bool, which of `EFFECTS` each has.
        postings: the words.
    """

    keys: tuple[str, ...]
    data: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    ends: NDArray[np.int64]
    vectors: Half
    centres: Array
    doings: Array
    effects: NDArray[np.bool_]
    postings: Postings

    @classmethod
    def of(cls, documents: Sequence[Document]) -> SearchIndex:
        """The index of these documents, one at least."""
        return cls(
            tuple(document.key for document in documents),
            tuple(document.data for document in documents),
            tuple(document.texts for document in documents),
            np.cumsum([0, *(len(document.texts) for document in documents)], dtype=np.int64),
            np.concatenate([document.vectors for document in documents]),
            np.stack([document.centre for document in documents]),
            np.stack([document.doing for document in documents]),
            np.stack([document.effects for document in documents]),
            Postings.of([[word for text in d.texts for word in terms(text)] for d in documents]),
        )

    def __len__(self) -> int:
        return len(self.keys)

    def document(self, row: int) -> Document:
        """A skill as it was put in, so that another index can be made without embedding it."""
        return Document(
            self.keys[row],
            self.data[row],
            self.texts[row],
            self.vectors[self.ends[row] : self.ends[row + 1]],
            self.centres[row],
            self.doings[row],
            self.effects[row],
        )

    def contract(self, row: int) -> Contract:
        """The contract of a skill; remembered."""
        found = self._contracts.get(row)
        if found is None:
            found = Contract.from_data(json.loads(self.data[row]), where=self.keys[row])
            self._contracts[row] = found
        return found

    @cached_property
    def reachable(self) -> frozenset[tuple[str, bool]]:
        """What some skill can bring about: predicates and the values that they can be given."""
        columns = np.flatnonzero(self.effects.any(axis=0)).tolist()
        return frozenset(EFFECTS[column] for column in columns)

    def ranked(self, text: str, vector: Array) -> tuple[NDArray[np.intp], Array]:
        """The rows of the likeliest skills for a text, best first, and their scores.

        Meaning, shared words and the kind of doing are added up. The 200 likeliest are looked at
        passage by passage: a mean blurs what one example says.

        Args:
            text: what is asked for.
            vector: its embedding, (E,).
        """
        words = self.postings.scores(terms(text))
        meaning: Array = self.centres @ vector
        scores = meaning + np.float32(_LEXICAL / max(float(words.max()), _LEAST)) * words
        scores += np.float32(_DOING) * (self.doings @ asked(text))
        scores += np.float32(_EFFECT) * (self._effects @ wanted_effects(text))
        count = min(_CANDIDATES, len(self))
        rows = np.sort(np.argpartition(-scores, count - 1)[:count])
        gain: Array = self._nearest(rows, vector) - meaning[rows]
        total: Array = scores[rows] + np.float32(_NEAREST) * gain
        order = np.argsort(-total, kind="stable")
        return rows[order], total[order]

    def _nearest(self, rows: NDArray[np.intp], vector: Array) -> Array:
        """The likeness of the passage of each of these skills that is nearest, (rows,)."""
        spans = [np.arange(self.ends[row], self.ends[row + 1]) for row in rows]
        likeness: Array = self.vectors[np.concatenate(spans)].astype(np.float32) @ vector
        starts = np.cumsum([0, *(len(span) for span in spans[:-1])])
        nearest: Array = np.maximum.reduceat(likeness, starts)
        return nearest

    @cached_property
    def _effects(self) -> Array:
        """The effects as rows of length one or zero, (N, F)."""
        counts = np.sqrt(self.effects.sum(axis=1, keepdims=True))
        scaled: Array = (self.effects / np.maximum(counts, 1)).astype(np.float32)
        return scaled

    @cached_property
    def _contracts(self) -> dict[int, Contract]:
        return {}
