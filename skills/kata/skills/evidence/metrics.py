"""How a trial moved, beside whether it succeeded: way of the tool, jerk, limits that were reached.

Legend: `T` servo periods, `F` frames, `D` joints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from kata.datasets.types import Array
from kata.skills.execution.motion import RunMotion

_SLACK = 1e-6
"""Share of a limit: a command that was cut to it lies on it, give or take rounding."""

Hits = Mapping[str, Mapping[str, int]]
"""By kind (`position`, `velocity`, `acceleration`) and joint: periods at or beyond the limit."""


@dataclass(frozen=True, slots=True)
class Jerk:
    """Jerk of the arms' commands in rad/s^3: of each period the joint that jerks most.

    Attributes:
        median, peak: over all periods.
    """

    median: float = 0.0
    peak: float = 0.0


@dataclass(frozen=True, slots=True)
class Metrics:
    """What one trial cost in motion.

    Attributes:
        path_m: way of the first hand's tool, measured at every frame.
        jerk: of the arms.
        limits_hit: of the arms' joints; only what was reached at all.
    """

    path_m: float = 0.0
    jerk: Jerk = Jerk()
    limits_hit: Hits = MappingProxyType({})

    @classmethod
    def of(cls, motion: RunMotion) -> Metrics:
        """Of the motion of a run."""
        return cls(
            path_m(motion.tool),
            jerk(motion.position[:, list(motion.arms)], motion.period_s),
            limits_hit(motion),
        )

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "path_m": round(self.path_m, 6),
            "jerk": {"median": round(self.jerk.median, 3), "peak": round(self.jerk.peak, 3)},
            "limits_hit": {kind: dict(joints) for kind, joints in self.limits_hit.items()},
        }


def path_m(places: Array) -> float:
    """Length in m of the way through (F, 3); corners between frames are cut."""
    return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum()) if len(places) else 0.0


def jerk(position: Array, period_s: float) -> Jerk:
    """Of commands (T, D): |third difference| / period^3, in rad/s^3; 0 for less than four."""
    if len(position) < 4 or not position.shape[1]:
        return Jerk()
    size = np.abs(np.diff(position, n=3, axis=0)).max(axis=1) / period_s**3
    return Jerk(float(np.median(size)), float(size.max()))


def limits_hit(motion: RunMotion) -> Hits:
    """How often each arm joint was commanded to a limit of its own, or beyond it.

    Velocity and acceleration are those of the commands' differences. The executor cuts commands at
    the limits of position and velocity, so that such a period lies on the limit; acceleration is
    cut by nobody, and a step in it counts here.
    """
    limits, arms, period = motion.robot.limits, list(motion.arms), motion.period_s
    q = motion.position
    rest = np.zeros((len(q), motion.robot.size), dtype=bool)
    span = _SLACK * (limits.upper - limits.lower)
    found = {"position": (q <= limits.lower + span) | (q >= limits.upper - span)}
    for kind, order, most in (
        ("velocity", 1, limits.velocity),
        ("acceleration", 2, limits.acceleration),
    ):
        rate = np.abs(np.diff(q, n=order, axis=0)) / period**order if len(q) > order else rest[:0]
        found[kind] = rate >= most * (1.0 - _SLACK)
    joints = motion.robot.joints
    counts = {
        kind: {joints[i]: int(hit[:, i].sum()) for i in arms if hit[:, i].any()}
        for kind, hit in found.items()
    }
    return {kind: by_joint for kind, by_joint in counts.items() if by_joint}
