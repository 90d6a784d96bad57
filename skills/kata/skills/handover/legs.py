"""Legs of a transition: exact jerk-limited curves, joined one after the other or without a stop.

A leg is at rest at its end. Its knots lie where the jerk changes, so that the cubic between them is
the profile itself and what holds for the profile holds at every instant.
Legend: `D` joints, `T` knots, `W` points of a way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from kata.datasets.types import Array, Command, Limits, Trajectory

from .curve import sample
from .profile import Profile, distinct

_STILL = 1e-9
_SLACK = 1e-6
_SHARES = (0.5, 0.35, 0.2, 0.1)
"""How much of a leg may run beside its neighbour, at most half; the most comes first."""


def moving_leg(now: Command, goal: Array, limits: Limits, now_s: float) -> Trajectory:
    """From a moving state to rest at `goal` (D,). Raises ExecutionError where there is no way.

    What is already faster than `limits` allows is slowed down within the limits' jerk.
    """
    return _exact(Profile(now, goal, _eased(limits, now), together=True), now_s)


def stopping_leg(now: Command, limits: Limits, now_s: float) -> Trajectory:
    """From a moving state to rest, anywhere. Raises ExecutionError where there is no way."""
    return _exact(Profile(now, None, _eased(limits, now)), now_s)


def straight_leg(start: Array, goal: Array, limits: Limits, start_s: float) -> Trajectory:
    """From rest to rest on the straight line between two positions (D,)."""
    change = goal - start
    moved = np.abs(change) > _STILL
    if not moved.any():
        return Trajectory.hold(start_s, goal)
    one = np.ones(1)
    line = Limits(
        -one,
        2.0 * one,
        one * (limits.velocity[moved] / np.abs(change[moved])).min(),
        one * (limits.acceleration[moved] / np.abs(change[moved])).min(),
        one * (limits.jerk[moved] / np.abs(change[moved])).min(),
    )
    along = _exact(Profile(Command.hold(np.zeros(1)), one, line), start_s)
    position = start + along.position * change
    position[-1] = goal
    return Trajectory(along.times_s, position, along.velocity * change)


def joined(legs: Sequence[Trajectory], *, stops: bool) -> Trajectory:
    """The legs one after the other, each beginning where the one before it ends.

    Without stops a leg begins while the one before it still comes to rest, so that the motion of
    both adds up and cuts the corner between them: over at most half of each, so that there are
    never more than two at once and positions stay between the points of the way where legs are
    straight, and over less where a joint would be faster than in any leg alone.
    """
    if stops or len(legs) == 1:
        return _laid(legs, 0.0)
    fastest = np.max([_speed(leg) for leg in legs], axis=0) * 1.001 + _SLACK
    paths = (_laid(legs, share) for share in _SHARES)
    return next((path for path in paths if (_speed(path) <= fastest).all()), _laid(legs, 0.0))


def _laid(legs: Sequence[Trajectory], share: float) -> Trajectory:
    """The legs, each beginning this share of the shorter one before its neighbour ends."""
    begins = [legs[0].start_s]
    for before, leg in pairwise(legs):
        beside = share * min(_length(before), _length(leg))
        begins.append(begins[-1] + _length(before) - beside)
    shifts = [begin - leg.start_s for begin, leg in zip(begins, legs, strict=True)]
    knots = [leg.times_s + shift for leg, shift in zip(legs, shifts, strict=True)]
    times = distinct(np.concatenate(knots))
    position = np.repeat(legs[0].position[:1], len(times), axis=0)
    velocity = np.zeros_like(position)
    for leg, shift in zip(legs, shifts, strict=True):
        samples = sample(leg, times - shift)
        position += samples.position - leg.position[0]
        velocity += samples.velocity
    position[-1], velocity[-1] = legs[-1].position[-1], 0.0
    return Trajectory(times, position, velocity)


def beyond(path: Trajectory, limits: Limits) -> str:
    """Which limit the path leaves, in words; empty where it keeps them all, at every instant.

    A path may begin outside, but goes no further out.
    """
    low, high = _extent(path)
    first = path.position[0]
    if (low < np.minimum(limits.lower, first) - _SLACK).any():
        return "leaves the joint limits"
    if (high > np.maximum(limits.upper, first) + _SLACK).any():
        return "leaves the joint limits"
    if (_speed(path) > np.maximum(limits.velocity, np.abs(path.velocity[0])) + _SLACK).any():
        return "is too fast"
    return ""


def _speed(path: Trajectory) -> Array:
    """Greatest speed (D,) over all time: at knots, or where the acceleration is zero."""
    speeds = [np.abs(path.velocity)]
    if len(path.times_s) > 1:
        span = np.diff(path.times_s)[:, None]
        m0, m1 = span * path.velocity[:-1], span * path.velocity[1:]
        rise = np.diff(path.position, axis=0)
        c2, c3 = 3 * rise - 2 * m0 - m1, m0 + m1 - 2 * rise
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.clip(np.nan_to_num(-c2 / (3 * c3)), 0.0, 1.0)
        speeds.append(np.abs(m0 + u * (2 * c2 + 3 * u * c3)) / span)
    return np.asarray(np.vstack(speeds).max(axis=0))


def _extent(path: Trajectory) -> tuple[Array, Array]:
    """Least and greatest position (D,) over all time: at knots, or where the velocity is zero."""
    found = [path.position]
    if len(path.times_s) > 1:
        span = np.diff(path.times_s)[:, None]
        m0, m1 = span * path.velocity[:-1], span * path.velocity[1:]
        rise = np.diff(path.position, axis=0)
        a, b, c = 3 * (m0 + m1 - 2 * rise), 2 * (3 * rise - 2 * m0 - m1), m0
        root = np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))
        # The form that does not cancel: one root by q / a, the other by c / q.
        q = -0.5 * (b + np.where(b < 0, -root, root))
        with np.errstate(divide="ignore", invalid="ignore"):
            turns = (np.nan_to_num(q / a, posinf=0.0, neginf=0.0), np.nan_to_num(c / q))
        for turn in turns:
            u = np.clip(turn, 0.0, 1.0)
            found.append(path.position[:-1] + u * (m0 + u * (b / 2 + u * a / 3)))
    every = np.vstack(found)
    return every.min(axis=0), every.max(axis=0)


def _exact(profile: Profile, start_s: float) -> Trajectory:
    times = profile.switches()
    samples = profile.sample(times)
    samples.velocity[-1] = 0.0
    return Trajectory(start_s + times, samples.position, samples.velocity)


def _eased(limits: Limits, now: Command) -> Limits:
    """Limits that do not cut off the acceleration that the robot has."""
    present = np.abs(now.acceleration)
    return Limits(
        limits.lower,
        limits.upper,
        limits.velocity,
        np.maximum(limits.acceleration, present),
        limits.jerk,
    )


def _length(leg: Trajectory) -> float:
    return leg.end_s - leg.start_s
