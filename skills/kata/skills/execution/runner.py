"""Runs a plan in a world on simulated time, in one thread, reproducible to the bit.

Policies and the planner are asked at once and their replies handed over after an injected delay.
A run is a generator that stops at each request for a chunk, so that whoever drives it may answer
many runs at once. Legend: `D` joints.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from kata.datasets.types import (
    FRAME_S,
    Command,
    ConfigError,
    Facts,
    Observation,
    SimulationError,
    World,
)
from kata.skills.planning.plan import Plan, Planner, Refusal
from kata.skills.planning.wishes import with_wishes

from .answers import PolicyAnswers, Steps, driven
from .correcting import Conversation, Corrector
from .executor import SkillExecutor
from .lanes import LaneExecutor, SkillsOf
from .log import Flip, RunLog, flips_between, seams_of, spans_of
from .messages import ChunkQuery, ChunkReply, Event, PlanQuery, PlanReply, ReadySkill
from .motion import MotionRecord
from .options import ExecutorOptions, Mode
from .states import FINAL


@dataclass(frozen=True, slots=True)
class RunFrame:
    """What a spectator sees once a frame."""

    observation: Observation
    facts: Facts
    command: Command
    state: str
    call: str
    plan: tuple[str, ...]


_ENDED = frozenset(state.value for state in FINAL)

OnFrame = Callable[[RunFrame], None]


def whole_multiple(longer_s: float, shorter_s: float, what: str) -> int:
    """How many times `shorter_s` fits into `longer_s`. Raises ConfigError if not whole."""
    count = round(longer_s / shorter_s)
    if count < 1 or abs(count * shorter_s - longer_s) > 1e-9:
        raise ConfigError(
            f"{what} is no whole multiple of the world's period",
            expected=f"a whole multiple of {shorter_s:g} s",
            got=f"{longer_s:g} s",
        )
    return count


def run(
    world: World,
    plan: Plan,
    skills: Mapping[str, ReadySkill],
    planner: Planner | None,
    mode: Mode,
    seed: int,
    delay_s: float = 0.0,
    on_frame: OnFrame | None = None,
    *,
    jitter_s: float = 0.0,
    options: ExecutorOptions | None = None,
    tail_s: float = 0.5,
    limit_s: float = 300.0,
    skills_of: SkillsOf | None = None,
    corrector: Corrector | None = None,
) -> RunLog:
    """Run a plan in a world that stands ready.

    Args:
        world: already reset, with the facts that the plan was made for.
        plan: what to run.
        skills: by name.
        planner: asked after a failure; without one, a failure ends the run.
        mode: how skills are joined.
        seed: of the policies.
        delay_s: from a request to its reply, in whole periods; what the executor expects.
        jitter_s: a reply comes up to so much earlier or later, drawn from the seed.
        on_frame: called once a frame.
        options: of the executor; its mode and delay are set from the arguments.
        tail_s: how long the world is watched after the end, before success is judged.
        limit_s: the run is cancelled after this time.
        skills_of: gives each lane of a robot with several hands policies of its own, by the lane's
            name, the same ones each time; without it no two calls of one skill run at one time.
        corrector: may say something once a frame that changes the running call.

    A simulation that diverges ends the run as a failure.

    Raises:
        ConfigError: times that are no whole multiples of the world's period.
    """
    going = steps(
        world, plan, skills, planner, mode, seed, delay_s, on_frame,
        jitter_s=jitter_s, options=options, tail_s=tail_s, limit_s=limit_s, skills_of=skills_of,
        corrector=corrector,
    )  # fmt: skip
    return driven(going, PolicyAnswers(skills, seed, skills_of))


def steps(
    world: World,
    plan: Plan,
    skills: Mapping[str, ReadySkill],
    planner: Planner | None,
    mode: Mode,
    seed: int,
    delay_s: float = 0.0,
    on_frame: OnFrame | None = None,
    *,
    jitter_s: float = 0.0,
    options: ExecutorOptions | None = None,
    tail_s: float = 0.5,
    limit_s: float = 300.0,
    skills_of: SkillsOf | None = None,
    corrector: Corrector | None = None,
) -> Steps:
    """The same as a generator of requests for chunks; `skills` give boundaries, not answers."""
    made = _Run(
        world, plan, skills, planner, mode, seed, (delay_s, jitter_s), on_frame, options, skills_of,
        corrector,
    )  # fmt: skip
    return made.go(tail_s, limit_s)


class _Run:
    """One run: the clock, the replies on their way, and what is kept of it."""

    def __init__(
        self,
        world: World,
        plan: Plan,
        skills: Mapping[str, ReadySkill],
        planner: Planner | None,
        mode: Mode,
        seed: int,
        delays_s: tuple[float, float],
        on_frame: OnFrame | None,
        options: ExecutorOptions | None,
        skills_of: SkillsOf | None,
        corrector: Corrector | None,
    ) -> None:
        self._world, self._plan, self._skills = world, plan, skills
        self._planner, self._mode, self._seed = planner, mode, seed
        self._on_frame = on_frame
        self._every = whole_multiple(FRAME_S, world.period_s, "a frame")
        delay_s, jitter_s = delays_s
        self._delay = whole_multiple(delay_s, world.period_s, "the delay") if delay_s else 0
        self._jitter = whole_multiple(jitter_s, world.period_s, "the jitter") if jitter_s else 0
        self._luck = np.random.default_rng([seed, 1])
        chosen = replace(options or ExecutorOptions(), mode=mode, delay_s=delay_s)
        if planner is None:
            chosen = replace(chosen, replans=0)
        setting = world.robot, world.kinematics, world.period_s, skills, chosen
        clearance = getattr(world, "clearance_m", None)
        self._executor: SkillExecutor | LaneExecutor
        if len(world.robot.hands) > 1:
            self._executor = LaneExecutor(*setting, clearance, skills_of)
        else:
            self._executor = SkillExecutor(*setting, clearance)
        self._talk = corrector and Conversation(corrector, self._executor)
        self._due: list[tuple[int, int, ChunkReply | PlanReply]] = []
        self._sent = 0
        self._events: list[Event] = []
        self._flips: list[Flip] = []
        self._motion = MotionRecord(world.robot, world.period_s)
        self._first = self._facts = world.facts()
        self._diverged = False

    def go(self, tail_s: float, limit_s: float) -> Steps:
        """Tick by tick to the end of the plan, and a little on."""
        world, executor, period = self._world, self._executor, self._world.period_s
        observation = world.observe()
        start = observation.time_s
        executor.start(self._plan, start)
        tail, tick = round(tail_s / period), 0
        ended = -1
        while ended < 0 or tick < ended + tail:
            now = start + tick * period
            fresh = tick % self._every == 0
            if fresh and tick:
                observation = world.observe()
            if fresh:
                facts = world.facts()
                self._flips += flips_between(self._facts, facts)
                self._facts = facts
                self._motion.see(observation)
            if fresh and self._talk and ended < 0:
                self._events += self._talk.listen(observation, facts, executor.call, now)
            while self._due and self._due[0][0] <= tick:
                executor.deliver(heapq.heappop(self._due)[2])
            answer = executor.tick(observation, facts, now)
            self._events += answer.events
            for request in answer.requests:
                yield from self._answer(request, tick)
            if fresh and self._on_frame is not None:
                self._on_frame(self._frame(observation, facts, answer.command))
            self._motion.command(answer.command)
            tick += 1
            if not self._apply(answer.command, now):
                return self._log(start, tick * period)
            if ended < 0 and executor.state.value in _ENDED:
                ended = tick
            elif ended < 0 and tick * period > limit_s:
                executor.cancel(f"longer than {limit_s:g} s")
        return self._log(start, ended * period)

    def _apply(self, command: Command, now_s: float) -> bool:
        """Advance one period; False where the simulation has diverged."""
        try:
            self._world.apply(command)
        except SimulationError as error:
            call = "" if self._executor.call is None else str(self._executor.call)
            self._events.append(Event(now_s, "diverged", "failed", call, error.what))
            self._diverged = True
            self._motion.lose_sight()
        return not self._diverged

    def _answer(
        self, request: ChunkQuery | PlanQuery, tick: int
    ) -> Generator[ChunkQuery, ChunkReply, None]:
        if isinstance(request, ChunkQuery):
            reply: ChunkReply | PlanReply = yield request
        else:
            reply = self._replan(request)
        late = self._delay + int(self._luck.integers(-self._jitter, self._jitter, endpoint=True))
        heapq.heappush(self._due, (tick + max(0, late), self._sent, reply))
        self._sent += 1

    def _replan(self, request: PlanQuery) -> PlanReply:
        if self._planner is None:
            return PlanReply(request.id, Refusal("missing_skill", "nobody is there to plan anew"))
        # Other versions, by their keys, are for the planner to know of.
        contracts = [
            skill.contract for key, skill in self._skills.items() if key == skill.contract.name
        ]
        outcome = self._planner.plan(request.goal, request.facts, contracts, request.failures)
        if isinstance(outcome, Plan):
            outcome = with_wishes(outcome, self._plan.wished, request.failures, request.facts)
        if isinstance(outcome, Plan):
            self._plan = outcome
        return PlanReply(request.id, outcome)

    def _frame(self, observation: Observation, facts: Facts, command: Command) -> RunFrame:
        call = self._executor.call
        return RunFrame(
            observation,
            facts,
            command,
            self._executor.state.value,
            "" if call is None else str(call),
            tuple(str(c) for c in self._plan.calls),
        )

    def _log(self, start_s: float, duration_s: float) -> RunLog:
        world, executor = self._world, self._executor
        # After a divergence nothing can be measured any more.
        facts = self._facts if self._diverged else world.facts()
        if not self._diverged:
            self._motion.see(world.observe())
        self._flips += flips_between(self._facts, facts)
        spans = spans_of(self._events, start_s + duration_s)
        ends = ("finished", "give_up", "cancel", "diverged")
        last = [event for event in self._events if event.kind in ends]
        return RunLog(
            mode=self._mode,
            seed=self._seed,
            success=not self._diverged and bool(self._plan.goal.evaluate(facts).value),
            state="failed" if self._diverged else executor.state.value,
            reason=last[-1].reason if last else "",
            replans=executor.replans,
            start_s=start_s,
            duration_s=duration_s,
            period_s=world.period_s,
            spans=spans,
            seams=seams_of(spans),
            events=tuple(self._events),
            flips=tuple(self._flips),
            motion=self._motion.done(),
            first=self._first,
            last=facts,
            heard=tuple(self._talk.heard) if self._talk else (),
        )
