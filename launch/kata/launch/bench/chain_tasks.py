"""What the bench of chains runs: two skills one after the other, and planned chains of more.

Everything here is picklable and depends on its seed alone, so that all handovers meet the same
scenes, whatever process runs them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import Condition, ExecutionError

from ..agents import Agent
from ..seeds import episode_seed
from ..trials import Block, kept_worlds

if TYPE_CHECKING:
    from kata.datasets.types import Atom, Facts, MakeWorld
    from kata.skills.contract.call import Call
    from kata.skills.execution.log import RunLog
    from kata.skills.execution.messages import LoadedSkill
    from kata.skills.execution.options import Mode
    from kata.skills.handover.graph import TransitionGraph
    from kata.skills.planning.plan import Plan

_SCENES = 12
"""Scenes that are looked at before a pair counts as one that no plan can contain."""

_DRAWS = 400
"""Scenes that are drawn for an episode before none counts as fit for it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One skill, and the one that comes after it."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first}-{self.second}"


@dataclass(frozen=True, slots=True)
class Course:
    """What is run.

    Attributes:
        replans: how often a failure may lead to a new plan.
        graph: folder of a transition graph, for ways that make transitions.
    """

    make_world: MakeWorld
    agents: Mapping[str, Agent]
    seed: int
    replans: int = 0
    graph: Path | None = None

    def load(self, world: Any) -> dict[str, LoadedSkill]:
        """Every skill, for a world."""
        return {name: agent.load(world) for name, agent in self.agents.items()}


def possible_pairs(courses: Mapping[str, Course]) -> list[Pair]:
    """Pairs of skills that a plan can contain, by the contracts; `courses` by the first skill."""
    found = set()
    for first, course in courses.items():
        world = kept_worlds(course.make_world)()
        for index in range(_SCENES):
            world.reset(episode_seed(course.seed, f"pair {first}", index))
            _, followers = _followers(world, course)
            found |= {Pair(first, call.contract.name) for call in followers}
    return sorted(found, key=str)


def pair_block(course: Course, pair: Pair, mode: Mode, first: int, count: int) -> Block:
    """Episodes of a pair: the scene of the first skill's task, then a second call drawn by seed."""
    world: Any = kept_worlds(course.make_world)()
    skills = course.load(world)
    return {
        "episodes": [
            _run(world, _pair_plan(world, course, pair, index), skills, course, mode, index)
            for index in range(first, first + count)
        ]
    }


def pair_log(course: Course, pair: Pair, mode: Mode, index: int) -> RunLog:
    """One episode of a pair."""
    world: Any = kept_worlds(course.make_world)()
    plan = _pair_plan(world, course, pair, index)
    return _log(world, plan, course.load(world), course, mode, index)


def chain_block(course: Course, sentence: str, calls: int, mode: Mode, span: range) -> Block:
    """Episodes of a sentence whose plan has so many calls, in scenes where it has."""
    world: Any = kept_worlds(course.make_world)()
    skills = course.load(world)
    return {
        "episodes": [
            _run(world, _chain_plan(world, skills, course, sentence, calls, i), skills, course,
                 mode, i)
            for i in span
        ]
    }  # fmt: skip


def _log(
    world: Any,
    plan: Plan,
    skills: Mapping[str, LoadedSkill],
    course: Course,
    mode: Mode,
    index: int,
) -> RunLog:
    from kata.skills.execution.options import ExecutorOptions
    from kata.skills.execution.runner import run
    from kata.skills.planning.planner import SymbolicPlanner

    seed = episode_seed(course.seed, "policies", index)
    planner = SymbolicPlanner() if course.replans else None
    graph = None if course.graph is None else _graph(course.graph)
    options = ExecutorOptions(mode=mode, replans=course.replans, graph=graph)
    return run(world, plan, skills, planner, mode, seed, options=options)


