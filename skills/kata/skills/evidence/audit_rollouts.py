"""Declared against used limits, by rollouts in simulation: of a skill alone, and after another.

A skill that keeps its envelope from its own starts may leave it from where another one ends, so
that pairs are run too: each skill before and after each other one that it may follow. Rollouts run
in a sandbox; see `audit_rollouts_sandbox`. Source of the idea: SkillProbe and SkillTrojan
(skills that are harmless alone and harmful in chains).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kata.datasets.types import (
    Array,
    Atom,
    Condition,
    ConfigError,
    ExecutionError,
    Facts,
    MakeWorld,
)
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.execution.messages import ReadySkill
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import RunFrame, run
from kata.skills.planning.plan import Plan
from kata.skills.planning.problem import grounded_calls

from .audit_rollouts_sandbox import Bounds, Sandbox, SandboxStoppedError
from .audit_rollouts_use import MeteredWorld, Used, used
from .trials import MakeSkill

CHAINS = 3
"""Rollouts of a pair for each that is asked for of a skill alone, divided by this."""

_LIMIT_S = 60.0

OnPart = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """A skill to be run: its promise, how it is made for a world, and the world of its task."""

    contract: Contract
    make_skill: MakeSkill
    make_world: MakeWorld


@dataclass(frozen=True, slots=True)
class Rollouts:
    """What was run of one skill, or of one skill after another.

    Attributes:
        skill: whose use was measured.
        after: the skill before it; empty where it ran alone.
        asked: rollouts that were asked for; `uses` has those in which the skill ran.
        stopped: why the sandbox ended it; empty if it did not.
        error: why it could not be run, such as another robot's; empty if it could.
    """

    skill: str
    after: str
    asked: int
    uses: tuple[Used, ...] = ()
    stopped: str = ""
    error: str = ""

    @property
    def name(self) -> str:
        """As in `open` or `open after pick`."""
        return f"{self.skill} after {self.after}" if self.after else self.skill


@dataclass(frozen=True)
class Audit:
    """All rollouts of an audit; `enforced` says what bounded them."""

    alone: Rollouts
    pairs: tuple[Rollouts, ...] = ()
    contracts: dict[str, Contract] = field(default_factory=dict)
    enforced: dict[str, str] = field(default_factory=dict)


def audit_rollouts(
    tried: Subject,
    others: Sequence[Subject],
    rollouts: int,
    seed: int,
    bounds: Bounds | None = None,
    progress: OnPart | None = None,
) -> Audit:
    """Run a skill from its own starts, and before and after every other that it may follow.

    Args:
        tried: the skill that is audited.
        others: the skills that it would stand beside.
        rollouts: of the skill alone; pairs get a third each, at least two.
        seed: of the rollouts' seeds; equal seeds give equal rollouts.
        bounds: of each part of the work.
        progress: called with the parts that are done, of how many.

    Raises:
        ConfigError: no rollouts.
    """
    if rollouts < 1:
        raise ConfigError("no rollouts", where="rollouts", expected="1 or more", got=str(rollouts))
    pairs = [(a, b) for a, b in _ordered(tried, others) if may_follow(a.contract, b.contract)]
    chains = max(2, rollouts // CHAINS)
    done: list[Rollouts] = []
    with Sandbox(bounds) as sandbox:
        work = [(None, tried, rollouts), *((a, b, chains) for a, b in pairs)]
        for before, subject, count in work:
            if done and done[0].error:
                # What cannot be run alone cannot be run in pairs.
                break
            done.append(_part(sandbox, before, subject, range(seed, seed + count)))
            if progress:
                progress(len(done), len(work))
        enforced = dict(sandbox.enforced)
    contracts = {each.contract.name: each.contract for each in (*others, tried)}
    return Audit(done[0], tuple(done[1:]), contracts, enforced)


def _ordered(tried: Subject, others: Sequence[Subject]) -> Iterator[tuple[Subject, Subject]]:
    for other in others:
        if other.contract.name != tried.contract.name:
            yield other, tried
            yield tried, other


def _part(sandbox: Sandbox, before: Subject | None, tried: Subject, seeds: range) -> Rollouts:
    after = before.contract.name if before else ""
    name, asked = tried.contract.name, len(seeds)
    try:
        if before is None:
            found = sandbox.call(alone, (tried, list(seeds)))
        else:
            found = sandbox.call(chained, (before, tried, list(seeds)))
    except SandboxStoppedError as error:
        return Rollouts(name, after, asked, stopped=str(error))
    except ExecutionError as error:
        return Rollouts(name, after, asked, error=error.what)
    return Rollouts(name, after, asked, tuple(map(Used.from_data, found)))


def alone(tried: Subject, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Rollouts of a skill from the starts of its own task, as plain data."""
    world = MeteredWorld(tried.make_world())
    skill = tried.make_skill(world)
    found = []
    for seed in seeds:
        world.reset(seed)
        episode = world.episode
        if episode.skill == tried.contract.name:
            call: Call | None = Call.of(tried.contract, dict(episode.arguments), episode.hand)
        else:
            call = _possible(tried.contract, None, world.facts(), seed)
        if call is not None:
            found.append(_rolled(call, skill, world, seed)[0].to_data())
    return found


