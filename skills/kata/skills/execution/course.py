"""The trajectory that the joints follow, tick by tick, within the limits of the robot.

Legend: `D` joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from kata.datasets.types import Array, Command, ExecutionError, Limits, RobotSpec, Trajectory
from kata.skills.handover.curve import EPSILON_S, sample, state
from kata.skills.handover.profile import Profile, brake, scaled, steps

from .landing import Track, within
from .motion import arm_indices

_CATCH_UP = 0.8
"""Share of the limits of jerk with which joints come to what they could not follow at once."""

_MEETINGS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
"""How much later they may be on it again; the first that the limits allow counts."""


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
        self._most = robot.limits.jerk * period_s**3
        self._before: tuple[Array, Array] = (np.zeros(robot.size), np.zeros(robot.size))
        self._arms = list(arm_indices(robot))

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
        self._before = (self._last, self._last)

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
        if self._smooth and self._jolts(command.position) and self._gone_on(now_s):
            wanted = self._track.command(now_s)
            command = within(wanted, self._last, self._step, limits.lower, limits.upper)
        self._before = (self._before[1], self._last)
        self._last = command.position
        return command

    def _jolts(self, position: Array) -> bool:
        """Whether an arm that went there now would break its limits of jerk."""
        assert self._last is not None
        older, old = self._before
        change = position - 3.0 * self._last + 3.0 * old - older
        return bool((np.abs(change) > self._most)[self._arms].any())

    def _gone_on(self, now_s: float) -> bool:
        """Go on from how the joints move, and meet what is followed as soon as the limits let them.

        So do joints that were held back by their limits of speed, and chunks that turn about.
        """
        assert self._last is not None
        older, old = self._before
        path, span = self.trajectory, self._period_s
        bend = (self._last - 2.0 * old + older) / span**2
        speed = (self._last - old) / span + 0.5 * span * bend
        fastest = self._limits.velocity
        now = Command(self._last, np.clip(speed, -fastest, fastest), bend)
        full = scaled(self._limits, 1.0, 1.0, _CATCH_UP)
        most = np.maximum(full.acceleration, np.abs(bend))
        limits = Limits(full.lower, full.upper, full.velocity, most, full.jerk)
        for meet_s in _MEETINGS_S:
            then = state(path, now_s + meet_s)
            goal_speed = np.clip(then.velocity, -fastest, fastest)
            with suppress(ExecutionError):
                way = Profile(
                    now, then.position, limits, together=True, speed=goal_speed, least_s=meet_s
                )
                if way.duration_s < meet_s + EPSILON_S:
                    self.follow(_met(path, way, now_s, meet_s, span, self._arms), now_s)
                    return True
        return False


def _met(
    path: Trajectory, way: Profile, now_s: float, meet_s: float, span_s: float, arms: list[int]
) -> Trajectory:
    """The path, but until `meet_s` from now arms go another way; grippers go as they went."""
    times = steps(meet_s, span_s)
    over, own = way.sample(times), sample(path, now_s + times)
    position, velocity = own.position.copy(), own.velocity.copy()
    position[:, arms], velocity[:, arms] = over.position[:, arms], over.velocity[:, arms]
    position[-1], velocity[-1] = own.position[-1], own.velocity[-1]
    later = path.times_s > now_s + times[-1] + EPSILON_S
    return Trajectory(
        np.concatenate([now_s + times, path.times_s[later]]),
        np.vstack([position, path.position[later]]),
        np.vstack([velocity, path.velocity[later]]),
    )


def alone(trajectory: Trajectory, columns: Sequence[int], at: Array) -> Trajectory:
    """The motion of these joints, of D; the others stand at `at` (D,)."""
    others = np.ones(len(at), dtype=bool)
    others[list(columns)] = False
    position, velocity = trajectory.position.copy(), trajectory.velocity.copy()
    position[:, others], velocity[:, others] = at[others], 0.0
    return Trajectory(trajectory.times_s, position, velocity)
