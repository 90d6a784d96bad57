"""Stepping stones: from where the robot is to a good start, over states that were demonstrated.

The shortest path is looked for as if all states were free and then checked; what is not free here
is left out and another path is looked for. Source: Bohlin and Kavraki, Path planning using lazy PRM
(ICRA 2000). Legend: `D` joints, `N` nodes, `P` states of a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, Command, Kinematics, Observation
from kata.skills.contract.call import Call

from ..boundary import held
from ..collision import Clearance
from ..transition import imagine
from .graph import BUFFER_STEP_S, TransitionGraph, travel_s
from .states import States, buffer_steps


@dataclass(frozen=True, slots=True)
class StoneOptions:
    """How a path is looked for and what it must keep to.

    Attributes:
        near: at how many states a path may begin, and end.
        looked_at: among how many for each of them, the most similar and the closest ones.
        least: how alike the similar ones must be to the ends.
        close_s: how long the fastest joint may take to the close ones.
        clearance_m: distance to keep; less, where the robot is nearer now.
        step_rad: how far apart states are checked on the way between two stones.
        tries: how many paths are checked.
        around_m: states that hold the hand this near to where it touched something are left out.
        straight_rad: stones that lie this near to the way between others are left out.
    """

    near: int = 24
    looked_at: int = 100
    least: float = 1e-10
    close_s: float = 1.0
    clearance_m: float = 0.01
    step_rad: float = 0.06
    tries: int = 30
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
        """The same with how it was found, or why there is no way."""
        search = _Search(self, observation, tuple(held(call) & set(observation.entities)))
        if not search.entries:
            return "no demonstrated state is near this one"
        exits = search.exits(observation, call, goal)
        if not exits:
            return "no demonstrated state is near the start"
        for _ in range(self.options.tries):
            nodes = self.graph.path(search.entries, exits, search.usable)
            if not nodes:
                return "every way over demonstrated states is barred"
            if search.free(nodes):
                return search.told(nodes, goal)
        return f"no free way among {self.options.tries}"


class _Search:
    """One question: where it begins, what is carried, and which nodes are known not to be free."""

    def __init__(self, stones: Stones, observation: Observation, carried: Sequence[str]) -> None:
        self.graph, self.options = stones.graph, stones.options
        self.kinematics, self.clearance = stones.kinematics, stones.clearance
        self.start, self.carried = observation.position, carried
        self.usable = self.graph.carrying == bool(carried)
        self.least_m = self.options.clearance_m
        if self.clearance is not None:
            # What is near now may be near at first: a hand leaves a thing where it has put it.
            self.least_m = min(self.least_m, self.clearance(self.start, carried) - 0.002)
        self.entries = self._ends(States.of(observation))

    def exits(
        self, observation: Observation, call: Call, goal: Array | None
    ) -> list[tuple[int, float]]:
        """Nodes that are as good as the goal, or from which it is near, with what that costs."""
        if goal is not None:
            there = imagine(observation, Command.hold(goal), self.kinematics, self.carried)
            return self._ends(States.of(there))
        starts = self.graph.starts(call.contract.name)
        return [(int(node), 0.0) for node in starts if self.usable[node]]

    def _ends(self, state: States) -> list[tuple[int, float]]:
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
            if self._touch(self._gripped(state.position[0]), there) is None:
                found.append((int(nodes[row]), float(costs[row])))
            if len(found) == options.near:
                break
        return found

    def free(self, nodes: Sequence[int]) -> bool:
        """Whether a path keeps its distance; else what bars it may not be used again.

        Its ends have been looked at already.
        """
        points = self._points(nodes)[1:]
        for node, here, there in zip(nodes[1:], points, points[1:], strict=False):
            touched = self._touch(here, there)
            if touched is not None:
                self._bar(node, touched)
                return False
        return True

    def _touch(self, start: Array, end: Array) -> Array | None:
        """Where (D,) the straight way between two states comes too near to something."""
        if self.clearance is None:
            return None
        count = max(1, int(np.ceil(np.abs(end - start).max() / self.options.step_rad)))
        for share in np.arange(1, count + 1) / count:
            between = start + share * (end - start)
            if self.clearance(between, self.carried) < self.least_m:
                return np.asarray(between)
        return None

    def _bar(self, node: int, position: Array) -> None:
        """Leave out a node, and all that hold the hand where it would touch something."""
        self.usable[node] = False
        spot = self.kinematics.forward(position).position
        gaps = np.linalg.norm(self.graph.states.tool[:, :3] - spot, axis=1)
        self.usable[gaps < self.options.around_m] = False

    def told(self, nodes: tuple[int, ...], goal: Array | None) -> StonePath:
        """The path with the stones that it needs."""
        graph, rows = self.graph, list(nodes)
        points = self._points(nodes)
        if goal is not None:
            points.append(self._gripped(goal))
        skills = graph.skill[rows]
        turns = np.flatnonzero(np.diff(skills, prepend=-1) != 0)
        return StonePath(
            _essential(points, self.options.straight_rad),
            nodes,
            tuple(graph.skills[skills[turn]] for turn in turns),
            int(np.count_nonzero(np.diff(graph.episode[rows]))) + 1 + (goal is not None),
        )

    def _points(self, nodes: Sequence[int]) -> list[Array]:
        """Joints at the start and at each node."""
        return [self.start, *(self._gripped(self.graph.states.position[node]) for node in nodes)]

    def _gripped(self, point: Array) -> Array:
        """The point with the grippers as they are now."""
        arms, kept = list(self.graph.arms), self.start.copy()
        kept[arms] = point[arms]
        return kept


def _essential(points: Sequence[Array], near_rad: float) -> tuple[Array, ...]:
    """The points after the first without those that lie on the straight way between others.

    Source: Douglas and Peucker (1973), with the greatest difference of a joint as the distance.
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
        if off[worst] > near_rad:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return tuple(points[i] for i in np.flatnonzero(keep) if i)
