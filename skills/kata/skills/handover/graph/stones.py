"""Stepping stones: from where the robot is to a good start, over states that were demonstrated.

The shortest path is looked for as if all states were free and then checked; what is not free here
is left out and another path is looked for. Source: Bohlin and Kavraki, Path planning using lazy PRM
(ICRA 2000). Legend: `D` joints, `N` nodes, `P` states of a path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, Command, Kinematics, Observation
from kata.skills.contract.call import Call

from ..boundary import held
from ..collision import REACH_M, Clearance
from ..transition import TransitionOptions, imagine
from .graph import BUFFER_STEP_S, TransitionGraph, travel_s
from .states import States, buffer_steps

MARGIN_M = TransitionOptions().clearance_m
"""What a transition keeps by itself; a goal that is nearer to something is out of reach."""

LEAVE_M, LEAVE_SLOPE = 0.0, 0.5
"""A way that begins near to something may come this much nearer, and must get away by this much a
metre that the hand moves. A transition asks for as much a metre (`kata.skills.handover.collision`)
but begins where the joints are commanded to be, which is a little off where they are seen."""


@dataclass(frozen=True, slots=True)
class StoneOptions:
    """How a path is looked for and what it must keep to.

    Attributes:
        near: at how many states a path may begin, and end.
        looked_at: among how many for each of them, the most similar and the closest ones.
        least: how alike the similar ones must be to the ends.
        close_s: how long the fastest joint may take to the close ones.
        clearance_m: distance to keep, more than a transition does: what follows the stones is
            looked at in other places than the search did. Less, where the robot is nearer now, or
            the goal is.
        step_m: how far the hand may come between two states that are checked, near to something;
            farther away, as far as they are from it.
        tries: how many paths are checked.
        checks: distances that one search may ask for.
        around_m: states that hold the hand this near to where it touched something are left out.
        straight_rad: stones that lie this near to the way between others are left out.
    """

    near: int = 24
    looked_at: int = 100
    least: float = 1e-10
    close_s: float = 1.0
    clearance_m: float = 0.013
    step_m: float = 0.02
    tries: int = 12
    checks: int = 2000
    around_m: float = 0.03
    straight_rad: float = 0.1


@dataclass(frozen=True, slots=True)
class StonePath:
    """A way over demonstrated states.

    Attributes:
        stones: joints (D,) to be passed, the goal last; grippers as they are now.
        nodes: of the graph, in order; more than stones, since a straight way needs few.
        skills: whose demonstrations it passes, in order.
        bridges: how often it changes from one demonstration into another, its two ends included.
    """

    stones: tuple[Array, ...]
    nodes: tuple[int, ...]
    skills: tuple[str, ...]
    bridges: int


@dataclass(frozen=True, slots=True)
class Stones:
    """Finds stepping stones for one robot.

    Attributes:
        clearance: where the world can tell; without it only the demonstrations protect.
    """

    graph: TransitionGraph
    kinematics: Kinematics
    clearance: Clearance | None = None
    options: StoneOptions = StoneOptions()

    def __call__(
        self, observation: Observation, call: Call, goal: Array | None = None
    ) -> Sequence[Array]:
        """Joints (D,) to pass one after the other, the goal last; none where there is no way.

        Args:
            observation: the present state.
            call: the one that comes next.
            goal: (D,) a good start of it; without one, any that its skill was demonstrated from.
        """
        found = self.path(observation, call, goal)
        return found.stones if isinstance(found, StonePath) else ()

    def path(
        self, observation: Observation, call: Call, goal: Array | None = None
    ) -> StonePath | str:
        """The same with how it was found, or why there is no way.

        Bounded by counts of paths and of distances and not by time, so that equal questions have
        equal answers.
        """
        search = _Search(self, observation, tuple(held(call) & set(observation.entities)), goal)
        if search.goal_m < MARGIN_M:
            return f"the start is as near as {search.goal_m * 1000:.0f} mm to something"
        entries = search.entries(observation)
        if not entries:
            return search.spent() or "no demonstrated state is near this one"
        exits = search.exits(observation, call)
        if not exits:
            return search.spent() or "no demonstrated state is near the start"
        for _ in range(self.options.tries):
            nodes = self.graph.path(entries, exits, search.usable)
            if not nodes:
                return search.spent() or "every way over demonstrated states is barred"
            if search.free(nodes):
                return search.told(nodes)
            if search.spent():
                return search.spent()
        return f"no free way among {self.options.tries}"


class _Search:
    """One question: where it begins, what is carried, and which nodes are known not to be free."""

    def __init__(
        self, stones: Stones, observation: Observation, carried: Sequence[str], goal: Array | None
    ) -> None:
        self.graph, self.options = stones.graph, stones.options
        self.kinematics, self.clearance = stones.kinematics, stones.clearance
        self.start, self.carried = observation.position, carried
        self.goal = None if goal is None else self._gripped(goal)
        self.usable = self.graph.carrying == bool(carried)
        self.asked = 0
        self.least_m = self.options.clearance_m
        self.here_m = self._far(self.start)
        # A mover keeps less and may be content with a goal that is nearer.
        self.goal_m = np.inf if self.goal is None else self._far(self.goal)
        self.least_m = min(self.least_m, self.goal_m)

    def entries(self, observation: Observation) -> list[tuple[int, float]]:
        """Nodes with a free straight way from here, with what it costs."""
        return self._ends(States.of(observation), leaves=True)

    def exits(self, observation: Observation, call: Call) -> list[tuple[int, float]]:
        """Nodes that are as good as the goal, or from which it is near, with what that costs."""
        if self.goal is not None:
            at = Command.hold(self.goal)
            return self._ends(States.of(imagine(observation, at, self.kinematics, self.carried)))
        starts = self.graph.starts(call.contract.name)
        return [(int(node), 0.0) for node in starts if self.usable[node]]

    def spent(self) -> str:
        """Whether all distances have been asked for that may be, in words; empty if not."""
        if self.asked < self.options.checks:
            return ""
        return f"no free way found with {self.options.checks} distances"

    def _ends(self, state: States, *, leaves: bool = False) -> list[tuple[int, float]]:
        """Nodes with a free straight way from or to a state, with what it costs; nearest first."""
        graph, options = self.graph, self.options
        alike, similar = graph.nearest(state, options.looked_at, carrying=bool(self.carried))
        travel = travel_s(graph.states.position, state.position, graph.arms)
        # A thing beside the hand that nobody has seen there makes a state unlike all others.
        order = np.argsort(np.where(self.usable, travel, np.inf), kind="stable")
        close = order[: options.looked_at]
        close = close[self.usable[close] & (travel[close] <= options.close_s)]
        nodes = np.union1d(alike[similar >= options.least], close)
        gaps = graph.points[nodes] - state.embedding(graph.arms)
        costs = travel[nodes] + BUFFER_STEP_S * buffer_steps(np.exp(-np.sum(gaps**2, axis=1)))
        found: list[tuple[int, float]] = []
        for row in np.argsort(costs, kind="stable"):
            there = self._gripped(graph.states.position[nodes[row]])
            end = self._gripped(state.position[0])
            touched = self._touch(end, there, 0.0 if leaves else np.inf)
            if touched is None:
                found.append((int(nodes[row]), float(costs[row])))
            if len(found) == options.near or self.spent():
                break
        return found

    def free(self, nodes: Sequence[int]) -> bool:
        """Whether a path keeps its distance; else all that bars it may not be used again.

        Its ends have been looked at already.
        """
        points, free = self._points(nodes), True
        gone_m = self._gone_m(points[0], points[1])
        for node, here, there in zip(nodes[1:], points[1:], points[2:], strict=False):
            touched = self._touch(here, there, gone_m)
            gone_m += self._gone_m(here, there)
            if touched is not None:
                self._bar(node, touched)
                free = False
        return free

    def _touch(self, start: Array, end: Array, gone_m: float = np.inf) -> Array | None:
        """Where (D,) the straight way between two states comes too near to something.

        Also once no more distances may be asked for. What is near at first may be so, where a hand
        leaves a thing that it has put down: `gone_m` is how far the tool has come since.
        """
        if self.clearance is None:
            return None
        length_m, share = max(self._gone_m(start, end), 1e-9), 0.0
        while True:
            between = start + share * (end - start)
            leaving_m = self.here_m - LEAVE_M + LEAVE_SLOPE * (gone_m + share * length_m)
            spare_m = -1.0 if self.spent() else self._far(between) - min(self.least_m, leaving_m)
            if spare_m < 0.0:
                return np.asarray(between)
            if share == 1.0:
                return None
            # What is left shrinks no faster than the hand comes nearer, and the way leaves.
            ahead_m = max(self.options.step_m, spare_m / (1.0 + LEAVE_SLOPE))
            share = min(1.0, share + ahead_m / length_m)

    def _far(self, position: Array) -> float:
        self.asked += 1
        return np.inf if self.clearance is None else self.clearance(position, self.carried)

    def _gone_m(self, start: Array, end: Array) -> float:
        """How far what turns with the tool comes on the straight way, as a room measures it."""
        ends = [self.kinematics.forward(point) for point in (start, end)]
        moved = float(np.linalg.norm(ends[1].position - ends[0].position))
        alike = min(1.0, abs(float(ends[1].quaternion @ ends[0].quaternion)))
        arms = list(self.graph.arms)
        bent = max(2.0 * float(np.arccos(alike)), float(np.abs(end - start)[arms].max()))
        return moved + REACH_M * bent

    def _bar(self, node: int, position: Array) -> None:
        """Leave out a node, and all that hold the hand where it would touch something."""
        self.usable[node] = False
        spot = self.kinematics.forward(position).position
        gaps = np.linalg.norm(self.graph.states.tool[:, :3] - spot, axis=1)
        self.usable[gaps < self.options.around_m] = False

    def told(self, nodes: tuple[int, ...]) -> StonePath:
        """The path with the stones that it needs."""
        graph, rows = self.graph, list(nodes)
        points = self._points(nodes)
        if self.goal is not None:
            points.append(self.goal)
        skills = graph.skill[rows]
        turns = np.flatnonzero(np.diff(skills, prepend=-1) != 0)

        def straight(first: int, last: int) -> bool:
            # What leaves the place where it begins near to something is kept as it was checked.
            near = first == 0 and self.here_m - LEAVE_M < self.least_m
            return not near and self._touch(points[first], points[last]) is None

        return StonePath(
            essential(points, self.options.straight_rad, straight),
            nodes,
            tuple(graph.skills[skills[turn]] for turn in turns),
            int(np.count_nonzero(np.diff(graph.episode[rows]))) + 1 + (self.goal is not None),
        )

    def _points(self, nodes: Sequence[int]) -> list[Array]:
        """Joints at the start and at each node."""
        return [self.start, *(self._gripped(self.graph.states.position[node]) for node in nodes)]

    def _gripped(self, point: Array) -> Array:
        """The point with the grippers as they are now."""
        arms, kept = list(self.graph.arms), self.start.copy()
        kept[arms] = point[arms]
        return kept


def essential(
    points: Sequence[Array], near_rad: float, straight: Callable[[int, int], bool]
) -> tuple[Array, ...]:
    """The points after the first without those that lie on the straight way between others.

    Source: Douglas and Peucker (1973), with the greatest difference of a joint as the distance.

    Args:
        points: of a way.
        near_rad: what lies this near to the straight way may be left out.
        straight: whether the straight way from one point to a later one, by their numbers, is free.
    """
    path = np.array(points)
    keep: NDArray[np.bool_] = np.zeros(len(points), dtype=bool)
    keep[-1] = True
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        way, rest = path[last] - path[first], path[first + 1 : last] - path[first]
        share = np.clip(rest @ way / max(float(way @ way), 1e-12), 0.0, 1.0)
        off = np.abs(rest - share[:, None] * way).max(axis=1)
        worst = int(off.argmax())
        if off[worst] > near_rad or not straight(first, last):
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return tuple(points[i] for i in np.flatnonzero(keep) if i)
