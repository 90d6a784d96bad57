"""Trajectories as arrays: sampled, cut, slowed and joined at a knot.

Legend: `T` knots, `N` sampled instants, `D` joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kata.datasets.types import Array, Command, Trajectory

EPSILON_S = 1e-4
"""Instants nearer than this are one instant: clocks add up, and a span this short has no slope."""


@dataclass(frozen=True, slots=True)
class Samples:
    """A trajectory at N instants: position, velocity and acceleration, each (N, D)."""

    position: Array
    velocity: Array
    acceleration: Array

    def command(self, index: int) -> Command:
        """The command at one of the instants."""
        return Command(self.position[index], self.velocity[index], self.acceleration[index])


def sample(trajectory: Trajectory, times_s: Array) -> Samples:
    """The trajectory at `times_s` (N,): as `Trajectory.at`, for all instants at once."""
    knots = trajectory.times_s
    if len(knots) == 1:
        position = np.repeat(trajectory.position, len(times_s), axis=0)
        return Samples(position, np.zeros_like(position), np.zeros_like(position))
    i = np.clip(np.searchsorted(knots, times_s, side="right") - 1, 0, len(knots) - 2)
    span = (knots[i + 1] - knots[i])[:, None]
    u = np.clip((times_s[:, None] - knots[i][:, None]) / span, 0.0, 1.0)
    p0, m0 = trajectory.position[i], span * trajectory.velocity[i]
    m1 = span * trajectory.velocity[i + 1]
    rise = trajectory.position[i + 1] - p0
    c2, c3 = 3 * rise - 2 * m0 - m1, m0 + m1 - 2 * rise
    outside = ((times_s < knots[0]) | (times_s > knots[-1]))[:, None]
    return Samples(
        p0 + u * (m0 + u * (c2 + u * c3)),
        np.where(outside, 0.0, (m0 + u * (2 * c2 + 3 * u * c3)) / span),
        np.where(outside | (times_s >= knots[-1])[:, None], 0.0, (2 * c2 + 6 * u * c3) / span**2),
    )


def state(trajectory: Trajectory, time_s: float) -> Command:
    """As `Trajectory.at`, but what is not quite begun has begun: its clock may differ a little."""
    start = trajectory.start_s
    return trajectory.at(start if start - EPSILON_S < time_s < start else time_s)


def cut(trajectory: Trajectory, time_s: float) -> Trajectory:
    """The part from `time_s` on; the same curve, since a part of a cubic is a cubic."""
    if time_s < trajectory.start_s - EPSILON_S:
        return trajectory
    early = trajectory.start_s - time_s
    if early > 0:
        position = trajectory.position.copy()
        position[0] -= early * trajectory.velocity[0]
        times = np.concatenate([[time_s], trajectory.times_s[1:]])
        return Trajectory(times, position, trajectory.velocity)
    if time_s >= trajectory.end_s - EPSILON_S:
        return Trajectory.hold(time_s, trajectory.position[-1])
    return head(trajectory, time_s, trajectory.at(time_s))


def head(trajectory: Trajectory, time_s: float, now: Command, least_s: float = 0.0) -> Trajectory:
    """Start as `now` at `time_s`, then pass the knots that are more than `least_s` later.

    The last knot is always passed: later than its time where it is nearer than `least_s`.
    """
    keep = trajectory.times_s > time_s + max(least_s, EPSILON_S)
    times = trajectory.times_s[keep]
    if len(times) == 0:
        keep[-1] = True
        times = np.array([time_s + max(least_s, 2 * EPSILON_S)])
    return Trajectory(
        np.concatenate([[time_s], times]),
        np.vstack([now.position, trajectory.position[keep]]),
        np.vstack([now.velocity, trajectory.velocity[keep]]),
    )
