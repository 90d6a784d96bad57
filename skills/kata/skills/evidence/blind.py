"""Blind comparison: who is who is sealed until everything has been judged.

In simulation nobody looks on, so blind means this: each candidate gets a code, `x1`, `x2`, ..., in
an order that a seed draws; on each scene the candidates run in an order of its own; success is
read from facts of the simulated world by a judge that gets neither name nor code; what is kept of
a trial, the tests on it and the decision to stop early know the codes alone. Only the last step,
which changes nothing any more, puts the names back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kata.datasets.types import ConfigError


@dataclass(frozen=True, slots=True)
class Blinding:
    """Codes for the candidates of a comparison.

    Args:
        names: of the candidates, each once.
        seed: draws who gets which code, and the order of each scene.

    Raises:
        ConfigError: a name twice.
    """

    names: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ConfigError("a candidate that comes twice", got=", ".join(self.names))

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes; their order says nothing."""
        return tuple(f"x{i}" for i in range(1, len(self.names) + 1))

    @property
    def sealed(self) -> Mapping[str, str]:
        """Name by code: for whoever runs the trials, and for the end."""
        drawn = _rng(self.seed, "who").permutation(len(self.names))
        return {code: self.names[i] for code, i in zip(self.codes, drawn, strict=True)}

    def order(self, scene: int) -> tuple[str, ...]:
        """The codes in the order in which they run in the scene of this seed."""
        return shuffled(self.codes, self.seed, scene)


def shuffled(codes: Sequence[str], seed: int, scene: int) -> tuple[str, ...]:
    """The codes in an order that the seed draws for a scene."""
    drawn = _rng(seed, f"scene {scene}").permutation(len(codes))
    return tuple(codes[i] for i in drawn)


def _rng(seed: int, purpose: str) -> np.random.Generator:
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest))
