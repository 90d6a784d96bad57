"""Blends: an old trajectory and a new one become one.

`switch` takes the new one as it is. `crossfade` goes over from the old one to the new one by a
weight that grows smoothly. `jerk_limited` starts in the state of the old one and carries
the difference (old - new) in position, velocity and acceleration to zero with bounded jerk, on top
of the new one, so that nothing jumps at the seam and the new skill's own motion is untouched
after it. With `inpaint` the policy itself makes a chunk that goes on from what runs (real-time
chunking, Black et al., arXiv:2506.07339), and `jerk_limited` takes up what little is left.
Legend: `D` joints, `N` instants of the servo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import (
    Array,
    Command,
    Limits,
    Trajectory,
    UnknownNameError,
)

from .curve import EPSILON_S, cut, sample, state
from .profile import Profile, scaled, steps

_SAME = 1e-12
_FIRM = 0.5


class Blend(Protocol):
    """Makes one trajectory of two."""

    def join(self, old: Trajectory, new: Trajectory, now_s: float, limits: Limits) -> Trajectory:
        """A trajectory from `now_s` on that ends as `new` does, at rest."""


@dataclass(frozen=True, slots=True)
class Switch:
    """The new trajectory at once: what jumps, jumps."""

    def join(
        self,
        old: Trajectory,
        new: Trajectory,
        now_s: float,
        limits: Limits,
    ) -> Trajectory:
        """`new` from `now_s` on."""
        return cut(new, now_s)


@dataclass(frozen=True, slots=True)
class Crossfade:
    """Both trajectories, weighted: `(1 - w) old + w new`, w from 0 to 1 with bounded curvature.

    The window is the shortest that keeps to the limits of position and velocity; where none of
    them does, the bounded jerk takes over.

    Attributes:
        step_s: distance of knots inside the window; the servo period.
        windows_s: lengths of the window that are tried.
        direct: joints that are not blended; see `JerkLimited.direct`.
    """

    step_s: float = 0.01
    windows_s: tuple[float, ...] = (0.2, 0.4, 0.8, 1.6)
    direct: tuple[int, ...] = ()

    def join(self, old: Trajectory, new: Trajectory, now_s: float, limits: Limits) -> Trajectory:
        """Continuous in position and velocity at `now_s`; inside the limits if both are."""
        new = cut(new, now_s)
        before, direct = state(old, now_s), list(self.direct)
        if direct:
            new = _continued(new, before, direct)
        speed = _speed(new)
        for window_s in self.windows_s:
            way = _crossed(old, new, now_s, window_s, self.step_s, direct)
            accepted = _inside(way, limits, before, new, speed)
            accepted[direct] = True
            if accepted.all():
                return _then(way, new)
        return JerkLimited(self.step_s, direct=self.direct).join(old, new, now_s, limits)


@dataclass(frozen=True, slots=True)
class JerkLimited:
    """The difference to the old trajectory decays with bounded velocity, acceleration and jerk.

    Each joint by itself: a joint that would leave its limits tries the full limit of acceleration
    and half of that of jerk, then all of it, and at last goes straight to the new trajectory's end,
    whatever the others do.

    Attributes:
        step_s: distance of knots while it decays; the servo period.
        acceleration_share, jerk_share: of the robot's limits that the difference may use; less is
            smoother and slower.
        direct: joints that keep position and velocity, but pass the next knot as they are told,
            such as grippers, which close on things and must not be late.
    """

    step_s: float = 0.01
    acceleration_share: float = 0.5
    jerk_share: float = 0.03
    direct: tuple[int, ...] = ()

    def join(self, old: Trajectory, new: Trajectory, now_s: float, limits: Limits) -> Trajectory:
        """Continuous in position, velocity and acceleration at `now_s`; inside the limits.

        The limits of position and velocity hold if both trajectories keep to them and the old
        motion can still come to rest inside them.
        """
        new = cut(new, now_s)
        before, after = state(old, now_s), state(new, now_s)
        if _equal(before, after):
            return new
        if self.direct:
            new = _continued(new, before, list(self.direct))
        speed, direct = _speed(new), list(self.direct)
        room = np.maximum(limits.velocity - speed, 0.1 * limits.velocity)
        soft = scaled(limits, 1.0, self.acceleration_share, self.jerk_share)
        # The new trajectory has a jerk of its own, which adds up with that of the difference.
        firm = scaled(limits, 1.0, 1.0, max(self.jerk_share, _FIRM))
        ways, accepted = [], []
        for bounds in (soft, firm, limits):
            ways.append(_faded(before, after, new, now_s, self.step_s, bounds, room, direct))
            accepted.append(_inside(ways[-1], limits, before, new, speed))
            accepted[-1][direct] = True
            if accepted[-1].all():
                break
        else:
            ways.append(_straight(before, new, now_s, self.step_s, limits))
            accepted.append(np.ones_like(accepted[-1]))
        return _then(_chosen(ways, accepted, new), new)


def _crossed(
    old: Trajectory,
    new: Trajectory,
    now_s: float,
    window_s: float,
    step_s: float,
    direct: list[int],
) -> Trajectory:
    """The weighted sum over the window; its knots are those of both, and the servo's ticks."""
    end = now_s + window_s
    knots = np.concatenate([steps(window_s, step_s) + now_s, old.times_s, new.times_s])
    # Instants of two clocks that are nearly one are one, or a span would have no slope.
    times = np.unique(np.round(knots[(knots > now_s) & (knots < end)], 9))
    times = np.concatenate([[now_s], times, [end]])
    times = times[np.concatenate([[True], np.diff(times) > EPSILON_S])]
    times[-1] = end
    a, b = sample(old, times), sample(new, times)
    u = ((times - now_s) / window_s)[:, None]
    # Quintic: its first and second derivatives vanish at both ends.
    weight = u**3 * (10.0 + u * (6.0 * u - 15.0))
    slope = 30.0 * u**2 * (1.0 - u) ** 2 / window_s
    position = a.position + weight * (b.position - a.position)
    velocity = a.velocity + weight * (b.velocity - a.velocity)
    velocity += slope * (b.position - a.position)
    position[:, direct], velocity[:, direct] = b.position[:, direct], b.velocity[:, direct]
    return Trajectory(times, position, velocity)


