"""What already runs, as actions of the chunk that is asked for next.

Legend: `P` actions of a prefix, `A` width of an action, `D` joints.
"""

from __future__ import annotations

import math

import numpy as np

from kata.datasets.tool_actions import relative_actions
from kata.datasets.types import (
    Array,
    ChunkSpec,
    Kinematics,
    Observation,
    Pose,
    RobotSpec,
    Trajectory,
)
from kata.skills.handover.curve import sample

from .foresight import gripper_column


def running_actions(
    running: Trajectory,
    observation: Observation,
    start_s: float,
    spec: ChunkSpec,
    robot: RobotSpec,
    kinematics: Kinematics,
    hand: str = "",
) -> Array | None:
    """The actions (P, A) that `running` carries out from `start_s` on, P at most H.

    Only what it really says: what lies after its end is no intention to stand still, and is left
    out, so that nothing is filled up. None where nothing is left of it, and where actions are a
    hand's but the call has several and `hand` does not say whose.
    """
    left = (running.end_s - start_s) / spec.step_s
    count = min(spec.horizon, math.floor(left + 1e-6))
    if count < 1:
        return None
    times = start_s + spec.step_s * np.arange(1, count + 1, dtype=float)
    position = sample(running, times).position
    if spec.frame == "joint":
        return position if spec.width == robot.size else None
    if not hand and len(observation.hands) > 1:
        return None
    if hand not in observation.tools:
        hand = next(iter(observation.tools))
    tools = [kinematics.forward(joints, hand) for joints in position]
    opening = position[:, gripper_column(robot, hand)]
    return _relative(observation.tool(hand), tools, opening)


def committed_actions(delay_s: float, step_s: float) -> int:
    """How many actions are carried out while the reply is on its way."""
    return math.ceil(delay_s / step_s - 1e-6)


def _relative(reference: Pose, tools: list[Pose], opening: Array) -> Array:
    targets = np.array([tool.array() for tool in tools])
    actions = relative_actions(reference.array(), targets, opening)
    return np.asarray(actions, dtype=float)
