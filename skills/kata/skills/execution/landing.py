"""How a chunk becomes motion: checked, laid on the clock, and joined to what runs already.

Legend: `H` actions of a chunk, `D` joints, `N` ticks of the servo.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from kata.datasets.types import (
    ActionChunk,
    Array,
    Command,
    ExecutionError,
    KataError,
    Kinematics,
    RobotSpec,
    Trajectory,
)
from kata.skills.contract.contract import Contract
from kata.skills.handover.blend import Blend, JerkLimited, make_blend
from kata.skills.handover.curve import EPSILON_S, head, sample, state

from .motion import arm_indices
from .states import Place

_NEAR = 0.4
"""Share of a step: a knot that is nearer than this is left out."""

_SPEED_SLACK = 3.0
"""A chunk's first action makes up for the servo's lag, so that one step may be faster."""


_ROUGH = 0.2
"""Share of the limits of jerk from which on a chunk is blended in the middle of the work, and that
the blend may use."""

_EASE = 1.4
"""Steps within which an arm needs not pass a chunk's actions there: by the second it is on them."""

_HEAD = 6
"""Knots of a chunk whose speeds depend on what ran before it, and are taken anew without that."""

_LOOK_BACK, _LOOK_AHEAD = 3, 16
"""Ticks around a landing whose jerk is looked at: those before it, and the chunk's first steps."""


def refusal(chunk: ActionChunk, contract: Contract, robot: RobotSpec) -> str:
    """Why a chunk must not be executed; empty if it may."""
    values = chunk.values
    if not chunk.finite or not math.isfinite(chunk.start_s) or not chunk.step_s > 0:
        return "not finite"
    if chunk.frame == "joint":
        if values.shape[1] != robot.size:
            return f"has width {values.shape[1]}, not {robot.size}"
        outside = np.maximum(values - robot.limits.upper, robot.limits.lower - values).max(axis=0)
        worst = int(outside.argmax())
        if outside[worst] > 0.1:
            return f"leaves the limits of {robot.joints[worst]} by {outside[worst]:.2f}"
        return ""
    moves = np.diff(values[:, :3], axis=0, prepend=0.0)
    fastest = float(np.linalg.norm(moves, axis=1).max()) / chunk.step_s
    most = _SPEED_SLACK * contract.limits.speed_m_s
    if fastest > most:
        return f"asks for {fastest:.1f} m/s, more than {most:.1f}"
    return ""


@dataclass(frozen=True, slots=True)
class Lander:
    """Lays chunks onto the running trajectory.

    Attributes:
        seam: how the first chunk of a call is joined to what ran before.
        near: how chunks shortly before and after a seam are joined to the one before.
        amid: how chunks are joined in the middle of a call.

        period_s: of the servo.

    Without a blend a chunk continues in the commanded position and velocity. A policy reckons with
    being followed, and misses by millimetres where a blend is still fading: in the middle of the
    work chunks are blended only where they would be rough, and only the acceleration is; an arm
    then comes to the second action and passes by the first.
    """

    robot: RobotSpec
    kinematics: Kinematics
    seam: Blend | None
    near: Blend | None
    amid: Blend | None = None
    period_s: float = 0.01

    def land(
        self, chunk: ActionChunk, running: Trajectory, now_s: float, place: Place
    ) -> Trajectory | str:
        """The trajectory from `now_s` on, or why there is none."""
        late = math.floor((now_s - chunk.start_s) / chunk.step_s + _NEAR + 1e-9)
        if late >= len(chunk.values):
            return f"too late by {now_s - chunk.start_s:.2f} s"
        if late > 0:
            start = chunk.start_s + late * chunk.step_s
            chunk = replace(chunk, start_s=start, values=chunk.values[late:])
        try:
            path = self.kinematics.follow(chunk, state(running, chunk.start_s))
        except KataError as error:
            return str(error)
        if not np.isfinite(path.position).all():
            return "leads to joints that are not finite"
        if path.velocity.shape != path.position.shape or not np.isfinite(path.velocity).all():
            return "leads to joints without a velocity that is finite, and cannot be joined"
        # A knot of its own that is too near is left out, but none of what runs until it begins.
        least_s = _NEAR * chunk.step_s if path.start_s < now_s + EPSILON_S else 0.0
        plain = head(_after(running, path, now_s), now_s, state(running, now_s), least_s)
        blend = {"seam": self.seam, "near": self.near, "amid": self.amid}[place]
        if place == "amid" and not self._rough(running, plain, now_s):
            return plain
        # What is to begin later than now is joined there, to what runs until then.
        begin_s = max(now_s, path.start_s)
        if blend is not None:
            with suppress(ExecutionError):
                if place == "amid":
                    intended = self._eased(plain, begin_s, _EASE * chunk.step_s)
                else:
                    intended = self._intended(path, begin_s)
                joined = blend.join(running, intended, begin_s, self.robot.limits)
                if begin_s < now_s + EPSILON_S:
                    return joined
                return head(_after(running, joined, now_s), now_s, state(running, now_s))
        return plain

    def _eased(self, plain: Trajectory, begin_s: float, span_s: float) -> Trajectory:
        """The same for grippers; arms pass none of the knots of the first `span_s`."""
        early = (plain.times_s > begin_s + EPSILON_S) & (plain.times_s < begin_s + span_s)
        if not early.any() or early[-1]:
            return plain
        over = sample(head(plain, begin_s, state(plain, begin_s), span_s), plain.times_s)
        position, velocity = plain.position.copy(), plain.velocity.copy()
        rows = np.ix_(np.flatnonzero(early), np.array(arm_indices(self.robot)))
        position[rows], velocity[rows] = over.position[rows], over.velocity[rows]
        return Trajectory(plain.times_s, position, velocity)

    def _rough(self, running: Trajectory, path: Trajectory, now_s: float) -> bool:
        """Whether an arm's commands would come near its limits of jerk where they go over."""
        ticks = self.period_s * np.arange(-_LOOK_BACK, _LOOK_AHEAD, dtype=float)
        before, after = (sample(t, now_s + ticks).position for t in (running, path))
        commands = np.where(ticks[:, None] <= 0.0, before, after)[:, list(arm_indices(self.robot))]
        jerk = np.abs(np.diff(commands, n=3, axis=0)).max(axis=0) / self.period_s**3
        limits = self.robot.limits.jerk[list(arm_indices(self.robot))]
        return bool((jerk > _ROUGH * limits).any())

    def _intended(self, path: Trajectory, now_s: float) -> Trajectory:
        """The path as if the robot had been on it before: its head continues it backwards.

        What runs already is left by the blend, and not within the chunk's first step. Grippers
        have no course of their own; they begin at their first action.
        """
        from scipy.interpolate import CubicSpline

        if len(path.times_s) < 4:
            return path
        position, velocity = path.position.copy(), path.velocity.copy()
        times = path.times_s.copy()
        times[0] = min(times[0], now_s)
        last, limits = min(len(times) - 1, _HEAD), self.robot.limits
        for part in self.robot.parts:
            if part.kind != "gripper":
                ends = ((2, np.zeros(len(part.joints))), (1, velocity[last, part.slice]))
                knots = times[1 : last + 1]
                course = CubicSpline(knots, position[1 : last + 1, part.slice], bc_type=ends)
                most = limits.velocity[part.slice]
                velocity[1 : last + 1, part.slice] = np.clip(course(knots, 1), -most, most)
                velocity[0, part.slice] = velocity[1, part.slice]
                back = position[1] - (times[1] - times[0]) * velocity[1]
                position[0, part.slice] = limits.clip(back)[part.slice]
        return Trajectory(times, position, velocity)


