"""What grippers do on a transition: when they open or close, and when they stay as they are.

Legend: `D` joints, `W` points of a way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kata.datasets.types import Array, Command, RobotSpec, SpecError

GRIP_M = 0.004
"""A gripper that is wider open than it is told to be, by this much, has something in it."""


def _grips(robot: RobotSpec) -> list[slice]:
    return [part.slice for part in robot.parts if part.kind == "gripper"]


def kept(robot: RobotSpec, now: Command, point: Array) -> Array:
    """A point (D,) inside the limits, with the grippers as they are commanded now."""
    there = robot.limits.clip(point)
    for grip in _grips(robot):
        there[grip] = now.position[grip]
    return there


def goal_of(
    robot: RobotSpec, now: Command, goal: Array, carried: Sequence[str], measured: Array | None
) -> Array:
    """The goal (D,) inside the limits, with the opening that each gripper shall have there.

    Args:
        robot: whose it is.
        now: as it is commanded.
        goal: where to; a gripper that is NaN there stays as it is commanded.
        carried: what the hand holds; with any, all grippers stay.
        measured: joints (D,) as they are; a gripper that is kept open by what it has stays, too.

    Raises SpecError for a goal of another width, or an arm's joint that is not finite.
    """
    if goal.shape != now.position.shape:
        raise SpecError(
            "a start of another robot", expected=str(now.position.shape), got=str(goal.shape)
        )
    goal = robot.limits.clip(goal)
    for grip in _grips(robot):
        present = now.position[grip]
        squeezes = measured is not None and bool((measured[grip] - present > GRIP_M).any())
        # A goal that is NaN compares as near, and so stays.
        near = not (np.abs(goal[grip] - present) > GRIP_M).any()
        if carried or squeezes or near:
            goal[grip] = present
    if not np.isfinite(goal).all():
        raise SpecError("a start that is not finite", got=str(goal))
    return goal


def gripping(robot: RobotSpec, now: Command, points: Sequence[Array]) -> list[Array]:
    """The way (W of D,) with the grippers' openings: they change on the last leg but one.

    So the hand has left what it was at, and is open before it comes near to what it goes to.
    """
    grips, goal = _grips(robot), points[-1]
    if all((goal[grip] == now.position[grip]).all() for grip in grips):
        return list(points)
    way = list(points) if len(points) > 1 else [0.5 * (now.position + goal), goal]
    out = [point.copy() for point in way]
    for k, point in enumerate(out):
        for grip in grips:
            point[grip] = (goal if k >= len(out) - 2 else now.position)[grip]
    return out
