"""Bridges replayed: from beside the end of one skill's demonstration to a state of another's.

No policy acts here. The scene is new, the robot stands near a state that some demonstration ended
with, and goes to one that a demonstration of another skill began with; with a pillar in between, to
one that such a demonstration ended with, since starts lie high above all pillars.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..seeds import episode_seed
from .stitch_replay import follow, movers

if TYPE_CHECKING:
    from kata.datasets.types import Array
    from kata.skills.contract.call import Call
    from kata.skills.handover.graph import TransitionGraph

_DRAWS = 50
_CLEAR_M = 0.006
_SCENES = {False: "table", True: "obstacle"}


@dataclass(frozen=True, slots=True)
class Bridge:
    """What came of one bridge.

    Attributes:
        found: whether there was a path.
        arrived: over the stones, without disturbing anything.
        trusting: the same by the demonstrations alone, without distances in this scene.
        straight: the same on the straight way between joints.
        search_ms: CPU time of the search for the stones.
    """

    found: bool
    arrived: bool
    trusting: bool
    straight: bool
    search_ms: float


class Bridges:
    """One world, and bridges in it by number.

    Args:
        call: one that needs an empty hand; what it is about is no matter for a bridge.
        barred: whether a pillar that no demonstration has seen stands in the way.
    """

    def __init__(self, graph: TransitionGraph, call: Call, seed: int, *, barred: bool) -> None:
        from kata.sim.scene.config import TableWorldConfig
        from kata.sim.tasks import make_trial
        from kata.skills.handover.graph import Stones

        config = TableWorldConfig.load(_SCENES[barred])
        self._trial: Any = make_trial("table", "nominal", config)
        self._graph, self._call, self._seed, self._barred = graph, call, seed, barred
        kinematics, world = self._trial.kinematics, self._trial.world
        self._stones = Stones(graph, kinematics, world.clearance_m)
        self._trusting = Stones(graph, kinematics)
        self._careful, self._blind = movers(world)
        last = np.append(graph.first[1:], len(graph)) - 1
        self._ends = last[~graph.carrying[last]]
        first = graph.first[~graph.carrying[graph.first]]
        self._goals = self._ends if barred else first

    def run(self, index: int) -> Bridge | None:
        """The bridge of a number; None where the scene has no room for it."""
        seed = episode_seed(self._seed, f"bridge {self._barred}", index)
        rng = np.random.default_rng(seed % 2**63)
        world = self._trial.world
        self._trial.reset(seed)
        end = self._begin(world, rng)
        if end is None:
            return None
        other = self._another(end, rng)
        goal = np.asarray(self._graph.states.position[other])
        if self._barred and not self._bar(world, rng, goal):
            return None
        if world.clearance_m(goal) < _CLEAR_M:
            return None
        state = world.snapshot()
        came = []
        begin = time.process_time()
        way = self._stones(world.observe(), self._call, goal)
        search_ms = 1000.0 * (time.process_time() - begin)
        for mover, stones in (
            (self._careful, way),
            (self._blind, self._trusting(world.observe(), self._call, goal)),
            (self._blind, [goal]),
        ):
            world.restore(state)
            came.append(follow(world, mover, stones))
        arrived, trusting, straight = came
        return Bridge(bool(way), arrived, trusting, straight, search_ms)

    def _begin(self, world: Any, rng: np.random.Generator) -> int | None:
        """Put the robot beside the end of a demonstration, where it is free; which one."""
        from kata.skills.handover.graph import shaken

        for _ in range(_DRAWS):
            node = int(self._ends[int(rng.integers(len(self._ends)))])
            position = shaken(self._graph, node, world.kinematics, rng).position
            if world.clearance_m(world.robot.limits.clip(position)) > _CLEAR_M:
                world.set_joints(position)
                return node
        return None

    def _another(self, end: int, rng: np.random.Generator) -> int:
        """A state of a demonstration of another skill."""
        others = self._goals[self._graph.skill[self._goals] != self._graph.skill[end]]
        return int(others[int(rng.integers(len(others)))])

    def _bar(self, world: Any, rng: np.random.Generator, goal: Array) -> bool:
        from kata.sim.tasks.barriers import bar

        here = world.observe().tool().position
        return bar(world, rng, here, world.kinematics.forward(goal).position)
