"""Jerk-limited profiles by ruckig, as trajectories with a knot a servo period.

Source: Berscheid and Kroeger, "Jerk-limited Real-time Trajectory Generation with Arbitrary Target
States", RSS 2021. Legend: `D` joints, `N` instants.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import ruckig

from kata.datasets.types import Array, Command, ExecutionError, Limits, Trajectory

from .curve import EPSILON_S, Samples


def scaled(
    limits: Limits, velocity: float = 1.0, acceleration: float = 1.0, jerk: float = 1.0
) -> Limits:
    """Limits with these shares of the dynamic bounds; positions stay."""
    return Limits(
        limits.lower,
        limits.upper,
        limits.velocity * velocity,
        limits.acceleration * acceleration,
        limits.jerk * jerk,
    )


class Profile:
    """A jerk-limited motion from one state to another, joint by joint.

    Args:
        start: position, velocity and acceleration to start with; more acceleration than the
            limits is a kink of the old trajectory and cut off.
        goal: position (D,) to reach at rest, or None to come to rest anywhere.
        limits: bounds of the motion itself; positions are not checked here.
        together: whether all joints arrive at one time.
        speed: velocity (D,) at the goal; at rest without it.
        least_s: arrive no sooner than that.

    Raises:
        ExecutionError: where ruckig finds no profile.
    """

    def __init__(
        self,
        start: Command,
        goal: Array | None,
        limits: Limits,
        *,
        together: bool = False,
        speed: Array | None = None,
        least_s: float = 0.0,
    ) -> None:
        size = len(start.position)
        solver, order, self._result = _workspace(size)
        stop = goal is None
        order.control_interface = (
            ruckig.ControlInterface.Velocity if stop else ruckig.ControlInterface.Position
        )
        sync = ruckig.Synchronization
        order.synchronization = sync.Time if together else sync.No
        order.current_position = start.position.tolist()
        order.current_velocity = start.velocity.tolist()
        order.current_acceleration = np.clip(
            start.acceleration, -limits.acceleration, limits.acceleration
        ).tolist()
        order.target_position = [0.0] * size if goal is None else goal.tolist()
        order.target_velocity = [0.0] * size if speed is None else speed.tolist()
        order.minimum_duration = least_s or None
        order.target_acceleration = [0.0] * size
        order.max_velocity = limits.velocity.tolist()
        order.max_acceleration = limits.acceleration.tolist()
        order.max_jerk = limits.jerk.tolist()
        try:
            result = solver.calculate(order, self._result)
        except (ruckig.RuckigError, ValueError) as error:
            # Its binding has no name for some of its own results, and says so by ValueError.
            raise ExecutionError("no jerk-limited motion", got=str(error)) from error
        if result not in (ruckig.Result.Working, ruckig.Result.Finished):
            raise ExecutionError("no jerk-limited motion", got=str(result))
        self.duration_s = float(self._result.duration)

    def sample(self, times_s: Array) -> Samples:
        """State at instants (N,) after the start; after the end it goes on as it arrives."""
        at = self._result.at_time
        flat = [x for t in times_s.tolist() for state in at(t) for x in state]
        states = np.array(flat).reshape(len(times_s), 3, -1)
        return Samples(states[:, 0], states[:, 1], states[:, 2])

    def switches(self) -> Array:
        """Instants (N,) of 0, of the end and of every change of jerk in between, increasing.

        Between two of them the motion is a cubic, so that knots there give the very same motion.
        """
        changes = [0.0, self.duration_s]
        for profile in self._result.profiles[0]:
            begin = sum(profile.brake.t)
            changes += [profile.brake.t[0], begin, *(begin + np.cumsum(profile.t))]
        return distinct(np.clip(changes, 0.0, self.duration_s))

    def trajectory(self, now_s: float, step_s: float) -> Trajectory:
        """The motion from `now_s` on, with a knot each `step_s` and one at its end."""
        times = steps(self.duration_s, step_s)
        samples = self.sample(times)
        samples.velocity[-1] = 0.0
        return Trajectory(now_s + times, samples.position, samples.velocity)


def distinct(times_s: Array) -> Array:
    """Instants in order, without those that are as good as another; the first and last stay."""
    times = np.unique(times_s)
    inner = times[1:-1]
    apart = (np.diff(times)[:-1] > 2 * EPSILON_S) & (times[-1] - inner > 2 * EPSILON_S)
    return np.asarray(np.concatenate([times[:1], inner[apart], times[1:][-1:]]))


def steps(duration_s: float, step_s: float) -> Array:
    """Instants (N,) from 0 on: every `step_s`, and the first that is not before `duration_s`."""
    count = max(1, int(np.ceil(duration_s / step_s - 1e-9)))
    return np.asarray(np.arange(count + 1) * step_s)


def brake(now: Command, limits: Limits, now_s: float, step_s: float) -> Trajectory:
    """From a moving state to rest, jerk-limited and no further than it takes."""
    stop = Profile(now, None, limits).trajectory(now_s, step_s)
    inside = np.clip(stop.position, limits.lower, limits.upper)
    return Trajectory(stop.times_s, inside, stop.velocity)


@lru_cache(maxsize=8)
def _workspace(size: int) -> tuple[Any, Any, Any]:
    """Solver, input and result of one size; making them anew costs more than solving."""
    return ruckig.Ruckig(size), ruckig.InputParameter(size), ruckig.Trajectory(size)