def chained(before: Subject, tried: Subject, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Rollouts of a skill from where another one ended, as plain data.

    Each begins in a start of the first one's task. Where that one fails, or leaves a state in
    which the second may not begin, the rollout says nothing and is left out.
    """
    world = MeteredWorld(before.make_world())
    first, second = before.make_skill(world), tried.make_skill(world)
    found = []
    for seed in seeds:
        world.reset(seed)
        episode = world.episode
        if episode.skill == before.contract.name:
            call: Call | None = Call.of(before.contract, dict(episode.arguments), episode.hand)
        else:
            call = _possible(before.contract, None, world.facts(), seed)
        if call is None:
            continue
        started = world.facts()
        if _rolled(call, first, world, seed)[0].outcome != "done":
            continue
        then = _possible(tried.contract, started, world.facts(), seed)
        if then is not None:
            told, _ = _rolled(then, second, world, seed)
            found.append({**told.to_data(), "after": str(call)})
    return found


def _rolled(call: Call, skill: ReadySkill, world: MeteredWorld, seed: int) -> tuple[Used, bool]:
    """Run one call from where the world stands; what it used, and whether it reached its end."""
    wrenches: list[float] = []

    def look(_: RunFrame) -> None:
        wrench = world.wrench_n()
        if wrench is not None:
            wrenches.append(wrench)

    world.forces.clear()
    log = run(
        world,
        Plan.sequence(call.achieves, [call]),
        {call.contract.name: skill},
        None,
        "naive",
        seed,
        on_frame=look,
        options=ExecutorOptions(replans=0),
        tail_s=0.2,
        limit_s=_LIMIT_S,
    )
    measured: Array = np.array(wrenches)
    return used(call, log, world, measured, seed), log.success


def _possible(contract: Contract, before: Facts | None, now: Facts, seed: int) -> Call | None:
    """A call that may begin now, drawn by the seed; first those that could not begin before."""
    calls = [call for call, _ in grounded_calls(now.table, [contract])]
    ready = [call for call in calls if call.requires.evaluate(now).value]
    open_ = [call for call in ready if not call.achieves.evaluate(now).value]
    new = [
        call for call in open_ if before is not None and not call.requires.evaluate(before).value
    ]
    choice = new or open_
    return choice[int(np.random.default_rng(seed).integers(len(choice)))] if choice else None


def may_follow(first: Contract, second: Contract) -> bool:
    """Whether the second may begin after the first, as far as their predicates say.

    True where what the first achieves establishes something that the second requires, or where
    nothing that it achieves denies it: a plan may put such skills one after the other.
    """
    made = set(_signed(first.achieves))
    asked = set(_signed(second.requires))
    feeds = bool(made & asked)
    denies = any((predicate, not value) in asked for predicate, value in made)
    return feeds or not denies


def _signed(condition: Condition, value: bool = True) -> Iterator[tuple[str, bool]]:
    """Every predicate of a condition, and whether it is wanted true."""
    atom: Atom | None = condition.atom
    if atom is not None:
        yield atom.predicate, value
    for part in condition.parts:
        yield from _signed(part, value is not (condition.kind == "not"))
