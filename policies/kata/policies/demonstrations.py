"""Demonstrations as arrays: features and chunks of every frame, made once before training.

Legend: `n` frames that begin a chunk, `F` features, `H` actions of a chunk, `A` width.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import ChunkSpec, DatasetError

from .encoders import Encoder

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """What a policy learns from.

    Attributes:
        features: (n, F), not normalised.
        actions: (n, H, A) in SI units.
        episodes: (n,) index of the episode that each comes from.
        robot: fingerprint of the robot; hand: the tool's name.
    """

    features: Floats
    actions: Floats
    episodes: NDArray[np.int64]
    encoder: Encoder
    chunk_spec: ChunkSpec
    robot: str = ""
    hand: str = ""

    def __post_init__(self) -> None:
        count = len(self.episodes)
        spec = self.chunk_spec
        wanted = ((count, self.encoder.size), (count, spec.horizon, spec.width))
        if (self.features.shape, self.actions.shape) != wanted or not count:
            raise DatasetError(
                "demonstrations do not fit",
                expected=f"features and actions {wanted}, at least one row",
                got=f"{self.features.shape} and {self.actions.shape}",
            )
        if not (np.isfinite(self.features).all() and np.isfinite(self.actions).all()):
            raise DatasetError("demonstrations are not finite", hint="run the quality gate first")

    def split(self, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows to train on and rows held out, whole episodes apart; at least one trains."""
        names = np.unique(self.episodes)
        order = np.random.default_rng(seed).permutation(names)
        held = order[: min(round(share * len(names)), len(names) - 1)]
        out = np.isin(self.episodes, held)
        return np.flatnonzero(~out), np.flatnonzero(out)

    def digest(self) -> str:
        """Hex digest of all numbers, to tell whether a checkpoint saw the same data."""
        state = hashlib.blake2b(digest_size=16)
        for array in (self.features, self.actions, self.episodes):
            state.update(np.ascontiguousarray(array).data)
        return state.hexdigest()
