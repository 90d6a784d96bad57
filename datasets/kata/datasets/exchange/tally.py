"""Counts and digests of a dataset, whatever its format: what was written is what was read.

A digest is SHA-256 over a column's bytes, episode after episode, so equal digests mean equal
numbers to the bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import DatasetError
from .take import EPISODE_KEYS, Layout, Take, identity


@dataclass(frozen=True, slots=True)
class Sums:
    """Episodes, frames, pictures by camera and digests by column."""

    episodes: int
    frames: int
    pictures: dict[str, int]
    digests: dict[str, str]

    @property
    def content(self) -> str:
        """One digest of all columns."""
        text = "\n".join(f"{key} {digest}" for key, digest in sorted(self.digests.items()))
        return hashlib.sha256(text.encode()).hexdigest()

    def check_same(self, other: Sums, where: str) -> None:
        """Raise DatasetError naming what differs in `other`, which was read back."""
        for name in ("episodes", "frames", "pictures"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise _differs(where, f"{mine} {name}", f"{theirs} {name}")
        for key, digest in self.digests.items():
            if other.digests.get(key) != digest:
                raise _differs(
                    where, f"{key} {digest[:12]}", f"{other.digests.get(key, 'none')[:12]}"
                )


class Tally:
    """Takes episodes and sums them up."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._episodes = self._frames = 0
        self._pictures = dict.fromkeys(layout.cameras, 0)
        self._digests = {key: hashlib.sha256() for key in (*layout.spec, "task", *EPISODE_KEYS)}

    def add(self, take: Take) -> None:
        """Count one episode."""
        for key, spec in self._layout.spec.items():
            values = take.columns[key]
            if isinstance(values, np.ndarray):
                whole = np.ascontiguousarray(values, dtype=spec.dtype)
                self._digests[key].update(whole.data if whole.size else b"")
            else:
                self._digests[key].update("\0".join(values).encode() + b"\1")
        self._digests["task"].update("\0".join(take.tasks).encode() + b"\1")
        for key, value in outcome_values(take, self._episodes).items():
            self._digests[key].update(f"{value}\0".encode())
        for camera in self._pictures:
            self._pictures[camera] += take.pictures[camera].count
        self._episodes += 1
        self._frames += take.frames

    def sums(self) -> Sums:
        """What was counted so far."""
        digests = {key: digest.hexdigest() for key, digest in self._digests.items()}
        return Sums(self._episodes, self._frames, dict(self._pictures), digests)


def sums_of(layout: Layout, takes: Iterable[Take]) -> Sums:
    """The sums of episodes."""
    tally = Tally(layout)
    for take in takes:
        tally.add(take)
    return tally.sums()


def outcome_values(take: Take, number: int) -> dict[str, Any]:
    """What stands in the columns `EPISODE_KEYS` of an episode."""
    outcome = take.outcome
    return {
        "success": outcome.success,
        "episode_uuid": identity(take, number),
        "parent_uuid": outcome.parent_uuid,
        "parent_frame": outcome.parent_frame,
    }


def _differs(where: str, expected: str, got: str) -> DatasetError:
    return DatasetError(
        "what was written is not what was read",
        where=where,
        expected=expected,
        got=got,
        hint="nothing was kept; please report it with the two files",
    )
