"""Frames of a running skill as numbers, and the ways that rollouts and demonstrations went.

Legend: `T` frames, `D` joints, `S` slots of focus, `K` numbers an entity, `N` entities of a scene,
`F` features.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import ENTITY_WIDTH, Array, DatasetError, Observation
from kata.datasets.types.pose import quat_rotate

_FAR_M = 1.0
"""Distance to the nearest other thing in a scene that has no other."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What is seen of a call, frame by frame.

    Attributes:
        position: (T, D) joints; a gripper's is its opening.
        tool: (T, 7) pose of the hand that acts.
        focus: (T, S, K) rows of what the call is about.
        other: (T, S, 2) m, from each of these to the nearest thing that the call does not name:
            straight, and level.
    """

    position: Array
    tool: Array
    focus: Array
    other: Array

    @classmethod
    def of(cls, observation: Observation) -> Frames:
        """One frame, from what is seen with its focus."""
        things = observation.focused()
        rows = np.array([thing.row() for thing in things]).reshape(1, len(things), ENTITY_WIDTH)
        rest = [
            thing.pose.position
            for name, thing in observation.entities.items()
            if name not in observation.focus
        ]
        places = np.array(rest).reshape(1, len(rest), 3)
        hand = observation.hands[0] if observation.hands else ""
        tool = observation.tool(hand if hand in observation.tools else "")
        return cls(
            observation.position[None], tool.array()[None], rows, apart(rows[..., :3], places)
        )

    def features(self) -> Array:
        """(T, F): where the tool is from each thing, and each thing from the others."""
        axis = quat_rotate(self.tool[:, 3:], np.array([0.0, 0.0, 1.0]))
        slots = range(self.focus.shape[1])
        parts = [self.position, self.tool[:, :3], axis]
        parts += [self._slot(slot) for slot in slots]
        parts += [self._pair(*pair) for pair in combinations(slots, 2)]
        parts.append(self.other.reshape(len(self.tool), -1))
        return np.asarray(np.nan_to_num(np.concatenate(parts, axis=1)))

    def _slot(self, slot: int) -> Array:
        row, tool = self.focus[:, slot], self.tool[:, :3]
        up = quat_rotate(row[:, 3:7], np.array([0.0, 0.0, 1.0]))[:, 2:]
        gaps = [row[:, :3] - tool, row[:, 7:10] - tool]
        lengths = [_lengths(gap) for gap in gaps]
        return np.concatenate([*gaps, *lengths, row[:, :3], up, row[:, 13:14]], axis=1)

    def _pair(self, first: int, second: int) -> Array:
        """From one thing to the other, to its spot, and how they lie on each other."""
        a, b = self.focus[:, first], self.focus[:, second]
        gap, spot = a[:, :3] - b[:, :3], a[:, :3] - b[:, 7:10]
        return np.concatenate([gap, spot, _lengths(gap), _lengths(spot)], axis=1)


def feature_count(joints: int, slots: int) -> int:
    """F, of a robot of D joints and a call with S slots."""
    empty = Frames(
        np.zeros((1, joints)), np.zeros((1, 7)), np.zeros((1, slots, ENTITY_WIDTH)),
        np.zeros((1, slots, 2)),
    )  # fmt: skip
    return int(empty.features().shape[1])


def apart(things: Array, others: Array) -> Array:
    """(T, S, 2) m from each of the things (T, S, 3) to the nearest of others (T, N, 3).

    The first number is the straight distance, the second the level one to the same.
    """
    count, slots = things.shape[:2]
    if not others.shape[1]:
        return np.full((count, slots, 2), _FAR_M)
    gap = things[:, :, None] - others[:, None]
    straight = np.linalg.norm(gap, axis=-1)
    nearest = straight.argmin(axis=2)[..., None]
    level = np.linalg.norm(gap[..., :2], axis=-1)
    pick = [np.take_along_axis(length, nearest, axis=2) for length in (straight, level)]
    return np.concatenate(pick, axis=2)


def _lengths(gap: Array) -> Array:
    """(T, 2): straight and level."""
    return np.column_stack([np.linalg.norm(gap, axis=1), np.linalg.norm(gap[:, :2], axis=1)])


@dataclass(frozen=True, slots=True)
class Way:
    """How a rollout or a demonstration of a skill went.

    Attributes:
        features: (T, F) of its frames, in the order of time, float32.
        reached: (T,) whether `achieves` held.
        success: whether the goal held in the end.
    """

    features: NDArray[np.float32]
    reached: NDArray[np.bool_]
    success: bool

    @property
    def arrival(self) -> int:
        """The frame from which on `achieves` held to the end; T where it did not."""
        missing = np.flatnonzero(~self.reached)
        return int(missing[-1]) + 1 if len(missing) else 0

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "width": int(self.features.shape[1]),
            "features": base64.b64encode(self.features.astype("<f4").tobytes()).decode(),
            "reached": "".join("01"[int(held)] for held in self.reached),
            "success": self.success,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Way:
        """The way of `to_data`. Raises DatasetError for anything else."""
        try:
            reached = np.array([{"0": False, "1": True}[c] for c in data["reached"]], dtype=bool)
            flat = np.frombuffer(base64.b64decode(data["features"], validate=True), "<f4")
            features = flat.reshape(len(reached), int(data["width"])).astype(np.float32)
            success = data["success"]
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise DatasetError(
                "not the way of a rollout", expected="width, features, reached", got=repr(error)
            ) from None
        if not isinstance(success, bool) or not np.isfinite(features).all():
            raise DatasetError("not the way of a rollout", expected="finite features")
        return cls(features, reached, success)


class WayRecord:
    """Collects the frames of one call while it runs."""

    def __init__(self) -> None:
        self._features: list[Array] = []
        self._reached: list[bool] = []

    def see(self, seen: Observation, reached: bool) -> None:
        """One frame more; `seen` has the call's focus."""
        self._features.append(Frames.of(seen).features()[0])
        self._reached.append(reached)

    def done(self, success: bool) -> Way:
        """The whole way."""
        return way_of(self._features, self._reached, success)


def way_of(features: Sequence[Array] | Array, reached: Sequence[bool], success: bool) -> Way:
    """A way of features (T, F) and whether `achieves` held in each frame."""
    width = len(features[0]) if len(features) else 0
    rows = np.asarray(features, dtype=np.float32).reshape(len(reached), width)
    return Way(rows, np.array(reached, dtype=bool), success)