def _faded(
    before: Command,
    after: Command,
    new: Trajectory,
    now_s: float,
    step_s: float,
    bounds: Limits,
    room: Array,
    direct: list[int],
) -> Trajectory:
    """The new trajectory plus the difference at `now_s`, which decays; joints on their own."""
    gap = Command(
        before.position - after.position,
        before.velocity - after.velocity,
        before.acceleration - after.acceleration,
    )
    for values in (gap.position, gap.velocity, gap.acceleration):
        values[direct] = 0.0
    bounds = Limits(bounds.lower, bounds.upper, room, bounds.acceleration, bounds.jerk)
    fade = Profile(gap, np.zeros_like(gap.position), bounds)
    times = steps(fade.duration_s, step_s)
    base, extra = sample(new, now_s + times), fade.sample(times)
    extra.position[-1], extra.velocity[-1] = 0.0, 0.0
    return Trajectory(now_s + times, base.position + extra.position, base.velocity + extra.velocity)


def _straight(
    before: Command, new: Trajectory, now_s: float, step_s: float, limits: Limits
) -> Trajectory:
    move = Profile(before, new.position[-1], limits)
    # As long as the new trajectory at least, so that nothing of it follows for these joints.
    times = steps(max(move.duration_s, new.end_s - now_s), step_s)
    path = move.sample(times)
    return Trajectory(now_s + times, limits.clip(path.position), path.velocity)


