"""What passes between formats: episodes as arrays, and what all of them have in common.

Legend: `T` frames of an episode, `W` numbers a frame.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..schema import CAMERA_PREFIX, COLUMNS, LEROBOT_KEYS, Schema
from ..types import FeatureSpec, KeySpec, Outcome
from .pictures import Pictures

EPISODE_KEYS = tuple(column.key for column in COLUMNS if column.rate == "episode")
"""Columns that say the same in every frame of an episode: they travel in its outcome."""

_NAMESPACE = uuid.UUID("c0b0f0f6-6a1b-4f6e-9a51-1f7d4f8d2a61")

Values = NDArray[Any] | list[str]


@dataclass(frozen=True, slots=True)
class Take:
    """One episode.

    Attributes:
        columns: arrays (T, W), or texts of T frames, by key; no pictures, nothing of
            `EPISODE_KEYS` and nothing that LeRobot derives.
        tasks: a sentence a frame.
        pictures: of each camera, T of them.
    """

    columns: Mapping[str, Values]
    tasks: tuple[str, ...]
    outcome: Outcome
    pictures: Mapping[str, Pictures] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """T."""
        return len(self.tasks)


@dataclass(frozen=True)
class Layout:
    """What all episodes of a dataset have in common.

    Attributes:
        spec: of every column that a take brings.
        cameras: height and width in pixels by name.
        schema: Kata's own description, where the data are Kata's.
        knows_success: whether an outcome's success was recorded.
    """

    robot: str
    fps: int
    spec: FeatureSpec
    cameras: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    schema: Schema | None = None
    knows_success: bool = True


class Source(Protocol):
    """A dataset that is read."""

    layout: Layout

    @property
    def count(self) -> int:
        """How many episodes."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or changed on the way in, for a person."""

    def takes(self) -> Iterator[Take]:
        """Its episodes in order. Raises DatasetError for one that cannot be read."""


class Sink(Protocol):
    """A dataset that is written; a context manager that ends it."""

    def add(self, take: Take) -> None:
        """Write one episode. Raises DatasetError, StorageError."""

    def close(self) -> None:
        """Write what stands at the end. Raises StorageError."""


def carried(spec: Mapping[str, KeySpec]) -> FeatureSpec:
    """The columns of a dataset that travel frame by frame, without pictures."""
    kept = {
        key: one
        for key, one in spec.items()
        if key not in (*LEROBOT_KEYS, *EPISODE_KEYS)
        and one.dtype != "video"
        and len(one.shape) == 1
        and not key.startswith(CAMERA_PREFIX)
    }
    return FeatureSpec.of(kept)


def identity(take: Take, number: int) -> str:
    """The episode's name for ever; without one, a name that its content and place decide."""
    if take.outcome.episode_uuid:
        return take.outcome.episode_uuid
    parts = [f"{number}"]
    for key, values in take.columns.items():
        if isinstance(values, np.ndarray):
            parts.append(f"{key} {uuid.uuid5(_NAMESPACE, values.tobytes().hex())}")
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))


def flag(name: str) -> KeySpec:
    """The specification of one of Kata's own columns of a single value."""
    column = next(column for column in COLUMNS if column.key == name)
    return KeySpec(column.dtype, (1,), (), column.unit, column.frame)
