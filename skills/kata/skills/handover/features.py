"""What a start looks like: robot and focus at the instant a skill begins, as numbers.

Legend: `N` starts, `S` slots of focus, `O` other things, `K` numbers an entity, `P` arguments,
`D` joints, `F` features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kata.datasets.types import ENTITY_WIDTH, Array, Observation, SpecError
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


def _no_things() -> Array:
    return np.zeros((0, ENTITY_WIDTH))


@dataclass(frozen=True, slots=True)
class Start:
    """The state a skill begins in.

    Attributes:
        position: (D,) joints.
        tool: (7,) pose of the call's hand.
        focus: (S, K) what the call is about.
        velocity: (D,) of the joints; all zero where nobody looked.
        others: (O, K) all other things; none where nobody looked.
        numbers: (P,) of the call, and at the end which hand it is, of several.
    """

    position: Array
    tool: Array
    focus: Array
    velocity: Array = field(default_factory=lambda: np.zeros(0))
    others: Array = field(default_factory=_no_things)
    numbers: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if not len(self.velocity):
            object.__setattr__(self, "velocity", np.zeros(len(self.position)))

    @classmethod
    def of(cls, observation: Observation) -> Start:
        """From what is seen, with its focus.

        Raises SpecError for an observation without velocity: at rest is another start.
        """
        if observation.velocity.shape != observation.position.shape:
            raise SpecError(
                "an observation without velocity", where="observation.velocity",
                expected=f"{len(observation.position)} numbers, one a joint, in rad/s or m/s",
                got=str(observation.velocity.size),
                hint="a start is judged by how the robot moves; derive velocity from positions",
            )  # fmt: skip
        things = observation.entities.items()
        hand = observation.hands[0] if observation.hands else ""
        which = [list(observation.tools).index(hand)] if hand in observation.tools else [0]
        return cls(
            observation.position.copy(),
            observation.tool(hand).array(),
            _rows(thing.row() for thing in observation.focused()),
            observation.velocity.copy(),
            _rows(thing.row() for name, thing in things if name not in observation.focus),
            np.array([*observation.arguments, *(which if len(observation.tools) > 1 else ())]),
        )

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Start:
        """Inverse of `to_data`; what older files lack is left out. Raises KeyError, ValueError."""
        arrays = {
            name: np.array(data[name], dtype=float)
            for name in ("position", "tool", "focus", "velocity", "others", "numbers")
            if name in data or name in ("position", "tool", "focus")
        }
        for name in ("focus", "others"):
            if name in arrays:
                arrays[name] = arrays[name].reshape(-1, ENTITY_WIDTH)
        return cls(**arrays)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "position": self.position.tolist(),
            "tool": self.tool.tolist(),
            "focus": self.focus.tolist(),
            "velocity": self.velocity.tolist(),
            "others": self.others.tolist(),
            "numbers": self.numbers.tolist(),
        }

    def moved(self, position: Array, tool: Array, carried: Sequence[int] = ()) -> Start:
        """The same scene with the robot elsewhere, at rest; slots in `carried` move along."""
        focus = self.focus.copy()
        for slot in carried:
            held = pose_relative(self.tool, focus[slot, :7])
            focus[slot, :7] = pose_compose(tool, held)
            focus[slot, 7:10] += focus[slot, :3] - self.focus[slot, :3]
        rest = np.zeros(len(position))
        return Start(position, tool, focus, rest, self.others, self.numbers)


def _rows(rows: Iterable[Array]) -> Array:
    return np.array(list(rows), dtype=float).reshape(-1, ENTITY_WIDTH)


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