def _after(running: Trajectory, path: Trajectory, now_s: float) -> Trajectory:
    """The path, and before it, where it begins later than now, what runs until then."""
    until = (running.times_s > now_s) & (running.times_s < path.start_s - EPSILON_S)
    if not until.any():
        return path
    return Trajectory(
        np.concatenate([running.times_s[until], path.times_s]),
        np.vstack([running.position[until], path.position]),
        np.vstack([running.velocity[until], path.velocity]),
    )


def make_lander(robot: RobotSpec, kinematics: Kinematics, period_s: float, blend: str) -> Lander:
    """A lander that joins as the blend of that name does; with `none`, one without any.

    Raises UnknownNameError.
    """
    if blend == "none":
        return Lander(robot, kinematics, None, None)
    arms = arm_indices(robot)
    others = tuple(i for i in range(robot.size) if i not in arms)
    seam = make_blend(blend, period_s, others)
    if not isinstance(seam, JerkLimited):
        return Lander(robot, kinematics, seam, seam)
    near = replace(seam, acceleration_share=1.0, jerk_share=0.1)
    amid = replace(seam, acceleration_share=1.0, jerk_share=_ROUGH)
    return Lander(robot, kinematics, seam, near, amid, period_s)


class Track:
    """A trajectory sampled on the ticks of the servo, so that a tick costs next to nothing."""

    def __init__(self, trajectory: Trajectory, now_s: float, period_s: float) -> None:
        self.trajectory, self.start_s, self._period_s = trajectory, now_s, period_s
        length = max(0.0, trajectory.end_s - now_s)
        self._count = math.ceil(length / period_s + 1e-6) + 1
        times = now_s + period_s * np.arange(1, self._count + 1, dtype=float)
        self._samples = sample(trajectory, times)

    def command(self, now_s: float) -> Command:
        """Where the joints shall be at the end of the period that begins at `now_s`."""
        i = round((now_s - self.start_s) / self._period_s)
        return self._samples.command(min(max(i, 0), self._count - 1))


def within(command: Command, last: Array, step: Array, lower: Array, upper: Array) -> Command:
    """The command inside the limits of position, and at most `step` (D,) from the last one."""
    low = np.maximum(lower, last - step)
    high = np.minimum(upper, last + step)
    position = command.position
    if (position >= low).all() and (position <= high).all():
        return command
    # A last command outside the limits comes back as fast as it may.
    clipped = np.minimum(np.maximum(position, low), np.maximum(high, low))
    return Command(clipped, command.velocity, command.acceleration)
