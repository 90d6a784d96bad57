"""One skill as it stands in an index: in words, as vectors, as kinds of doing and as effects.

Letters: `P` passages of one skill, `E` width of a vector, `C` classes of verbs, `F` effects.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types.facts import PREDICATES
from kata.skills.contract.contract import Contract

from .feasible import literals
from .verbs import verbs
from .words import passages

Array = NDArray[np.float32]
Half = NDArray[np.float16]

EFFECTS: tuple[tuple[str, bool], ...] = tuple(
    (predicate, value) for predicate in PREDICATES for value in (True, False)
)
"""What a skill can bring about, by column: a predicate and the value that it gives it."""


class TextEncoder(Protocol):
    """What search needs of an encoder."""

    def encode(self, texts: Sequence[str], *, keep: bool = True) -> Array:
        """Vectors of length one, (B, E)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One skill.

    Attributes:
        key: what it is known by, such as the identity of its version.
        data: its contract as JSON.
        texts: P passages.
        vectors: (P, E), one a passage.
        centre: (E,) their mean, of length one.
        doing: (C,) how often each class of verbs is named, of length one.
        effects: (F,) bool, which of `EFFECTS` it has.
    """

    key: str
    data: str
    texts: tuple[str, ...]
    vectors: Half
    centre: Array
    doing: Array
    effects: NDArray[np.bool_]


def documents(
    contracts: Mapping[str, Contract],
    encoder: TextEncoder,
    texts: Callable[[Contract], Sequence[str]] = passages,
) -> list[Document]:
    """The documents of contracts by key; `texts` says what of them is searched."""
    parts = {key: tuple(texts(contract)) for key, contract in contracts.items()}
    every = list(dict.fromkeys(text for part in parts.values() for text in part))
    vectors = dict(zip(every, encoder.encode(every).astype(np.float16), strict=True))
    return [
        _document(key, contract, parts[key], np.stack([vectors[text] for text in parts[key]]))
        for key, contract in contracts.items()
    ]


def contract_key(contract: Contract) -> str:
    """The hash of a contract's content, for a skill that has no other identity."""
    return hashlib.sha256(json.dumps(contract.to_data()).encode()).hexdigest()


def unit(vector: Array) -> Array:
    """The vector with length one; zero stays zero."""
    length = np.linalg.norm(vector)
    scaled: Array = (vector / length if length else vector).astype(np.float32)
    return scaled


def asked(text: str) -> Array:
    """The classes of verbs that a query names, (C,), of length one or zero."""
    found = verbs().of(text)
    return unit(np.array([name in found for name in verbs().frames], np.float32))


def wanted_effects(text: str) -> Array:
    """What the verbs of a query come to, (F,), of length one or zero."""
    frames = {frame for name in verbs().of(text) for frame in verbs().frames[name]}
    spoken = [predicate if value else f"not {predicate}" for predicate, value in EFFECTS]
    return unit(np.array([name in frames for name in spoken], np.float32))


def _document(key: str, contract: Contract, texts: tuple[str, ...], vectors: Half) -> Document:
    # The name by itself: in a sentence with the summary its verb may be taken for a noun.
    spoken = [contract.name.replace("_", " "), *texts]
    named = [verbs().of(text) for text in spoken]
    doing = np.array([sum(name in each for each in named) for name in verbs().frames], np.float32)
    made = {(predicate, value) for predicate, _, value in literals(contract.achieves)[0]}
    return Document(
        key,
        json.dumps(contract.to_data()),
        texts,
        vectors,
        unit(vectors.astype(np.float32).mean(axis=0)),
        unit(doing),
        np.array([effect in made for effect in EFFECTS]),
    )
