"""Good starts of a skill: robot states from which it succeeded, as joints and seen from a thing.

A state taken as it was is what the skill knows best. Seen from the thing that the call is about it
also fits scenes that were never tried: the tool goes to where the thing is now, by kinematics.
Legend: `P` stored starts, `D` joints, `G` joints of grippers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, Kinematics, Pose
from kata.datasets.types.pose import pose_compose, pose_relative, quat_yaw, yaw_quat

from .features import Start
from .sections import Parts, finite


@dataclass(frozen=True)
class StartPool:
    """States of successful rollouts, far from each other.

    Attributes:
        position: (P, D) joints; NaN where the gripper is to stay as it is.
        tool: (P, 7) pose.
        relative: (P, 7) the tool seen from the anchor; (0, 7) where there is none.
        anchor: slot of focus that `relative` is seen from.
        grippers: (G,) columns of D.
        rate: success from the starts among which these are.
    """

    position: Array
    tool: Array
    relative: Array
    anchor: int = 0
    grippers: tuple[int, ...] = ()
    rate: float = 1.0

    def __len__(self) -> int:
        return len(self.position)

    def joints(self, now: Array, keep_grip: bool) -> Array:
        """(P, D) stored joints; grippers as they are in `now` (D,) if they hold something."""
        position = self.position.copy()
        if keep_grip:
            position[:, list(self.grippers)] = np.nan
        return np.where(np.isnan(position), now, position)

    def tools(self, start: Start) -> Array:
        """(P, 7) where the tool would be for the anchor's place in a start; (0, 7) without one."""
        if not len(self.relative) or self.anchor >= len(start.focus):
            return np.zeros((0, 7))
        frame = anchor_frame(start.focus[self.anchor])
        return np.array([pose_compose(frame, each) for each in self.relative])

    def to_parts(self) -> Parts:
        """Card and arrays."""
        card = {"anchor": self.anchor, "grippers": list(self.grippers), "rate": self.rate}
        arrays = {"position": self.position, "tool": self.tool, "relative": self.relative}
        return card, arrays

    @classmethod
    def of_parts(cls, card: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> StartPool:
        """Inverse of `to_parts`; without `relative` as format 1 had it."""
        position = np.asarray(tensors["position"], dtype=np.float64)
        if position.ndim != 2 or np.isinf(position).any():
            raise ValueError(f"position: expected finite or open numbers (P, D), {position.shape}")
        count, size = position.shape
        tool = finite(tensors, "tool", (count, 7))
        grippers = tuple(int(column) for column in card.get("grippers", ()))
        if any(not 0 <= column < size for column in grippers):
            raise ValueError(f"grippers: expected columns of {size} joints, got {grippers}")
        relative = finite(tensors, "relative", (None, 7)) if "relative" in tensors else tool[:0]
        if len(relative) not in (0, count) or not 0 <= int(card.get("anchor", 0)) < 64:
            raise ValueError(f"relative: expected {count} poses from a slot, got {len(relative)}")
        rate = float(card.get("rate", 1.0))
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"rate: expected 0 to 1, got {rate}")
        return cls(position, tool, relative, int(card.get("anchor", 0)), grippers, rate)


def make_pool(
    starts: Sequence[Start],
    grippers: Sequence[int],
    count: int,
    *,
    joints: int,
    anchor: int,
    rate: float,
) -> StartPool:
    """At most `count` of these good starts, far from each other; D `joints` where there is none."""
    size = len(starts[0].position) if starts else joints
    position = np.array([s.position for s in starts]).reshape(len(starts), size)
    tool = np.array([s.tool for s in starts]).reshape(len(starts), 7)
    chosen = _spread(position, count)
    slots = len(starts[0].focus) if starts else 0
    relative = [
        pose_relative(anchor_frame(starts[i].focus[anchor]), starts[i].tool)
        for i in (chosen if anchor < slots else ())
    ]
    return StartPool(
        position[chosen],
        tool[chosen],
        np.array(relative).reshape(len(relative), 7),
        anchor,
        tuple(int(column) for column in grippers),
        rate,
    )


def anchor_frame(row: Array) -> Array:
    """(7,) upright frame at a thing (K,), its heading as near to zero as its symmetry allows."""
    fold = 2.0 * np.pi / max(float(row[14]), 1.0)
    heading = float(quat_yaw(row[3:7]))
    return Pose(row[:3], yaw_quat(heading - fold * np.round(heading / fold))).array()


def reached(pose: Array, seed: Array, kinematics: Kinematics, hand: str = "") -> Array | None:
    """Joints (D,) with the tool at a pose (7,), grippers as in `seed`; None out of reach."""
    return kinematics.solve(Pose(pose[:3], pose[3:]), seed, hand)


def _spread(position: Array, count: int) -> list[int]:
    """Indices of `count` states far from each other: each next one is the farthest from all."""
    if len(position) <= count:
        return list(range(len(position)))
    chosen = [int(np.abs(position - np.median(position, axis=0)).max(axis=1).argmin())]
    gap = np.linalg.norm(position - position[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, np.linalg.norm(position - position[chosen[-1]], axis=1))
    return chosen
