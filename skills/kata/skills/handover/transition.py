"""Transitions: a velocity-matched move from where the last skill left off to a good start.

The move starts with the joints' own position, velocity and acceleration and ends at rest. Where the
tool is low, or the straight way would touch something, it goes up, over and down.
Legend: `D` joints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kata.datasets.types import (
    Array,
    Command,
    ExecutionError,
    Kinematics,
    Limits,
    Observation,
    Pose,
    RobotSpec,
    Trajectory,
)
from kata.datasets.types.pose import pose_compose, pose_relative

from .curve import appended, sample
from .profile import Profile, scaled

Clearance = Callable[[Array], float]
"""Least distance in m of the robot at joints (D,) from everything else."""


@dataclass(frozen=True, slots=True)
class TransitionOptions:
    """How a transition moves.

    Attributes:
        velocity_share, acceleration_share, jerk_share: of the robot's limits.
        low_m: a tool below this height above the robot's base goes up before anything else.
        lift_m: how far up it goes; less, where that is out of reach.
        clearance_m: distance to keep where there is a clearance.
        longest_s: a transition that would take longer is not made.
    """

    velocity_share: float = 0.5
    acceleration_share: float = 0.25
    jerk_share: float = 0.03
    low_m: float = 0.18
    lift_m: float = 0.14
    clearance_m: float = 0.01
    longest_s: float = 6.0
    step_s: float = 0.01


@dataclass(frozen=True, slots=True)
class Move:
    """A transition: its trajectory, the way it takes and why."""

    trajectory: Trajectory
    way: str
    clearance_m: float


def imagine(
    observation: Observation, at: Command, kinematics: Kinematics, carried: Sequence[str] = ()
) -> Observation:
    """The observation with the robot at rest at `at`, what it carries moved along."""
    tools: Mapping[str, Pose] = {
        hand: kinematics.forward(at.position, hand) for hand in observation.tools
    }
    before, after = observation.tool().array(), next(iter(tools.values())).array()
    entities = dict(observation.entities)
    for name in carried:
        entity = entities[name]
        held = pose_relative(before, entity.pose.array())
        pose = Pose.from_array(pose_compose(after, held))
        spot = entity.spot + pose.position - entity.pose.position
        entities[name] = replace(entity, pose=pose, spot=spot)
    return replace(
        observation,
        position=at.position,
        velocity=np.zeros_like(at.position),
        tools=tools,
        entities=entities,
    )


@dataclass(frozen=True, slots=True)
class Mover:
    """Makes transitions for one robot.

    Attributes:
        clearance: where the world can tell; without it only the lift protects.
    """

    robot: RobotSpec
    kinematics: Kinematics
    options: TransitionOptions = TransitionOptions()
    clearance: Clearance | None = None

    def to(self, now: Command, goal: Array, now_s: float) -> Move | str:
        """A move to `goal` (D,) at rest, or why there is none.

        Grippers stay at their commanded opening, so that what is held stays held.
        """
        goal = self.robot.limits.clip(goal)
        for part in self.robot.parts:
            if part.kind == "gripper":
                goal[part.slice] = now.position[part.slice]
        limits = scaled(
            self.robot.limits,
            self.options.velocity_share,
            self.options.acceleration_share,
            self.options.jerk_share,
        )
        low = self.kinematics.forward(now.position).position[2] < self.options.low_m
        ways = ("over", "straight") if low else ("straight", "over")
        reasons = []
        for way in ways:
            points = [goal] if way == "straight" else self._over(now.position, goal)
            move = self._along(now, points, now_s, limits, way)
            if isinstance(move, Move):
                return move
            reasons.append(move)
        return "; ".join(reasons)

    def _over(self, start: Array, goal: Array) -> list[Array]:
        """Up from the start, above the goal, the goal; a point out of reach is left out."""
        high = max(
            self.kinematics.forward(start).position[2] + self.options.lift_m,
            self.kinematics.forward(goal).position[2],
        )
        above = [self._raised(start, high, start), self._raised(goal, high, goal)]
        return [point for point in above if point is not None] + [goal]

    def _raised(self, position: Array, high: float, seed: Array) -> Array | None:
        tool = self.kinematics.forward(position)
        for share in (1.0, 0.6, 0.3):
            height = tool.position[2] + share * (high - tool.position[2])
            if height < tool.position[2] + 0.01:
                return None
            lifted = Pose(np.array([*tool.position[:2], height]), tool.quaternion)
            point = self.kinematics.solve(lifted, seed)
            if point is not None and np.abs(point - position).max() < 1.2:
                return self.robot.limits.clip(point)
        return None

    def _along(
        self, now: Command, points: Sequence[Array], now_s: float, limits: Limits, way: str
    ) -> Move | str:
        try:
            path = Profile(now, points[0], limits, together=True).trajectory(
                now_s, self.options.step_s
            )
            for point in points[1:]:
                rest = Command.hold(path.position[-1])
                leg = Profile(rest, point, limits, together=True)
                path = appended(path, leg.trajectory(path.end_s, self.options.step_s))
        except ExecutionError as error:
            return f"{way}: {error.got or error.what}"
        if path.end_s - now_s > self.options.longest_s:
            return f"{way}: would take {path.end_s - now_s:.1f} s"
        inside = self.robot.limits.clip(path.position)
        if np.abs(inside - path.position).max() > 0.02:
            return f"{way}: leaves the joint limits"
        path = Trajectory(path.times_s, inside, path.velocity)
        if self.clearance is None:
            return Move(path, way, float("nan"))
        nearest, allowed = self._nearest(path, now.position)
        if nearest < allowed:
            return f"{way}: comes as near as {nearest * 1000:.0f} mm"
        return Move(path, way, nearest)

    def _nearest(self, path: Trajectory, start: Array) -> tuple[float, float]:
        """Least clearance along the path, and what is allowed: no worse than it begins."""
        assert self.clearance is not None
        count = max(4, int((path.end_s - path.start_s) / 0.1))
        times = np.asarray(np.linspace(path.start_s, path.end_s, count + 1)[1:], dtype=float)
        distances = [self.clearance(q) for q in sample(path, times).position]
        begin = self.clearance(start)
        return min(distances), min(self.options.clearance_m, begin - 0.002)
