"""Demonstrations as arrays: features and chunks of every frame, made once before training.

Legend: `n` frames that begin a chunk, `F` features, `H` actions of a chunk, `A` width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kata.datasets.dataset import Dataset, Segment
from kata.datasets.sampler import ChunkSampler
from kata.datasets.types import FRAME_S, ChunkSpec, DatasetError

from .encoders import Encoder
from .features import StateEncoder

Floats = NDArray[np.float32]
TOOL_CHUNK = ChunkSpec(horizon=16, step_s=FRAME_S, execute=4, frame="tool", width=7)
"""What learned policies answer unless told otherwise: 0.8 s ahead, of which 0.2 s are executed.

Executing half of it, as is common, cost up to 15 points of success on the skills with contact.
"""


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


def gather(
    data: Dataset | Path | str,
    skill: str,
    *,
    chunk: ChunkSpec = TOOL_CHUNK,
    hand: str = "",
    sources: Collection[str] | None = None,
) -> Demonstrations:
    """The successful demonstrations of a skill in a dataset, as a policy learns from them.

    Raises DatasetError for a dataset without any, or whose calls differ in their arguments;
    UnknownNameError for a skill or hand that it does not have.
    """
    dataset = data if isinstance(data, Dataset) else Dataset.open(data)
    segments = dataset.segments(skill, success=True, sources=sources)
    encoder = _state_encoder(dataset, segments, skill, hand)
    sampler = ChunkSampler(dataset, chunk, list(encoder.spec), segments=segments, hand=hand)
    batch = sampler.all()
    owners = np.searchsorted([e.stop for e in dataset.episodes], batch.rows, side="right")
    return Demonstrations(
        encoder.encode(batch.observations),
        batch.actions,
        owners.astype(np.int64),
        encoder,
        chunk,
        dataset.fingerprint,
        hand,
    )


def _state_encoder(
    dataset: Dataset, segments: Collection[Segment], skill: str, hand: str
) -> StateEncoder:
    slots, numbers = dataset.call_widths(skill, segments)
    schema = dataset.schema
    name = hand or schema.grippers[0]
    return StateEncoder(
        joints=len(schema.joints),
        gripper=_gripper(dataset, schema.grippers.index(name)),
        slots=slots,
        numbers=numbers,
        hand=schema.hands.index(name),
        hands=len(schema.hands),
    )


def _gripper(dataset: Dataset, place: int) -> int:
    """Index in D of a gripper, found by its command: it stands in `action` and `action.tool`."""
    opening = dataset.column("action.tool")[:, 7 * len(dataset.schema.hands) + place]
    far = np.abs(dataset.column("action") - opening[:, None]).max(axis=0)
    index = int(np.argmin(far))
    if not far[index] < 1e-3:
        raise DatasetError(
            "no joint follows the gripper's opening",
            where=str(dataset.root),
            expected="the opening of `action.tool` as a column of `action`",
        )
    return index
