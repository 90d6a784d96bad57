"""The observation as it will be when a reply acts: where the robot is sent until then, it will be.

A policy answers for what it sees. What it sees at the request is over when the reply comes, and a
chunk for it would jump from what was carried out meanwhile to what should have been.
Legend: `D` joints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kata.datasets.types import (
    Array,
    EntityState,
    Kinematics,
    Observation,
    Pose,
    RobotSpec,
    Trajectory,
)
from kata.datasets.types.pose import pose_compose, pose_relative
from kata.skills.handover.curve import state
from kata.skills.handover.grips import GRIP_M

_REACH_M = 0.03
"""What has its middle, or its handle, so near the tool is between the fingers."""


def foreseen(
    observation: Observation,
    running: Trajectory,
    ahead_s: float,
    robot: RobotSpec,
    kinematics: Kinematics,
) -> Observation:
    """The observation `ahead_s` later, if the robot moves as it is sent.

    What differs between measured and commanded joints stays so. What the fingers hold moves along;
    they close no further than the thing between them. Everything else stays where it is, so that
    what is pushed is seen late.
    """
    now_s = observation.time_s
    now, then = state(running, now_s), state(running, now_s + ahead_s)
    position = observation.position + then.position - now.position
    carried: dict[str, str] = {}
    for hand, tool in observation.tools.items():
        index = gripper_column(robot, hand)
        opening = float(observation.position[index])
        near = _between(observation, tool)
        if opening > now.position[index] + GRIP_M:
            carried |= dict.fromkeys(near, hand)
            position[index] = max(opening, then.position[index])
        elif near:
            least = 2.0 * min(float(min(thing.half_extents[:2])) for thing in near.values())
            position[index] = max(position[index], min(least, opening))
    position = robot.limits.clip(position)
    tools = {hand: kinematics.forward(position, hand) for hand in observation.tools}
    entities = dict(observation.entities)
    for name, hand in carried.items():
        before, after = observation.tools[hand].array(), tools[hand].array()
        entities[name] = _moved(entities[name], before, after)
    return replace(
        observation, time_s=now_s + ahead_s, position=position, velocity=then.velocity,
        tools=tools, entities=entities,
    )  # fmt: skip


def gripper_column(robot: RobotSpec, hand: str) -> int:
    """Index (of D) of a hand's gripper."""
    name = robot.hand(hand).gripper
    return next(part.start for part in robot.parts if part.name == name)


def _between(observation: Observation, tool: Pose) -> Mapping[str, EntityState]:
    """What is about a tool, by name."""
    return {
        name: thing
        for name, thing in observation.entities.items()
        if any(
            abs(place - tool.position).max() < _REACH_M
            for place in (thing.pose.position, thing.spot)
        )
    }


def _moved(thing: EntityState, before: Array, after: Array) -> EntityState:
    """A thing that a tool has taken along from one pose (7,) to another."""
    pose = Pose.from_array(pose_compose(after, pose_relative(before, thing.pose.array())))
    return replace(thing, pose=pose, spot=thing.spot + pose.position - thing.pose.position)
