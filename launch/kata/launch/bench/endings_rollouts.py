"""Rollouts on which three listeners judge when a skill is done, each with facts of its own.

The skill goes on until all have spoken or waited long enough, so that one rollout serves them all.
When one speaks, the world is copied, the robot held at its last command for `TAIL_S`, and the
world set back: what holds then, without the skill, is the truth of what was said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kata.datasets.types import (
    FRAME_S,
    Command,
    Condition,
    Facts,
    Observation,
    TrialWorld,
)
from kata.skills.contract.call import Call
from kata.skills.execution.entering import Entering
from kata.skills.execution.messages import ChunkQuery, ChunkReply, LoadedSkill, ReadySkill
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import RunFrame, steps
from kata.skills.execution.watch import ProgressWatch
from kata.skills.handover.boundary import Boundary
from kata.skills.handover.verdict import Verdict
from kata.skills.planning.plan import Plan

from ..trials import Block, SkillTrials, jobs_of

FACTS = ("known", "late", "unseen")
"""What a listener has: facts of now; those of 200 to 500 ms ago; none of what is achieved."""

LAG_FRAMES = (4, 10)
TAIL_S = 0.5
LINGER_S = 1.0
"""A listener that has not spoken so long after the goal came true and settled has missed it."""


def endings_block(asked: SkillTrials, first: int, count: int) -> Block:
    """Rollouts `first` to `first + count`: when the goal came true, and who said so when."""
    from kata.skills.execution.passes import side_by_side

    jobs, seeds = jobs_of(asked, first, count)
    heard = side_by_side(
        lambda lane, seed: listened(jobs[lane].world, jobs[lane].skill, seed),
        [job.skill for job in jobs],
        seeds,
    )
    return {"rollouts": heard}


def listened(
    world: TrialWorld, skill: ReadySkill, seed: int
) -> Generator[ChunkQuery, ChunkReply, Block]:
    """One rollout with its listeners, as plain data; times in s from its begin."""
    observation = world.reset(seed)
    episode = world.episode
    call = Call.of(_patient(skill).contract, dict(episode.arguments), episode.hand)
    goal = Condition.parse(episode.goal)
    listeners = Listeners(world, skill, call, goal, seed)
    lasting = LoadedSkill(call.contract, skill.policy, _Lasting(skill.boundary, listeners))
    yield from steps(
        world,
        Plan.sequence(goal, [call]),
        {call.contract.name: lasting},
        None,
        "naive",
        seed,
        on_frame=listeners.see,
        options=ExecutorOptions(replans=0),
        tail_s=0.0,
    )
    return listeners.told(observation.time_s)


def _patient(skill: ReadySkill) -> ReadySkill:
    """With time for listeners who speak after the skill's own time is over."""
    longest = skill.contract.duration_s + LINGER_S + skill.contract.settle_s
    contract = replace(skill.contract, duration_s=longest)
    return LoadedSkill(contract, skill.policy, skill.boundary)


