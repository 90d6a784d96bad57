"""State features: what a policy needs of poses, seen from the tool and without symmetric twins.

Everything is relative to the tool, so that what was learned at one place holds at another.
Legend: `B` batch, `S` slots of focus, `K` numbers an entity, `P` numbers of a call, `D` joints,
`F` features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import ENTITY_NAMES, ENTITY_WIDTH, Array, FeatureSpec, KeySpec, SpecError
from kata.datasets.types.pose import quat_conjugate, quat_matrix, quat_rotate

STATE, TOOL, FOCUS = "observation.state", "observation.tool_pose", "observation.focus"
ARGUMENTS = "observation.arguments"
_VIEWS = 3
_POSE_NAMES = ENTITY_NAMES[:7]
_TOOL_WIDTH = 3 + 3 + 3 + 1
_SLOT_WIDTH = 2 * 3 * _VIEWS + 3 + 3 + 2 + 3 + 3 + 1 + 1
_PAIR_WIDTH = 3 * _VIEWS


_AT = (0, 7)
"""Where position and spot begin in an entity's row."""

_END_SHARE = 0.1
"""Share of an articulation's way that the views of its two ends reach over."""


def canonical_heading(heading_rad: Array, symmetry: Array) -> Array:
    """Headings (...) turned by whole multiples of 2 pi / n into [-pi / n, pi / n).

    Of all the poses that look alike this is the one nearest to the tool's own heading.
    """
    turn = 2.0 * np.pi / np.maximum(np.round(symmetry), 1.0)
    return np.asarray(heading_rad - turn * np.floor(heading_rad / turn + 0.5))


@dataclass(frozen=True, slots=True)
class StateEncoder:
    """Features of tool, gripper and the entities in focus.

    Attributes:
        joints: D of the robot.
        gripper: index of the gripper's opening in D.
        slots: S, how many entities and places are in focus.
        numbers: P, how many numbers a call names.
        hand, hands: which of how many tools is looked from.
        near_m, fine_m: distances over which the closer views of a length reach, beyond which they
            saturate: what decides (aligned or not, held or not) is millimetres in half a metre.
    """

    joints: int
    gripper: int
    slots: int
    hand: int = 0
    hands: int = 1
    near_m: float = 0.05
    fine_m: float = 0.01
    numbers: int = 0

    def __post_init__(self) -> None:
        ok = 0 <= self.gripper < self.joints and 0 <= self.hand < self.hands
        if not ok or min(self.slots, self.numbers) < 0 or not min(self.near_m, self.fine_m) > 0:
            raise SpecError("state encoder", expected="indices inside their ranges", got=str(self))

    @property
    def spec(self) -> FeatureSpec:
        """The raw keys that it reads."""
        keys = {
            STATE: KeySpec("float32", (self.joints,), unit="rad, m"),
            TOOL: KeySpec("float32", (7 * self.hands,), _POSE_NAMES * self.hands, "m", "world"),
            FOCUS: KeySpec("float32", (self.slots, ENTITY_WIDTH), unit="m", frame="world"),
        }
        if self.numbers:
            keys[ARGUMENTS] = KeySpec("float32", (self.numbers,), unit="SI")
        return FeatureSpec.of(keys)

    @property
    def size(self) -> int:
        """F."""
        scene = _SLOT_WIDTH * self.slots + _PAIR_WIDTH * max(0, self.slots - 1)
        return _TOOL_WIDTH + scene + self.numbers

    def encode(self, values: Mapping[str, Any]) -> NDArray[np.float32]:
        """Features (B, F) of raw keys, each (B, ...); an invalid entity gives zeros."""
        state = np.asarray(values[STATE], dtype=float)
        tool = np.asarray(values[TOOL], dtype=float)[..., 7 * self.hand : 7 * self.hand + 7]
        opening = state[..., self.gripper : self.gripper + 1]
        axes = quat_matrix(tool[..., 3:])
        parts = [tool[..., :3], axes[..., :, 0], axes[..., :, 2], opening]
        focus = np.asarray(values[FOCUS], dtype=float)
        seen = focus[..., ENTITY_WIDTH - 1 :] > 0.5
        rows = np.where(seen, focus, _UNSEEN)
        for slot in range(self.slots):
            entity = self._entity(tool, opening, rows[..., slot, :])
            parts.append(np.where(seen[..., slot, :], entity, 0.0))
        for slot in range(1, self.slots):
            # From the first entity, which is the one that moves, to where it could be put.
            way = rows[..., slot, 7:10] - rows[..., 0, :3]
            both = seen[..., 0, :] & seen[..., slot, :]
            parts.append(np.where(both, self._views(_turned_back(tool, way)), 0.0))
        if self.numbers:
            parts.append(np.asarray(values[ARGUMENTS], dtype=float))
        features: NDArray[np.float32] = np.concatenate(parts, axis=-1).astype(np.float32)
        return features

    def _entity(self, tool: Array, opening: Array, row: Array) -> Array:
        """Features (B, F_s) of one entity (B, K) seen from the tool (B, 7)."""
        places = [self._views(_turned_back(tool, row[..., i : i + 3] - tool[..., :3])) for i in _AT]
        axes = quat_matrix(row[..., 3:7])
        x_axis, y_axis, z_axis = (_turned_back(tool, axes[..., :, i]) for i in range(3))
        symmetry = np.maximum(np.round(row[..., 14]), 1.0)
        # The tool's x axis as the entity sees it: a turn of the entity shifts this angle by just
        # as much, however the two are tilted.
        heading = np.arctan2(y_axis[..., 0], x_axis[..., 0])
        turn = (heading - canonical_heading(heading, symmetry))[..., None]
        x_axis = np.cos(turn) * x_axis + np.sin(turn) * y_axis
        cycle = (symmetry * heading)[..., None]
        share, half = row[..., 13:14], row[..., 10:13]
        ends = [np.clip(end / _END_SHARE, 0.0, 1.0) for end in (share, 1.0 - share)]
        gap = (opening - 2.0 * half[..., :2].min(axis=-1, keepdims=True)) / self.fine_m
        slack = np.clip(gap, -1.0, 1.0)
        parts = [*places, x_axis, z_axis, np.cos(cycle), np.sin(cycle), share, *ends, half, slack]
        return np.concatenate([*parts, np.ones_like(share)], axis=-1)

    def _views(self, way: Array) -> Array:
        """A vector (B, 3) m far, near and fine: (B, 9)."""
        closer = (np.clip(way / reach, -1.0, 1.0) for reach in (self.near_m, self.fine_m))
        return np.concatenate([way, *closer], axis=-1)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "state", **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StateEncoder:
        """Inverse of `to_json`."""
        return cls(**{key: value for key, value in data.items() if key != "kind"})


def _turned_back(tool: Array, vector: Array) -> Array:
    """A vector (B, 3) of the world in the frame of the tool (B, 7)."""
    return quat_rotate(quat_conjugate(tool[..., 3:]), vector)


# What stands in for an entity that was never seen, whose numbers may be NaN: a pose that is legal.
_UNSEEN: Array = np.zeros(ENTITY_WIDTH)
_UNSEEN[3] = 1.0
