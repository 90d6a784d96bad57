"""The graph itself: nodes in the order of their demonstrations, edges, and the shortest path.

Legend: `N` nodes, `E` edges, `D` joints, `S` ends of a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, PackageError, RobotSpec

from .states import States

SPEED_RAD_S = 0.5
"""Of the fastest joint on an edge; its costs are in s."""

BUFFER_STEP_S = 0.1
"""What a buffer step of a bridge adds to its cost: nobody has shown that way."""


@dataclass(frozen=True)
class TransitionGraph:
    """Demonstrated states and the ways between them.

    Attributes:
        robot: fingerprint of the robot that they are of.
        joints: names of D.
        arms: the joints of D that are no gripper.
        skills: names; `skill` counts in them.
        states: of the N nodes.
        skill, episode: (N,) of each node; a demonstration's nodes follow each other.
        carrying: (N,) whether something was held.
        edges: (E, 2) from and to.
        buffer: (E,) buffer steps of a bridge, 0 along a demonstration and between close states.
    """

    robot: str
    joints: tuple[str, ...]
    arms: tuple[int, ...]
    skills: tuple[str, ...]
    states: States
    skill: NDArray[np.int64]
    episode: NDArray[np.int64]
    carrying: NDArray[np.bool_]
    edges: NDArray[np.int64]
    buffer: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.states)

    @property
    def bridges(self) -> NDArray[np.bool_]:
        """(E,) which edges lead from one demonstration into another."""
        return np.asarray(self.episode[self.edges[:, 0]] != self.episode[self.edges[:, 1]])

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """The node that each demonstration begins with."""
        return np.flatnonzero(np.diff(self.episode, prepend=-1) != 0)

    def starts(self, skill: str) -> NDArray[np.int64]:
        """The nodes that the demonstrations of a skill begin with; none of a skill not in it."""
        if skill not in self.skills:
            return np.zeros(0, dtype=np.int64)
        return np.asarray(self.first[self.skill[self.first] == self.skills.index(skill)])

    def check_robot(self, robot: RobotSpec, where: str = "") -> None:
        """Raise PackageError if it is another robot's."""
        if self.robot != robot.fingerprint():
            raise PackageError(
                "a transition graph of another robot",
                where=where,
                expected=f"{robot.name} ({robot.fingerprint()})",
                got=f"{self.robot}: {', '.join(self.joints)}",
                hint=f"make it of demonstrations of robot={robot.name}",
            )

    @cached_property
    def points(self) -> Array:
        """Embedding (N, F) of the nodes; see `States.embedding`."""
        return self.states.embedding(self.arms)

    @cached_property
    def _trees(self) -> dict[bool, tuple[NDArray[np.int64], Any]]:
        """Nodes with an empty hand, and those with something in it, each with their tree."""
        from scipy.spatial import cKDTree

        kinds = {held: np.flatnonzero(self.carrying == held) for held in (False, True)}
        return {held: (rows, cKDTree(self.points[rows])) for held, rows in kinds.items()}

    def nearest(
        self, state: States, count: int, *, carrying: bool
    ) -> tuple[NDArray[np.int64], Array]:
        """At most `count` nodes most like one state, best first, and how alike they are.

        Only nodes with something in the hand, or only ones with nothing, as `carrying` says.
        """
        rows, tree = self._trees[carrying]
        count = min(count, len(rows))
        if not count:
            return rows, np.zeros(0)
        gaps, found = tree.query(state.embedding(self.arms)[0], k=range(1, count + 1))
        return rows[found], np.exp(-(np.asarray(gaps) ** 2))

    @cached_property
    def _costs(self) -> Array:
        ends = self.states.position[self.edges]
        return travel_s(ends[:, 0], ends[:, 1], self.arms) + BUFFER_STEP_S * self.buffer

    def path(
        self,
        entries: Sequence[tuple[int, float]],
        exits: Sequence[tuple[int, float]],
        usable: NDArray[np.bool_] | None = None,
    ) -> tuple[int, ...]:
        """The nodes of the shortest path, or none where there is no way.

        Args:
            entries: nodes that can be reached at once, each with what it costs in s.
            exits: nodes from which the goal can be reached at once, with what that costs.
            usable: (N,) which nodes may be passed; all without.
        """
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import dijkstra

        size, keep = len(self), np.ones(len(self), dtype=bool) if usable is None else usable
        inner = keep[self.edges].all(axis=1)
        ends = [self.edges[inner]]
        costs = [self._costs[inner]]
        come = [(size, node, cost) for node, cost in entries if keep[node]]
        leave = [(node, size + 1, cost) for node, cost in exits if keep[node]]
        if not come or not leave:
            return ()
        outer = np.array([*come, *leave])
        ends.append(outer[:, :2].astype(np.int64))
        costs.append(outer[:, 2])
        both = np.concatenate(ends)
        # A cost of nought would be no edge at all in a sparse matrix.
        weights = np.maximum(np.concatenate(costs), 1e-9)
        matrix = csr_matrix((weights, (both[:, 0], both[:, 1])), shape=(size + 2, size + 2))
        _, before = dijkstra(matrix, indices=size, return_predecessors=True)
        found: list[int] = []
        node = int(before[size + 1])
        while 0 <= node < size:
            found.append(node)
            node = int(before[node])
        return tuple(reversed(found))


def travel_s(a: Array, b: Array, arms: Sequence[int]) -> Array:
    """How long the fastest joint takes between positions (..., D)."""
    gap = np.abs(a - b)[..., list(arms)]
    return np.asarray(gap.max(axis=-1) / SPEED_RAD_S)