class Listeners:
    """The three listeners of one rollout, and the truth about what they say."""

    def __init__(
        self, world: TrialWorld, skill: ReadySkill, call: Call, goal: Condition, seed: int
    ) -> None:
        self._world, self._boundary, self._call, self._goal = world, skill.boundary, call, goal
        low, high = LAG_FRAMES
        lag = int(np.random.default_rng(seed % 2**63).integers(low, high + 1))
        self._old: deque[Facts] = deque(maxlen=lag + 1)
        self._settle: dict[str, float | None] = dict.fromkeys(FACTS)
        self._entering = {name: Entering() for name in FACTS}
        self._begun_s: float | None = None
        self._said: dict[str, tuple[float, bool]] = {}
        self._true_s: float | None = None
        self._settled_s: float | None = None
        self._watch = ProgressWatch({skill.contract.name: skill})
        self._stall_s: float | None = None
        self._tail: tuple[float, bool] = (-1.0, False)
        self._now_s = 0.0

    @property
    def over(self) -> bool:
        """Whether nobody has anything more to say."""
        waited = self._settled_s is not None and self._now_s - self._settled_s >= LINGER_S
        return waited or len(self._said) == len(FACTS)

    def see(self, frame: RunFrame) -> None:
        """One frame: let each listener who has not yet spoken judge it."""
        self._now_s = now = frame.observation.time_s
        self._old.append(frame.facts)
        self._follow_truth(frame.facts, now)
        alarm = self._watch.check(self._call, frame.observation, frame.facts, now)
        if alarm is not None and self._stall_s is None and self._true_s is None:
            self._stall_s = now
        given = {"known": frame.facts, "late": self._old[0], "unseen": self._hidden(frame.facts)}
        for name in FACTS:
            if name in self._said or not self._judged(name, frame.observation, given[name]):
                continue
            self._said[name] = now, self._holds_after(frame.command, now)

    def told(self, begun_s: float) -> Block:
        """Times of truth and of what was said, and whether it was right."""
        since = {name: time - begun_s for name, (time, _) in self._said.items()}
        true_s = None if self._settled_s is None or self._true_s is None else self._true_s - begun_s
        return {
            "true_s": true_s,
            "settle_s": self._call.contract.settle_s,
            "stall_s": None if self._stall_s is None else self._stall_s - begun_s,
            "said_s": {name: since.get(name) for name in FACTS},
            "right": {name: right for name, (_, right) in self._said.items()},
        }

    def _follow_truth(self, facts: Facts, now_s: float) -> None:
        """Since when the goal holds, and whether it has held for `settle_s`."""
        if self._settled_s is not None:
            return
        if not self._goal.evaluate(facts).value:
            self._true_s = None
            return
        self._true_s = now_s if self._true_s is None else self._true_s
        if now_s - self._true_s >= self._call.contract.settle_s - 1e-9:
            self._settled_s = now_s

    def _judged(self, name: str, seen: Observation, facts: Facts) -> bool:
        """Whether it has been done for `settle_s`, by the rule of the executor."""
        self._begun_s = self._now_s if self._begun_s is None else self._begun_s
        verdict = self._boundary.is_done(self._call, seen, facts)
        verdict = self._entering[name].judged(self._call, verdict, self._now_s - self._begun_s)
        since = self._settle[name]
        holds = verdict.ok or (since is not None and verdict.stays)
        since = None if not holds else self._now_s if since is None else since
        self._settle[name] = since
        return since is not None and self._now_s - since >= self._call.contract.settle_s - 1e-9

    def _hidden(self, facts: Facts) -> Facts:
        """Without what the call achieves."""
        truth = facts.truth.copy()
        for atom in self._call.achieves.literals(facts.table):
            truth[facts.table.index[atom]] = -1
        return replace(facts, truth=truth)

    def _holds_after(self, command: Command, now_s: float) -> bool:
        """Whether the goal holds after `TAIL_S` in which the robot stays where it is."""
        if self._tail[0] != now_s:
            kept, world = self._world.snapshot(), self._world
            every = round(FRAME_S / world.period_s)
            for tick in range(round(TAIL_S / world.period_s)):
                world.apply(Command.hold(command.position))
                if tick % every == every - 1:
                    world.facts()  # they remember, so they are looked at as often as ever
            self._tail = now_s, bool(self._goal.evaluate(world.facts()).value)
            world.restore(kept)
        return self._tail[1]


@dataclass(frozen=True, slots=True)
class _Lasting:
    """A boundary that lets the skill go on until all listeners are through."""

    inner: Boundary
    listeners: Listeners

    @property
    def usual(self) -> float:
        """As the skill's own."""
        return self.inner.usual

    def may_start(self, call: Call, observation: Observation) -> Verdict:
        """As the skill's own."""
        return self.inner.may_start(call, observation)

    def is_done(self, call: Call, observation: Observation, facts: Facts) -> Verdict:
        """When nobody listens any more."""
        over = self.listeners.over
        return Verdict(over, float(over), "all have spoken" if over else "someone still listens")

    def starts(self, call: Call, observation: Observation, count: int) -> Sequence[Command]:
        """As the skill's own."""
        return self.inner.starts(call, observation, count)
