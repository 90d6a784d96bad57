"""What a recipe looks at and what it asks for: the tool, the call's entities, a target.

Frame: the world's; z up. The tool points down: its x axis has the heading `yaw`, its fingers open
along its y axis. One hand is looked at; who needs two looks at each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kata.datasets.types import EntityState, Hand, Observation, RobotSpec
from kata.datasets.types.pose import Array, quat_multiply, quat_rotate, quat_yaw, yaw_quat

DOWN = np.array([0.0, 1.0, 0.0, 0.0])
"""Orientation of a tool that points down with heading 0."""

_WRIST_CENTRE_RAD, _WRIST_SPAN_RAD = 0.7, 1.9
"""Headings, relative to the bearing of the target, that a Franka wrist reaches with room to
spare; other arms have more."""

_MOST_TURN_RAD = 2.0

UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, slots=True)
class Sight:
    """One observation as recipes need it; everything an expert decides follows from it.

    Attributes:
        hand: its name; `base` (3,) m is where its arm stands.
        tool: (3,) m, position of the tool; `yaw` its heading in rad, `orientation` (4,) all of it.
        tilt: rad, by how much the tool is off pointing down.
        opening, closing: gripper, in m, and the speed at which it closes, in m/s.
        slots: the entities that the call names, in its order.
    """

    hand: str
    base: Array
    tool: Array
    orientation: Array
    yaw: float
    tilt: float
    opening: float
    closing: float
    slots: tuple[EntityState, ...]

    @classmethod
    def of(cls, observation: Observation, robot: RobotSpec, hand: Hand) -> Sight:
        """Read an observation as a hand of a robot needs it."""
        tool, gripper = observation.tool(hand.name), robot.part(hand.gripper).start
        axis = quat_rotate(tool.quaternion, UP)
        return cls(
            hand.name,
            np.array(hand.base_m),
            tool.position,
            tool.quaternion,
            tool_heading(tool.quaternion),
            float(np.arccos(np.clip(-axis[2], -1.0, 1.0))),
            float(observation.position[gripper]),
            -float(observation.velocity[gripper]),
            observation.focused(),
        )

    def turn(self, wanted_rad: float, fold: int, place: Array) -> float:
        """Of the `fold` equivalent headings the one nearest to now that the wrist reaches.

        `place` (3,) is where the tool is going.
        """
        period = 2.0 * np.pi / fold
        way = place - self.base
        centre = np.arctan2(way[1], way[0]) + _WRIST_CENTRE_RAD
        now = centre + wrap(self.yaw - centre)
        nearest = wanted_rad + period * np.round((now - wanted_rad) / period)
        options = [nearest + k * period for k in (0, -1, 1, -2, 2)]
        fits = [y for y in options if abs(y - centre) <= _WRIST_SPAN_RAD]
        best = min(fits or options, key=lambda y: abs(y - now))
        # Never more than this at once: the short way round could lead through the wrist's stop.
        return float(now + np.clip(best - now, -_MOST_TURN_RAD, _MOST_TURN_RAD))


@dataclass(frozen=True, slots=True)
class Target:
    """Where the tool should go next, and how.

    Attributes:
        position: (3,) m of the tool; `yaw` its heading; `opening` of the gripper in m.
        travel: m, height to keep while far away sideways; None to go there straight.
        axis: (3,) unit vector: deviations from the line along it through `position` are corrected
            at once, while the way along it takes its time; None for the direct way.
        speed: m/s, greatest.
        phase: a word for what is going on, for the dataset's column.
        orientation: (4,) of a tool that shall not point down; `yaw` does not count then.
        hand: whose tool; "" is the call's first.
    """

    phase: str
    position: Array
    yaw: float
    opening: float
    travel: float | None = None
    axis: Array | None = None
    speed: float = 0.5
    orientation: Array | None = None
    hand: str = ""


def heading(entity: EntityState) -> float:
    """Heading in rad of an entity's x axis."""
    return float(quat_yaw(entity.pose.quaternion))


def tool_heading(quaternion: Array) -> float:
    """Heading in rad of the x axis of a tool (4,) that points about down."""
    return float(quat_yaw(quat_multiply(quaternion, DOWN * np.array([1.0, -1.0, -1.0, -1.0]))))


def pointing_down(yaw_rad: float) -> Array:
    """Quaternion (4,) of a tool that points down with a heading."""
    return quat_multiply(yaw_quat(yaw_rad), DOWN)


def wrap(angle_rad: float) -> float:
    """The angle in [-pi, pi)."""
    return float((angle_rad + np.pi) % (2.0 * np.pi) - np.pi)


def lying_yaw(entity: EntityState) -> float:
    """Heading of an edge of a box, whichever of its faces is up."""
    axes = quat_rotate(entity.pose.quaternion[None], np.eye(3))
    flat = axes[int(np.argmin(np.abs(axes[:, 2])))]
    return float(np.arctan2(flat[1], flat[0]))


def width(entity: EntityState) -> float:
    """How far the fingers stay apart around an object, in m."""
    return 2.0 * float(min(entity.half_extents[:2]))
