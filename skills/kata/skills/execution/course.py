"""The trajectory that the joints follow, tick by tick, within the limits of the robot.

Legend: `D` joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from kata.datasets.types import Array, Command, ExecutionError, RobotSpec, Trajectory
from kata.skills.handover.blend import JerkLimited
from kata.skills.handover.curve import state
from kata.skills.handover.profile import brake, scaled

from .landing import Track, within
from .motion import arm_indices

_BEHIND_RAD = 1e-6
_CATCH_UP = 0.3
"""Share of the limits of jerk with which joints catch up that could not be fast enough."""


class Course:
    """What the joints follow, and where they were sent last.

    Args:
        smooth: come to rest with bounded jerk; else at once, where the command is.

    Attributes:
        moved: whether it has ever been anything but a hold.
    """

    def __init__(self, robot: RobotSpec, period_s: float, *, smooth: bool) -> None:
        self._limits, self._period_s, self._smooth = robot.limits, period_s, smooth
        self._step = robot.limits.velocity * period_s
        self._track: Track | None = None
        self._last: Array | None = None
        self.moved = False
        self._arms = list(arm_indices(robot))
        others = tuple(i for i in range(robot.size) if i not in self._arms)
        self._catch_up = JerkLimited(period_s, 1.0, _CATCH_UP, others)

    @property
    def begun(self) -> bool:
        """Whether there is a trajectory yet."""
        return self._track is not None

    @property
    def trajectory(self) -> Trajectory:
        """What is followed."""
        assert self._track is not None
        return self._track.trajectory

    def begin(self, trajectory: Trajectory, now_s: float, last: Array) -> None:
        """Follow a trajectory from `now_s` on; the last command was at `last` (D,)."""
        self.follow(trajectory, now_s)
        self._last = last.copy()

    def follow(self, trajectory: Trajectory, now_s: float) -> None:
        """Go on with another trajectory."""
        self.moved = self.moved or len(trajectory.times_s) > 1
        self._track = Track(trajectory, now_s, self._period_s)

    def rest(self, now_s: float) -> None:
        """Come to rest."""
        assert self._last is not None
        if not self._smooth:
            self.follow(Trajectory.hold(now_s, self._last), now_s)
            return
        now = state(self.trajectory, now_s)
        limits = scaled(self._limits, 1.0, 0.5, 0.1)
        self.follow(brake(now, limits, now_s, self._period_s), now_s)

    def state(self, now_s: float) -> Command:
        """Where the joints should be now, and how they should move."""
        return state(self.trajectory, now_s)

    def command(self, now_s: float) -> Command:
        """The command for the period that begins now, within the limits."""
        assert self._track is not None
        assert self._last is not None
        limits = self._limits
        wanted = self._track.command(now_s)
        command = within(wanted, self._last, self._step, limits.lower, limits.upper)
        if self._smooth and command is not wanted:
            self._fall_behind(wanted, command, now_s)
        self._last = command.position
        return command

    def _fall_behind(self, wanted: Command, command: Command, now_s: float) -> None:
        """Go on from a command that could not be as fast as it should, and catch up smoothly.

        Without that the joints would catch up as fast as they may, and then stop doing so at once.
        """
        limits, arms = self._limits, self._arms
        inside = np.clip(wanted.position, limits.lower, limits.upper)
        if np.abs(inside - command.position)[arms].max(initial=0.0) < _BEHIND_RAD:
            return
        assert self._last is not None
        then_s = now_s + self._period_s
        places = np.stack([self._last, command.position])
        speeds = np.repeat(np.diff(places, axis=0) / self._period_s, 2, axis=0)
        was = Trajectory(np.array([now_s, then_s]), places, speeds)
        with suppress(ExecutionError):
            self.follow(self._catch_up.join(was, self.trajectory, then_s, limits), then_s)


def alone(trajectory: Trajectory, columns: Sequence[int], at: Array) -> Trajectory:
    """The motion of these joints, of D; the others stand at `at` (D,)."""
    others = np.ones(len(at), dtype=bool)
    others[list(columns)] = False
    position, velocity = trajectory.position.copy(), trajectory.velocity.copy()
    position[:, others], velocity[:, others] = at[others], 0.0
    return Trajectory(trajectory.times_s, position, velocity)
