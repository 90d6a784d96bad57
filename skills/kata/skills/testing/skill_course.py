"""One execution of a skill, tick by tick, with whatever a test wants to happen on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from kata.datasets.types import (
    FRAME_S,
    ActionChunk,
    Array,
    Command,
    Facts,
    KataError,
    Observation,
    TrialWorld,
)
from kata.skills.contract.call import Call
from kata.skills.execution.executor import SkillExecutor
from kata.skills.execution.log import spans_of
from kata.skills.execution.messages import ChunkQuery, ChunkReply, Event, ReadySkill
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.states import FINAL
from kata.skills.planning.plan import Plan

Spoil = Callable[[int, ActionChunk], ActionChunk | None]
"""From the number of a chunk in the call, from 0, and the chunk, to the one that comes; or none."""

Pretend = Callable[[Facts], Facts]
"""From the facts to those that the executor is told."""


@dataclass(frozen=True)
class Course:
    """What became of it.

    Attributes:
        commands: as they went to the world, one a period.
        position: (T, D) of those commands.
        events: the executor's decisions.
        outcome: `done`, `failed`, `cancelled`, `unfinished`, or `refused` if it never began.
        seconds: how long the skill had the robot.
        first, last: facts before it and at the end.
        asked: chunks that were asked for.
    """

    world: TrialWorld
    call: Call
    commands: tuple[Command, ...]
    events: tuple[Event, ...]
    first: Facts
    last: Facts
    asked: int
    end_s: float = 0.0
    position: Array = field(init=False)
    outcome: str = field(init=False)
    seconds: float = field(init=False)

    def __post_init__(self) -> None:
        rows = np.array([command.position for command in self.commands])
        object.__setattr__(self, "position", rows)
        calls = [span for span in spans_of(self.events, self.end_s) if span.kind == "call"]
        object.__setattr__(self, "outcome", calls[0].outcome if calls else "refused")
        object.__setattr__(self, "seconds", calls[0].end_s - calls[0].start_s if calls else 0.0)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of its events, in order."""
        return tuple(event.kind for event in self.events)

    def at_rest(self, seconds: float = 0.2) -> bool:
        """Whether nothing was commanded to move in the last part of it."""
        count = max(2, round(seconds / self.world.period_s))
        return bool(np.ptp(self.position[-count:], axis=0).max() < 1e-9)


def drive(
    world: TrialWorld,
    skill: ReadySkill,
    call: Call,
    seed: int,
    *,
    spoil: Spoil | None = None,
    pretend: Pretend | None = None,
    cancel_s: float | None = None,
    tail_s: float = 0.5,
    limit_s: float | None = None,
) -> Course:
    """Execute a call in a world that stands ready, and watch it for `tail_s` afterwards.

    Args:
        world: set to the start already.
        skill: what runs.
        call: of it.
        seed: of its policy.
        spoil: changes or withholds chunks.
        pretend: changes the facts that the executor is told.
        cancel_s: when it is cancelled.
        tail_s: how long it is watched after its end.
        limit_s: when it is given up, by default well after the call's own time.
    """
    period, name = world.period_s, call.contract.name
    options = ExecutorOptions(mode="naive", replans=0)
    executor = SkillExecutor(world.robot, world.kinematics, period, {name: skill}, options)
    told = pretend or (lambda facts: facts)
    observation, first = world.observe(), world.facts()
    start = observation.time_s
    most = limit_s or call.contract.duration_s + call.contract.settle_s + 3.0
    executor.start(Plan.sequence(call.achieves, [call]), start)
    commands: list[Command] = []
    events: list[Event] = []
    asked, ended, every = 0, -1, round(FRAME_S / period)
    for tick in range(round(most / period) + 1):
        now = start + tick * period
        if tick % every == 0:
            observation, facts = world.observe(), told(world.facts())
        if cancel_s is not None and tick == round(cancel_s / period):
            executor.cancel("a test")
        answer = executor.tick(observation, facts, now)
        events += answer.events
        for request in answer.requests:
            if isinstance(request, ChunkQuery):
                reply = answered(skill, request, seed, asked, spoil)
                asked += 1
                if reply is not None:
                    executor.deliver(reply)
        commands.append(answer.command)
        world.apply(answer.command)
        if ended < 0 and executor.state in FINAL:
            ended = tick
        if ended >= 0 and tick >= ended + round(tail_s / period):
            break
    end = start + len(commands) * period
    return Course(world, call, tuple(commands), tuple(events), first, world.facts(), asked, end)


def answered(
    skill: ReadySkill, request: ChunkQuery, seed: int, number: int, spoil: Spoil | None
) -> ChunkReply | None:
    """The skill's answer to a request; None where it is withheld."""
    if request.begin:
        skill.policy.reset(seed)
    try:
        chunk = skill.policy.chunk(request.observation, request.request)
    except KataError as error:
        return ChunkReply(request.id, None, str(error))
    if spoil is None:
        return ChunkReply(request.id, chunk)
    spoiled = spoil(number, chunk)
    return None if spoiled is None else ChunkReply(request.id, spoiled)


def copied(observation: Observation) -> tuple[Array, ...]:
    """Copies of all numbers of an observation, to see whether someone wrote to it."""
    rows = [thing.row() for thing in observation.entities.values()]
    tools = [tool.array() for tool in observation.tools.values()]
    parts = (observation.position, observation.velocity, observation.effort, *rows, *tools)
    return tuple(np.array(part, copy=True) for part in parts)
