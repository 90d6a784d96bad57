"""What a start looks like: robot and focus at the instant a skill begins, as numbers.

Legend: `N` starts, `S` slots of focus, `K` numbers an entity, `D` joints, `F` features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kata.datasets.types import ENTITY_WIDTH, Array, Observation
from kata.datasets.types.pose import (
    pose_compose,
    pose_relative,
    quat_conjugate,
    quat_multiply,
    quat_rotate,
    quat_yaw,
)

_TOOL = ("tool_x", "tool_y", "tool_z", "tool_tilt_x", "tool_tilt_y")
_SLOT = (
    *("dx", "dy", "dz", "distance", "level_distance", "turn"),
    *("spot_dx", "spot_dy", "spot_dz", "spot_distance"),
    *("x", "y", "z", "articulation"),
)


@dataclass(frozen=True, slots=True)
class Start:
    """The state a skill begins in: joints (D,), tool pose (7,) and focus rows (S, K)."""

    position: Array
    tool: Array
    focus: Array

    @classmethod
    def of(cls, observation: Observation) -> Start:
        """From what is seen, with its focus."""
        rows = [thing.row() for thing in observation.focused()]
        return cls(
            observation.position.copy(),
            observation.tool().array(),
            np.array(rows).reshape(len(rows), ENTITY_WIDTH),
        )

    def moved(self, position: Array, tool: Array, carried: Sequence[int] = ()) -> Start:
        """The same scene with the robot elsewhere; slots in `carried` move with the tool."""
        focus = self.focus.copy()
        for slot in carried:
            held = pose_relative(self.tool, focus[slot, :7])
            focus[slot, :7] = pose_compose(tool, held)
            focus[slot, 7:10] += focus[slot, :3] - self.focus[slot, :3]
        return Start(position, tool, focus)


@dataclass(frozen=True, slots=True)
class StartSample:
    """A start and whether the skill then succeeded."""

    start: Start
    success: bool


def feature_names(joints: int, slots: int) -> tuple[str, ...]:
    """Names of the F features, in order."""
    own = (*_TOOL, *(f"joint{i + 1}" for i in range(joints)))
    return own + tuple(f"slot{s + 1}_{name}" for s in range(slots) for name in _SLOT)


def encode(starts: Sequence[Start]) -> Array:
    """Features (N, F): positions seen from the tool, headings without symmetric twins."""
    tool = np.array([start.tool for start in starts])
    joints = np.array([start.position for start in starts])
    focus = np.array([start.focus for start in starts])
    axis = quat_rotate(tool[:, 3:], np.array([0.0, 0.0, 1.0]))
    parts = [tool[:, :3], axis[:, :2], joints]
    parts += [_slot(tool, focus[:, slot]) for slot in range(focus.shape[1])]
    return np.asarray(np.nan_to_num(np.concatenate(parts, axis=1)))


def _slot(tool: Array, row: Array) -> Array:
    """Columns (N, F_s) of one slot (N, K) seen from the tool (N, 7)."""
    gap, spot = row[:, :3] - tool[:, :3], row[:, 7:10] - tool[:, :3]
    fold = 2.0 * np.pi / np.maximum(row[:, 14], 1.0)
    heading = quat_yaw(quat_multiply(row[:, 3:7], quat_conjugate(tool[:, 3:])))
    turn: Array = np.abs(heading - fold * np.round(heading / fold))
    lengths = [np.asarray(np.linalg.norm(v, axis=1)) for v in (gap, gap[:, :2], spot)]
    columns = [gap, lengths[0], lengths[1], turn, spot, lengths[2], row[:, :3], row[:, 13]]
    return np.asarray(np.column_stack(columns))
