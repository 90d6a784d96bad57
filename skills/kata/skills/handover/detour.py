"""A way around what bars the straight one: RRT-Connect in the space of an arm's joints, by ompl.

Bounded by how many distances it asks for and not by time, on one thread, from a seed: the same
question has the same answer on every machine.
Source: Kuffner and LaValle, "RRT-Connect: an efficient approach to single-query path planning",
ICRA 2000. Legend: `D` joints of the robot, `J` those that move, `W` points of the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kata.datasets.types import Array

from .collision import Room

_REACH_RAD = 0.6
_TRIES = 40
_CLOSE = 1e-6
_SPARE_M = 0.003


def detour(
    room: Room, start: Array, goal: Array, now_s: float, *, seed: int = 0, checks: int = 3000
) -> list[Array] | str:
    """Points (D,) after `start` on a way to `goal` whose straight legs keep the margin, or why not.

    Only the arms that have to move are moved. Grippers are as at the start all the way, or as at
    the goal where the one or the other end is not free with those.
    """
    columns = _columns(room, start, goal)
    if not columns:
        return "around: nothing to move"
    reason = ""
    for grips in (start, goal):
        ends = [grips.copy(), grips.copy()]
        ends[0][columns], ends[1][columns] = start[columns], goal[columns]
        nearest = [room.distance(room.everyone(q[None], np.array([now_s]))[0]) for q in ends]
        if min(nearest) < room.margin_m:
            word = ("begins", "ends")[int(np.argmin(nearest))]
            reason = reason or f"around: {word} as near as {min(nearest) * 1000:.0f} mm"
            continue
        # What follows the way is looked at in other places than the search did.
        margin_m = min(room.margin_m + _SPARE_M, *nearest)
        search = _Search(replace(room, margin_m=margin_m), ends[0], columns, now_s, checks)
        found = search.run(ends[1], seed)
        if found is not None:
            return [*found[:-1], goal.copy()]
        return f"around: nothing found with {search.spent} distances"
    return reason


class _Search:
    """One question to ompl."""

    def __init__(
        self, room: Room, start: Array, columns: Sequence[int], now_s: float, checks: int
    ) -> None:
        self.room, self.start, self.columns, self.now_s = room, start, list(columns), now_s
        self.checks, self._first, self._asked = checks, room.counted[0], 0

    @property
    def spent(self) -> int:
        """Distances asked for."""
        return self.room.counted[0] - self._first

    def run(self, goal: Array, seed: int) -> list[Array] | None:
        base, geometric = _ompl(seed)
        limits, count = self.room.robot.limits, len(self.columns)
        space, bounds = base.RealVectorStateSpace(count), base.RealVectorBounds(count)
        for i, column in enumerate(self.columns):
            low = min(limits.lower[column], self.start[column], goal[column])
            high = max(limits.upper[column], self.start[column], goal[column])
            bounds.setLow(i, float(low))
            bounds.setHigh(i, float(high))
        space.setBounds(bounds)
        about = base.SpaceInformation(space)
        about.setStateValidityChecker(self._free)
        validator = self._validator(base, about)
        about.setMotionValidator(validator)
        about.setup()
        problem = base.ProblemDefinition(about)
        ends = [self._state(about, place) for place in (self.start, goal)]
        problem.setStartAndGoalStates(*ends, _CLOSE)
        planner = geometric.RRTConnect(about)
        planner.setRange(_REACH_RAD)
        planner.setProblemDefinition(problem)
        planner.setup()
        planner.solve(base.PlannerTerminationCondition(self._enough))
        if not problem.hasExactSolution():
            return None
        path = problem.getSolutionPath()
        shorter = geometric.PathSimplifier(about)
        shorter.reduceVertices(path, _TRIES, _TRIES)
        shorter.partialShortcutPath(path, _TRIES, _TRIES)
        shorter.reduceVertices(path, _TRIES, _TRIES)
        return [self._place(state) for state in path.getStates()][1:]

    def _enough(self) -> bool:
        """Whether to stop: ompl waits for ever for an end that it holds for invalid."""
        self._asked += 1
        return self.spent > self.checks or self._asked > 10 * self.checks

    def _place(self, state: Any) -> Array:
        place = self.start.copy()
        place[self.columns] = [state[i] for i in range(len(self.columns))]
        return place

    def _state(self, about: Any, place: Array) -> Any:
        state = about.allocState()
        for i, column in enumerate(self.columns):
            state[i] = float(place[column])
        return state

    def _free(self, state: Any) -> bool:
        if self.spent > 2 * self.checks:
            return False
        place = self.room.everyone(self._place(state)[None], np.array([self.now_s]))[0]
        return self.room.distance(place) >= self.room.margin_m

    def _validator(self, base: Any, about: Any) -> Any:
        search = self

        class Validator(base.MotionValidator):  # type: ignore[misc]
            """Straight lines, checked where they are near to something."""

            def checkMotion(self, a: Any, b: Any) -> bool:  # noqa: N802 - ompl's name
                if search.spent > 2 * search.checks:
                    return False
                return search.room.between(search._place(a), search._place(b), search.now_s)

        return Validator(about)


def _columns(room: Room, start: Array, goal: Array) -> list[int]:
    parts = [part for part in room.robot.parts if part.kind == "arm"]
    moved = [p for p in parts if np.abs(goal[p.slice] - start[p.slice]).max() > _CLOSE]
    return [i for part in moved for i in range(part.start, part.stop)]


def _ompl(seed: int) -> tuple[Any, Any]:
    """Its modules, silent and with the generators of what is made next seeded."""
    from ompl import base, geometric, util

    util.setLogLevel(util.LogLevel.LOG_NONE)
    # A seed of zero would be one by the clock.
    util.RNG.setSeed(seed + 1)
    return base, geometric
