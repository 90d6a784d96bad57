"""Smooth joint trajectories through waypoints, with a stop at the end.

Legend: `D` joints, `H` waypoints, `T` knots.
"""

from __future__ import annotations

import functools

import numpy as np

from kata.datasets.types import Array, Command, Limits, Trajectory

_LEAST_STOP_S = 0.02


def through(
    start_s: float, step_s: float, now: Command, targets: Array, limits: Limits, tight: Array
) -> Trajectory:
    """Trajectory from `now` through `targets` (H, D), one each `step_s`, then to rest.

    Velocities at the knots are those of the C2 cubic spline that starts with the velocity of
    `now`; columns of `tight` (D,) bool are monotone between knots (Fritsch and Carlson, 1980).
    """
    position = np.concatenate([now.position[None], targets])
    slope = np.diff(position, axis=0) / step_s
    velocity = _spline_velocities(position, slope, now.velocity)
    velocity[:, tight] = _monotone_velocities(slope[:, tight], now.velocity[tight])
    velocity[1:] = np.clip(velocity[1:], -limits.velocity, limits.velocity)
    times = start_s + step_s * np.arange(len(position))
    tail, where, speed = _stop(position[-1], velocity[-1], limits)
    velocity[-1] = speed
    return Trajectory(
        np.concatenate([times, times[-1] + tail]),
        np.concatenate([position, where]),
        np.concatenate([velocity, 0.5 * speed[None], np.zeros((1, len(speed)))]),
    )


@functools.lru_cache(maxsize=16)
def _spline_matrix(count: int) -> Array:
    """Inverse (n, n) of the tridiagonal system of a clamped spline's n inner velocities."""
    system = 4.0 * np.eye(count) + np.eye(count, k=1) + np.eye(count, k=-1)
    return np.asarray(np.linalg.inv(system))


def _spline_velocities(position: Array, slope: Array, start: Array) -> Array:
    """(H + 1, D) knot velocities; the last is that of the last interval's secant."""
    velocity = np.empty_like(position)
    velocity[0], velocity[-1] = start, slope[-1]
    if len(position) > 2:
        right = 3.0 * (slope[1:] + slope[:-1])
        right[0] -= velocity[0]
        right[-1] -= velocity[-1]
        velocity[1:-1] = _spline_matrix(len(right)) @ right
    return velocity


def _monotone_velocities(slope: Array, start: Array) -> Array:
    """(H + 1, n) knot velocities without overshoot: harmonic means, zero at turns."""
    out = np.zeros((len(slope) + 1, slope.shape[1]))
    out[0] = start
    product = slope[1:] * slope[:-1]
    total = slope[1:] + slope[:-1]
    safe = np.where(product > 0, total, 1.0)
    out[1:-1] = np.where(product > 0, 2.0 * product / safe, 0.0)
    return out


def _stop(position: Array, velocity: Array, limits: Limits) -> tuple[Array, Array, Array]:
    """Two knots that bring (D,) to rest with a triangle of deceleration.

    Returns their times after the last waypoint (2,), positions (2, D), and the velocity at the
    last waypoint, lowered where the stop would leave the position limits.
    """
    # Symmetric triangle over T: peak 2 v / T, jerk 4 v / T^2, way v T / 2, of which 5/6 by T/2.
    fast = np.abs(velocity)
    span = max(
        _LEAST_STOP_S,
        float((2.0 * fast / limits.acceleration).max()),
        float(np.sqrt(4.0 * fast / limits.jerk).max()),
    )
    low = 2.0 * (limits.lower - position) / span
    high = 2.0 * (limits.upper - position) / span
    speed = np.clip(velocity, np.minimum(low, 0.0), np.maximum(high, 0.0))
    way = speed * span / 2.0
    return (
        np.array([span / 2.0, span]),
        np.stack([position + way * (5.0 / 6.0), position + way]),
        speed,
    )
