"""What the bench of the transition graph runs: the end of one skill, and the way to the next one.

A switch begins where a learned skill has just achieved what it is for. From that state, restored
each time, the next skill is begun at once, or after the robot went to a state that it was
demonstrated from: over stepping stones, or straight. The two were never demonstrated together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..seeds import episode_seed
from .stitch_replay import follow, movers

if TYPE_CHECKING:
    from kata.datasets.types import Array, Facts
    from kata.skills.contract.call import Call
    from kata.skills.execution.messages import LoadedSkill
    from kata.skills.handover.graph import TransitionGraph


@dataclass(frozen=True, slots=True)
class Switch:
    """What came of one switch.

    Attributes:
        predicted: success of the next skill from where the first one ended, by its start model.
        refused: by the start model.
        found: whether there was a path; `stones` of it.
        arrived: whether the robot came over the stones to the start and disturbed nothing.
        straight: the same on the straight way between joints.
        naive, stepped, straightened: whether the next skill succeeded: begun at once, after the
            stones, and after the straight way.
    """

    first: str
    second: str
    predicted: float
    refused: bool
    found: bool
    stones: int
    arrived: bool
    straight: bool
    naive: bool
    stepped: bool
    straightened: bool


class Switches:
    """One world with all skills, and switches in it by number."""

    def __init__(self, agents: Mapping[str, Any], graph: TransitionGraph, seed: int) -> None:
        from kata.sim.scene.config import TableWorldConfig
        from kata.sim.tasks import make_trial
        from kata.skills.handover.graph import Stones

        config = TableWorldConfig.load()
        self._trials: dict[str, Any] = {
            name: make_trial(name, "nominal", config) for name in agents
        }
        self._skills: dict[str, LoadedSkill] = {}
        self._graph, self._seed = graph, seed
        for name, trial in self._trials.items():
            self._skills[name] = agents[name].load(trial)
        self._stones = {
            name: Stones(graph, trial.kinematics, trial.world.clearance_m)
            for name, trial in self._trials.items()
        }

        self._movers = {name: movers(trial.world) for name, trial in self._trials.items()}

    def run(self, index: int, *, refused: bool = False) -> Switch | None:
        """The switch of a number; None where the first skill fails, or nothing can follow it.

        With `refused` also where the start model of the second one promises success.
        """
        first = sorted(self._trials)[index % len(self._trials)]
        seed = episode_seed(self._seed, f"switch from {first}", index)
        rng = np.random.default_rng(seed % 2**63)
        trial, stones = self._trials[first], self._stones[first]
        trial.reset(seed)
        call = self._call(first, trial)
        if not self._do(trial.world, call, index):
            return None
        after = self._next(trial.world, first, rng)
        if after is None:
            return None
        world, end = trial.world, trial.world.snapshot()
        seen = after.seen(world.observe())
        verdict = self._skills[after.contract.name].boundary.may_start(after, seen)
        if refused and verdict.ok:
            return None
        goal = self._start(after, rng)
        way = stones(seen, after, goal)
        naive = self._do(world, after, index)
        world.restore(end)
        arrived = follow(world, self._movers[first][0], way)
        # Without a way the next skill begins at once, as it would without the graph.
        stepped = self._do(world, after, index)
        world.restore(end)
        straight = follow(world, self._movers[first][1], [goal])
        straightened = self._do(world, after, index)
        return Switch(
            first, after.contract.name, verdict.probability, not verdict.ok, bool(way), len(way),
            arrived, straight, naive, stepped, straightened,
        )  # fmt: skip

    def _call(self, name: str, trial: Any) -> Call:
        from kata.skills.contract.call import Call

        episode = trial.episode
        return Call.of(self._skills[name].contract, dict(episode.arguments), episode.hand)

    def _next(self, world: Any, first: str, rng: np.random.Generator) -> Call | None:
        """A call of another skill that may come now and would change something, by chance."""
        from kata.skills.planning.problem import grounded_calls

        facts: Facts = world.facts()
        others = [s.contract for name, s in self._skills.items() if name != first]
        calls: dict[str, list[Call]] = {}
        for call, _ in grounded_calls(facts.table, others):
            if call.requires.evaluate(facts).value and not call.achieves.evaluate(facts).value:
                calls.setdefault(call.contract.name, []).append(call)
        if not calls:
            return None
        drawn = calls[sorted(calls)[int(rng.integers(len(calls)))]]
        return drawn[int(rng.integers(len(drawn)))]

    def _start(self, call: Call, rng: np.random.Generator) -> Array:
        """The first state of a random demonstration of a call's skill."""
        nodes = self._graph.starts(call.contract.name)
        node = int(nodes[int(rng.integers(len(nodes)))])
        return np.asarray(self._graph.states.position[node])

    def _do(self, world: Any, call: Call, index: int) -> bool:
        """Whether a call succeeds from here."""
        from kata.skills.execution.options import ExecutorOptions
        from kata.skills.execution.runner import run
        from kata.skills.planning.plan import Plan

        seed = episode_seed(self._seed, "policies", index)
        plan = Plan.sequence(call.achieves, [call])
        options = ExecutorOptions(replans=0)
        log = run(world, plan, self._skills, None, "naive", seed, options=options, tail_s=0.0)
        return log.success
