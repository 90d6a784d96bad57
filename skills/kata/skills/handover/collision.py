"""Whether a motion keeps clear of the world: distances along it, dense only where it is near.

A distance cannot shrink faster than the robot moves. So two instants whose distances are great
against the travel between them vouch for all that lies between; only the rest is looked at.
Travel is that of the tool and of what turns with it, not time: nothing thin is passed through.
Source: Schwarzer, Saha and Latombe, "Adaptive dynamic collision checking for single and multiple
articulated robots in complex environments", T-RO 21(3), 2005. Legend: `D` joints, `N` instants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from kata.datasets.types import Array, Kinematics, RobotSpec, Trajectory

from .curve import sample

REACH_M = 0.2
"""What turns with the tool, or bends behind it, is taken to lie this far from it."""

_GRID_S, _GRID_RAD, _ARC = 0.06, 0.12, 1.05
_LEAVE_M, _LEAVE_TRAVEL_M, _LEAVE_SLOPE = 0.002, 0.08, 0.5
"""How much nearer a motion may come that begins too near, how far it may travel so, and how it must
get away then. Fingers that rise beside what they let go keep their distance until they are above.
"""


class Clearance(Protocol):
    """Least distance in m of the robot at joints (D,) from everything else."""

    def __call__(self, position_rad: Array, carried: Sequence[str] = ()) -> float:
        """What is carried moves with the tool and counts as the robot."""


Whole = Callable[[Array, Array], Array]
"""Joints (N, D) of the whole robot at times (N,) in s, from those with its own joints in place."""


@dataclass(frozen=True, slots=True)
class SharedClearance:
    """The clearance of one arm beside others that go their own ways.

    Attributes:
        measure: of the whole robot.
        whole: where the others will be.
    """

    measure: Clearance
    whole: Whole

    def __call__(self, position_rad: Array, carried: Sequence[str] = ()) -> float:
        """As `measure`, with all joints as given."""
        return self.measure(position_rad, carried)


@dataclass(frozen=True, slots=True)
class Nearness:
    """What a check has found.

    Attributes:
        clearance_m: the least distance that was measured.
        hit_s: when the motion comes too near; None if it does not.
        queries: how many distances were asked for.
    """

    clearance_m: float
    hit_s: float | None
    queries: int


@dataclass(frozen=True)
class Room:
    """The world as a motion must respect it.

    Attributes:
        clearance: the world's distances; a shared one knows where other arms will be.
        margin_m: to keep; a motion that begins nearer must get away from what it is near to.
        step_m: travel that is not looked into any more, or the margin where that is less: what
            keeps the margin at both ends of such a step keeps half of it in between.
        carried: what the hand holds.
        most: distances that it may be asked for in all; see `left`.
    """

    robot: RobotSpec
    kinematics: Kinematics
    clearance: Clearance
    margin_m: float = 0.01
    step_m: float = 0.01
    carried: tuple[str, ...] = ()
    most: float = np.inf
    counted: list[int] = field(default_factory=lambda: [0])

    @property
    def left(self) -> float:
        """Distances that may still be asked for; one look at a path may overdraw them."""
        return self.most - self.counted[0]

    def distance(self, position: Array) -> float:
        """At joints (D,) of the whole robot."""
        self.counted[0] += 1
        return float(self.clearance(position, self.carried))

    def along(self, path: Trajectory, from_s: float) -> Nearness:
        """The path from `from_s` on."""
        before, left_s = self.counted[0], max(0.0, path.end_s - from_s)

        def at(shares: Array) -> Array:
            times = from_s + shares * left_s
            return self.everyone(sample(path, times).position, times)

        shares, positions, travel = self._spread(at, left_s / _GRID_S)
        least, hit = self._least(positions, travel)
        hit_s = None if hit is None else float(from_s + shares[hit] * left_s)
        return Nearness(least, hit_s, self.counted[0] - before)

    def between(self, start: Array, goal: Array, time_s: float) -> bool:
        """Whether the straight line between two positions (D,) keeps the margin everywhere."""

        def at(shares: Array) -> Array:
            line = start + shares[:, None] * (goal - start)
            return self.everyone(line, np.full(len(shares), time_s))

        _, positions, travel = self._spread(at, float(np.abs(goal - start).max()) / _GRID_RAD)
        return self._least(positions, travel, leaves=False)[1] is None

    def everyone(self, positions: Array, times_s: Array) -> Array:
        """Joints (N, D) of the whole robot at these times, with the other arms where they are."""
        if isinstance(self.clearance, SharedClearance):
            return self.clearance.whole(positions, times_s)
        return positions

    def travel(self, positions: Array) -> Array:
        """(N,) m: how far any point of the hands, of all together, comes along positions (N, D)."""
        total = np.zeros(len(positions))
        turned = np.abs(np.diff(positions, axis=0))
        for hand in self.robot.hands:
            arm, grip = self.robot.part(hand.arm).slice, self.robot.part(hand.gripper).slice
            total[1:] += turned[:, grip].sum(axis=1)
            if not turned[:, arm].any():
                continue
            tools = np.array([self.kinematics.forward(q, hand.name).array() for q in positions])
            moved = np.linalg.norm(np.diff(tools[:, :3], axis=0), axis=1)
            same = np.abs((tools[1:, 3:] * tools[:-1, 3:]).sum(axis=1))
            angle = 2.0 * np.arccos(np.minimum(same, 1.0))
            bent = np.maximum(angle, turned[:, arm].max(axis=1))
            total[1:] += moved + REACH_M * bent
        return np.asarray(np.cumsum(total))

    def _spread(self, at: Callable[[Array], Array], spans: float) -> tuple[Array, Array, Array]:
        """Shares (N,) of a motion, positions (N, D) and travel (N,), so dense that a step is kept.

        Travel is measured at a few places, since poses cost as much as distances, and grows in
        between as the joints turn; a chord between them is a little shorter than the arc.
        """
        few = np.linspace(0.0, 1.0, max(1, int(np.ceil(spans))) + 1, dtype=np.float64)
        travel = _ARC * self.travel(at(few))
        step_m = min(self.step_m, self.margin_m) or self.step_m
        each = max(1, int(np.ceil(float(np.diff(travel).max()) / step_m)))
        shares = np.linspace(0.0, 1.0, each * (len(few) - 1) + 1, dtype=np.float64)
        positions = at(shares)
        turned = np.cumsum(np.abs(np.diff(positions, axis=0, prepend=positions[:1])).sum(axis=1))
        return shares, positions, np.interp(turned, turned[::each], travel)

    def _least(
        self, positions: Array, travel: Array, *, leaves: bool = True
    ) -> tuple[float, int | None]:
        """The least distance that was measured, and the first instant found that is too near."""
        margin = self.margin_m
        known = {0: self.distance(positions[0])}
        room: dict[int, float] = {}

        def spare(i: int) -> float:
            if i not in known:
                known[i] = self.distance(positions[i])
            allowed = margin
            if leaves:
                away = max(0.0, float(travel[i]) - _LEAVE_TRAVEL_M)
                allowed = min(margin, known[0] - _LEAVE_M + _LEAVE_SLOPE * away)
            room[i] = known[i] - allowed
            return room[i]

        last = len(positions) - 1
        for i in (0, last):
            if spare(i) < 0.0:
                return known[i], i
        spans = [(0, last)]
        while spans:
            later: list[tuple[int, int]] = []
            for i, j in spans:
                far = (1.0 + _LEAVE_SLOPE) * float(travel[j] - travel[i])
                if j - i < 2 or room[i] + room[j] > far:
                    continue
                middle = (i + j) // 2
                if spare(middle) < 0.0:
                    return known[middle], middle
                later += [(i, middle), (middle, j)]
            spans = later
        return min(known.values()), None
