"""Blends: an old trajectory and a new one become one.

`switch` takes the new one as it is. `jerk_limited` starts in the state of the old one and carries
the difference (old - new) in position, velocity and acceleration to zero with bounded jerk, on top
of the new one, so that nothing jumps at the seam and the new skill's own motion is untouched
after it. Legend: `D` joints, `N` instants of the servo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kata.datasets.types import (
    Array,
    Command,
    ExecutionError,
    Limits,
    Trajectory,
    UnknownNameError,
)

from .curve import EPSILON_S, Samples, cut, sample, slowed
from .profile import Profile, scaled, steps

_SAME = 1e-12


class Blend(Protocol):
    """Makes one trajectory of two."""

    def join(
        self, old: Trajectory, new: Trajectory, now_s: float, limits: Limits
    ) -> Trajectory:
        """A trajectory from `now_s` on that ends as `new` does, at rest."""


@dataclass(frozen=True, slots=True)
class Switch:
    """The new trajectory at once: what jumps, jumps."""

    def join(
        self,
        old: Trajectory,  # noqa: ARG002
        new: Trajectory,
        now_s: float,
        limits: Limits,  # noqa: ARG002
    ) -> Trajectory:
        """`new` from `now_s` on."""
        return cut(new, now_s)


@dataclass(frozen=True, slots=True)
class JerkLimited:
    """The difference to the old trajectory decays with bounded velocity, acceleration and jerk.

    Attributes:
        step_s: distance of knots while it decays; the servo period.
        acceleration_share, jerk_share: of the robot's limits that the difference may use. Less is
            smoother and slower; where it would leave the limits, the full ones are tried, then
            the new trajectory is slowed down, and at last the motion goes straight to its end.
    """

    step_s: float = 0.01
    acceleration_share: float = 0.5
    jerk_share: float = 0.03

    def join(
        self, old: Trajectory, new: Trajectory, now_s: float, limits: Limits
    ) -> Trajectory:
        """Continuous in position, velocity and acceleration at `now_s`; inside the limits.

        The limits of position and velocity hold if both trajectories keep to them and the old
        motion can still come to rest inside them.
        """
        new = cut(new, now_s)
        before, after = old.at(now_s), new.at(now_s)
        if _equal(before, after):
            return new
        soft = (self.acceleration_share, self.jerk_share)
        for share, slow in ((soft, 1.0), ((1.0, 1.0), 1.0), (soft, 2.0), ((1.0, 1.0), 4.0)):
            calm = new if slow == 1.0 else slowed(new, slow)
            joined = self._carry(before, calm, now_s, limits, share)
            if joined is not None:
                return joined
        return self._straight(before, new.position[-1], now_s, limits)

    def _carry(
        self,
        before: Command,
        new: Trajectory,
        now_s: float,
        limits: Limits,
        share: tuple[float, float],
    ) -> Trajectory | None:
        after = new.at(now_s)
        bounds = scaled(limits, 1.0, *share)
        # More acceleration than a profile may have comes from kinks of the trajectories themselves.
        kink = before.acceleration - after.acceleration
        gap = Command(
            before.position - after.position,
            before.velocity - after.velocity,
            np.clip(kink, -bounds.acceleration, bounds.acceleration),
        )
        room = np.maximum(limits.velocity - _speed(new), 0.1 * limits.velocity)
        bounds = Limits(bounds.lower, bounds.upper, room, bounds.acceleration, bounds.jerk)
        try:
            fade = Profile(gap, np.zeros_like(gap.position), bounds)
        except ExecutionError:
            return None
        times = steps(fade.duration_s, self.step_s)
        base, extra = sample(new, now_s + times), fade.sample(times)
        extra.position[-1], extra.velocity[-1] = 0.0, 0.0
        position, velocity = base.position + extra.position, base.velocity + extra.velocity
        if not _inside(position, velocity, limits, base, before):
            return None
        return _then(Trajectory(now_s + times, position, velocity), new)

    def _straight(self, before: Command, goal: Array, now_s: float, limits: Limits) -> Trajectory:
        move = Profile(before, goal, limits).trajectory(now_s, self.step_s)
        inside = np.clip(move.position, limits.lower, limits.upper)
        return Trajectory(move.times_s, inside, move.velocity)


def _speed(new: Trajectory) -> Array:
    """Greatest speed (D,) at knots and middles of spans; `_inside` has the last word."""
    speed = np.abs(new.velocity).max(axis=0)
    if len(new.times_s) == 1:
        return speed
    rise = (new.position[1:] - new.position[:-1]) / np.diff(new.times_s)[:, None]
    middle = 1.5 * rise - 0.25 * (new.velocity[1:] + new.velocity[:-1])
    return np.maximum(speed, np.abs(middle).max(axis=0))


def _equal(a: Command, b: Command) -> bool:
    gap = np.abs([a.position - b.position, a.velocity - b.velocity])
    steps_apart = np.abs(a.acceleration - b.acceleration)
    return bool(gap.max() < _SAME and steps_apart.max() < 1e3 * _SAME)


def _inside(
    position: Array, velocity: Array, limits: Limits, base: Samples, before: Command
) -> bool:
    """Inside the limits; where the trajectories themselves are not, no further outside."""
    least = np.minimum(np.minimum(limits.lower, base.position.min(axis=0)), before.position)
    most = np.maximum(np.maximum(limits.upper, base.position.max(axis=0)), before.position)
    speed = np.maximum(np.abs(base.velocity).max(axis=0), np.abs(before.velocity))
    fastest = np.maximum(limits.velocity, speed) + 1e-9
    ok = (position >= least - 1e-9) & (position <= most + 1e-9) & (np.abs(velocity) <= fastest)
    return bool(ok.all())


def _then(first: Trajectory, new: Trajectory) -> Trajectory:
    """`first`, whose last knot lies on `new` or after its end, and then the rest of `new`."""
    keep = new.times_s > first.end_s + EPSILON_S
    return Trajectory(
        np.concatenate([first.times_s, new.times_s[keep]]),
        np.vstack([first.position, new.position[keep]]),
        np.vstack([first.velocity, new.velocity[keep]]),
    )


BLENDS: Mapping[str, type[Switch | JerkLimited]] = {
    "switch": Switch,
    "jerk_limited": JerkLimited,
}
"""Blends by the name that configuration uses."""


def make_blend(name: str, step_s: float) -> Blend:
    """The blend of that name for a servo period. Raises UnknownNameError."""
    if name not in BLENDS:
        raise UnknownNameError("blend", name, BLENDS)
    return Switch() if name == "switch" else JerkLimited(step_s)