def _inside(
    path: Trajectory, limits: Limits, before: Command, new: Trajectory, new_speed: Array
) -> NDArray[np.bool_]:
    """Which joints (D,) stay inside, or no further outside than the trajectories themselves."""
    least = np.minimum(np.minimum(limits.lower, new.position.min(axis=0)), before.position)
    most = np.maximum(np.maximum(limits.upper, new.position.max(axis=0)), before.position)
    speed = np.maximum(new_speed, np.abs(before.velocity))
    fastest = np.maximum(limits.velocity, speed) + 1e-9
    placed = (path.position >= least - 1e-9) & (path.position <= most + 1e-9)
    return np.asarray((placed & (np.abs(path.velocity) <= fastest)).all(axis=0))


def _chosen(
    ways: Sequence[Trajectory], accepted: Sequence[NDArray[np.bool_]], new: Trajectory
) -> Trajectory:
    """For each joint the first way that is accepted."""
    if len(ways) == 1:
        return ways[0]
    times = max((way.times_s for way in ways), key=len)
    position, velocity = np.empty((2, len(times), new.position.shape[1]))
    open_joints = np.ones(new.position.shape[1], dtype=bool)
    for way, good in zip(ways, accepted, strict=True):
        take = open_joints & good
        full = sample(_then(way, new), times)
        position[:, take], velocity[:, take] = full.position[:, take], full.velocity[:, take]
        open_joints &= ~take
    return Trajectory(times, position, velocity)


def _continued(new: Trajectory, now: Command, joints: list[int]) -> Trajectory:
    """The new trajectory with these joints of its first knot as they are now."""
    position, velocity = new.position.copy(), new.velocity.copy()
    position[0, joints], velocity[0, joints] = now.position[joints], now.velocity[joints]
    return Trajectory(new.times_s, position, velocity)


def _speed(new: Trajectory) -> Array:
    """Greatest speed (D,) at knots and middles of spans; `_inside` has the last word."""
    speed: Array = np.abs(new.velocity).max(axis=0)
    if len(new.times_s) == 1:
        return speed
    rise = (new.position[1:] - new.position[:-1]) / np.diff(new.times_s)[:, None]
    middle = 1.5 * rise - 0.25 * (new.velocity[1:] + new.velocity[:-1])
    return np.asarray(np.maximum(speed, np.abs(middle).max(axis=0)))


def _equal(a: Command, b: Command) -> bool:
    gap = np.abs([a.position - b.position, a.velocity - b.velocity])
    steps_apart = np.abs(a.acceleration - b.acceleration)
    # Of a short span the second derivative is rounded much more coarsely than the place.
    return bool(gap.max() < _SAME and steps_apart.max() < 1e6 * _SAME)


def _then(first: Trajectory, new: Trajectory) -> Trajectory:
    """`first`, whose last knot lies on `new` or after its end, and then the rest of `new`."""
    keep = new.times_s > first.end_s + EPSILON_S
    if not keep.any():
        first.velocity[-1] = 0.0
        return first
    return Trajectory(
        np.concatenate([first.times_s, new.times_s[keep]]),
        np.vstack([first.position, new.position[keep]]),
        np.vstack([first.velocity, new.velocity[keep]]),
    )


BLENDS: Mapping[str, Callable[[float, tuple[int, ...]], Blend]] = {
    "switch": lambda *_: Switch(),
    "crossfade": lambda step_s, direct: Crossfade(step_s, direct=direct),
    "jerk_limited": lambda step_s, direct: JerkLimited(step_s, direct=direct),
    "inpaint": lambda step_s, direct: JerkLimited(step_s, direct=direct),
}
"""What makes a blend, for the servo period and `JerkLimited.direct`, by its name in
configuration."""


def make_blend(name: str, step_s: float, direct: Sequence[int] = ()) -> Blend:
    """The blend of that name. Raises UnknownNameError."""
    if name not in BLENDS:
        raise UnknownNameError("blend", name, BLENDS)
    return BLENDS[name](step_s, tuple(direct))
