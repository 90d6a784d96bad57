"""What one tick of the executor costs, facts, watches and observations included."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kata.datasets.types import ActionChunk, ChunkRequest, Command, Observation, Policy

from .. import build
from ..agents import Agent
from .measure import Sample
from .registry import BenchContext
from .table import BenchResult, Bound, Growth, Row

if TYPE_CHECKING:
    from kata.skills.execution.messages import LoadedSkill

MUST_MS = 0.5
SENTENCE = "put the red cube in the drawer, then close it"
_NOTES = (
    (
        "A whole plan of four calls in simulation. A tick is all that happens between two "
        "commands: every fifth one observes and computes all facts, each one evaluates conditions, "
        "watches and boundaries and samples the trajectory. CPU time of the process."
    ),
    "Left out: the simulation, and what the skills' policies take for their chunks.",
    (
        "A tick with a seam in it plans a transition with clearances, the costliest thing that an "
        "executor does; it shows in the greatest tick."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """Run the plan with one skill less or more loaded, and time every tick."""
    runs = 1 if context.quick else 5
    contracts = build.contracts()
    needed = [c for c in contracts if c.name in ("open", "pick", "place_in", "close")]
    others = [c for c in contracts if c not in needed and c.embodiment.arms == 1]
    points = []
    for extra in (0, len(others)):
        agents = [Agent(contract) for contract in (*needed, *others[:extra])]
        ticks = [_ticks_ms(agents, context.seed + i) for i in range(runs)]
        points.append((float(len(agents)), Sample.of([t.mean() for t in ticks]).median))
    mean = Sample.of([t.mean() for t in ticks])
    name = f"one tick, {len(agents)} skills loaded"
    return BenchResult(
        (
            Row(f"{name}, mean", "CPU ms", mean, must=Bound(MUST_MS, "ours")),
            Row(f"{name}, median", "CPU ms", Sample.of([np.median(t) for t in ticks])),
            Row(f"{name}, 99 of 100", "CPU ms", Sample.of([np.quantile(t, 0.99) for t in ticks])),
            Row(f"{name}, greatest", "CPU ms", Sample.of([t.max() for t in ticks])),
        ),
        (Growth("one tick, mean", "skills loaded", "CPU ms", tuple(points)),),
        _NOTES,
    )


def _ticks_ms(agents: list[Agent], seed: int) -> Any:
    """CPU time in ms of each tick (T,) of a run of the sentence."""
    from kata.sim.scene.config import TableWorldConfig
    from kata.sim.tasks import make_trial
    from kata.skills.execution.runner import run as run_plan
    from kata.skills.planning.planner import SymbolicPlanner
    from kata.skills.planning.service import make_plan

    world: Any = make_trial("table", "nominal", TableWorldConfig.load())
    world.reset(seed)
    clock = _Clock()
    skills = {agent.contract.name: _timed(agent.load(world), clock) for agent in agents}
    contracts = [skill.contract for skill in skills.values()]
    planner = SymbolicPlanner({})
    answer = make_plan(SENTENCE, world.facts(), contracts, planner=planner)
    assert answer.plan is not None
    timed: Any = _TimedWorld(world, clock)
    clock.begin()
    run_plan(timed, answer.plan, skills, planner, "full", seed)
    # The first tick is asked before the first command; it loads what later ones have.
    return np.array(clock.ticks_ms[1:])


class _Clock:
    """CPU time of ticks: from the end of one period of the world to the next command."""

    def __init__(self) -> None:
        self.ticks_ms: list[float] = []
        self.begin()

    def begin(self) -> None:
        """A tick begins."""
        self._from, self._aside = time.process_time(), 0.0

    def end(self) -> None:
        """A tick ends."""
        self.ticks_ms.append(1e3 * (time.process_time() - self._from - self._aside))

    def aside[T](self, call: Callable[[], T]) -> T:
        """What a call returns; its time does not count."""
        begun = time.process_time()
        result = call()
        self._aside += time.process_time() - begun
        return result


class _TimedWorld:
    """A world whose own time is no part of a tick, but what it is asked for is."""

    def __init__(self, world: Any, clock: _Clock) -> None:
        self._world, self._clock = world, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def apply(self, command: Command) -> None:
        """End the tick, advance, begin the next."""
        self._clock.end()
        self._world.apply(command)
        self._clock.begin()


class _TimedPolicy:
    """A policy whose chunks are no part of a tick."""

    def __init__(self, policy: Policy, clock: _Clock) -> None:
        self._policy, self._clock = policy, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The policy's chunk."""
        return self._clock.aside(lambda: self._policy.chunk(observation, request))


def _timed(skill: LoadedSkill, clock: _Clock) -> LoadedSkill:
    from dataclasses import replace

    policy: Any = _TimedPolicy(skill.policy, clock)
    changes: Mapping[str, Any] = {"policy": policy}
    return replace(skill, **changes)