def _run(
    world: Any,
    plan: Plan,
    skills: Mapping[str, LoadedSkill],
    course: Course,
    mode: Mode,
    index: int,
) -> Block:
    log = _log(world, plan, skills, course, mode, index)
    return {
        "success": log.success,
        "replans": log.replans,
        "reason": "" if log.success else log.reason,
        "peak_jerk": round(log.peak_jerk, 3),
        "jerk_share": round(_jerk_share(log), 6),
        "duration_s": round(log.duration_s, 3),
        "calls": [str(call) for call in plan.calls],
        "moves": sum(event.kind == "move" for event in log.events),
        "continued": sum(event.kind == "continues" for event in log.events),
    }


@functools.cache
def _graph(folder: Path) -> TransitionGraph:
    from kata.skills.handover.graph import load_graph

    return load_graph(folder)


def _jerk_share(log: RunLog) -> float:
    """Greatest jerk around a seam, of a joint's own limit."""
    from kata.skills.execution.log import peak_jerk

    arms, motion = list(log.motion.arms), log.motion
    commands = log.commands[:, arms] / motion.robot.limits.jerk[arms]
    return peak_jerk(commands, log.period_s, [seam - log.start_s for seam in log.seams])


def _pair_plan(world: Any, course: Course, pair: Pair, index: int) -> Plan:
    """The plan of a pair in the first scene, from `index` on, in which the second can follow."""
    import numpy as np

    from kata.skills.planning.plan import Plan

    for attempt in range(_DRAWS):
        purpose = f"pair {pair.first}" if not attempt else f"pair {pair.first} again {attempt}"
        seed = episode_seed(course.seed, purpose, index)
        world.reset(seed)
        call, followers = _followers(world, course)
        calls = [each for each in followers if each.contract.name == pair.second]
        if calls:
            drawn = int(np.random.default_rng(seed % 2**63).integers(len(calls)))
            after = calls[drawn]
            return Plan.sequence(_goal(world.facts(), call, after), (call, after))
    raise ExecutionError("no scene for a pair of skills", where=str(pair), got=f"seed {index}")


def _followers(world: Any, course: Course) -> tuple[Call, list[Call]]:
    """The call of the world's task, and all that may come after it and would change something."""
    from kata.skills.contract.call import Call
    from kata.skills.planning.effects import after
    from kata.skills.planning.problem import grounded_calls

    facts, episode = world.facts(), world.episode
    contracts = [agent.contract for agent in course.agents.values()]
    call = Call.of(course.agents[episode.skill].contract, dict(episode.arguments), episode.hand)
    then = after(call, facts)
    calls = [each for each, _ in grounded_calls(facts.table, contracts)]
    return call, [
        each
        for each in calls
        if each.requires.evaluate(then).value and not each.achieves.evaluate(then).value
    ]


def _goal(facts: Facts, first: Call, second: Call) -> Condition:
    """What both calls are to have changed in the end, and nothing else."""
    from kata.skills.planning.effects import after, effect

    end = after(second, after(first, facts))
    wanted: dict[Atom, bool] = {}
    for call in (first, second):
        named = effect(call, facts.table)
        wanted |= {atom: value for atom, value in named.items() if end.value(atom) is value}
    parts = [str(atom) if value else f"not {atom}" for atom, value in wanted.items()]
    return Condition.parse(" and ".join(parts))


def _chain_plan(
    world: Any,
    skills: Mapping[str, LoadedSkill],
    course: Course,
    sentence: str,
    calls: int,
    index: int,
) -> Plan:
    from kata.skills.planning.planner import SymbolicPlanner
    from kata.skills.planning.service import make_plan

    contracts: Sequence[Any] = [skill.contract for skill in skills.values()]
    for attempt in range(_DRAWS):
        purpose = "chain" if not attempt else f"chain again {attempt}"
        world.reset(episode_seed(course.seed, purpose, index))
        answer = make_plan(sentence, world.facts(), contracts, planner=SymbolicPlanner())
        if answer.plan is not None and len(answer.plan.calls) == calls:
            return answer.plan
    raise ExecutionError(
        "no scene for a chain", where=sentence, expected=f"a plan of {calls} calls"
    )
