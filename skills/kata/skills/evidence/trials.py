"""Trials: a skill run from many starts, the outcome of each, and how sure the rate is.

One trial is a plan of a single call on the executor, without a second try, so that a skill is
measured with the same rules of termination that hold when it is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kata.datasets.types import Condition, MakeWorld, TrialWorld
from kata.skills.contract.call import Call
from kata.skills.execution.messages import ChunkQuery, ChunkReply, ReadySkill
from kata.skills.execution.options import ExecutorOptions, Guide
from kata.skills.execution.passes import PASS_ROWS, BatchPolicy, side_by_side
from kata.skills.execution.runner import RunFrame, steps
from kata.skills.handover.boundary import LearnedBoundary, fit_boundary
from kata.skills.handover.features import Start, StartSample
from kata.skills.handover.progress_frames import Way, WayRecord
from kata.skills.planning.plan import Plan

from .failures import failure_kind
from .interval import Interval
from .metrics import Hits, Jerk, Metrics
from .replay import Replay
from .seeds import trial_seeds
from .start_facts import start_conditions
from .witness import Witness, witnesses
from .workers import Workers

Progress = Callable[[int, int], None]
"""Called with how many are done, of how many."""

_FEWEST, _MOST = 10, 64

VECTOR = PASS_ROWS
"""Trials side by side in one process: a pass of the policy answers as many."""

MakeSkill = Callable[[TrialWorld], ReadySkill]
"""Picklable; gives the skill for a world, so that an expert can use its kinematics."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial: its seed, its call, how it went and where it began.

    Attributes:
        path_m, jerk, limits_hit: see `metrics.Metrics`.
        conditions: what held at the start, in the call's roles; see `start_facts`.
        predicted: success that the skill's boundary predicted at the start; 1 without a model.
        failure: how to see it again; None after a success.
        start_kind: word for where it began, such as `nominal`; empty where nobody said.
        end: robot and focus after it; None where nobody looked.
        bumped: obstacles that were touched, where the world tells.
        witness: what it says about the contract; None where the call never began.
        way: its frames, to learn progress from; None where nobody kept them.
    """

    seed: int
    call: str
    success: bool
    reason: str
    duration_s: float
    start: Start
    path_m: float = 0.0
    jerk: Jerk = field(default_factory=Jerk)
    limits_hit: Hits = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    predicted: float = 1.0
    failure: Replay | None = None
    start_kind: str = ""
    end: Start | None = None
    witness: Witness | None = None
    way: Way | None = None
    bumped: tuple[str, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file, without the start, the replay and the way."""
        return {
            "seed": self.seed,
            "call": self.call,
            "success": self.success,
            "reason": self.reason,
            "duration_s": round(self.duration_s, 4),
            **Metrics(self.path_m, self.jerk, self.limits_hit).to_data(),
            "predicted": round(self.predicted, 6),
            "kind": self.failure.kind if self.failure else "",
            "start_kind": self.start_kind,
            "conditions": dict(self.conditions),
            "witness": None if self.witness is None else self.witness.to_data(),
            **({"bumped": list(self.bumped)} if self.bumped else {}),
        }


def trial_of(data: Mapping[str, Any]) -> Trial:
    """The trial of `to_data` with its `start`, as `Start.to_data` tells it."""
    told = ("seed", "call", "success", "reason", "duration_s", "path_m", "limits_hit")
    return Trial(
        **{name: data[name] for name in (*told, "conditions", "predicted", "start_kind")},
        start=Start.from_data(data["start"]),
        jerk=Jerk(**data["jerk"]),
        witness=Witness.from_data(data["witness"]) if data.get("witness") else None,
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """The trials of one skill."""

    skill: str
    seed: int
    trials: tuple[Trial, ...]

    @property
    def interval(self) -> Interval:
        """Success rate with its interval."""
        return Interval.of(sum(trial.success for trial in self.trials), len(self.trials))

    @property
    def samples(self) -> tuple[StartSample, ...]:
        """What a start model learns from."""
        return tuple(StartSample(trial.start, trial.success) for trial in self.trials)

    def failures(self) -> Mapping[str, int]:
        """How often each reason ended a trial, the most frequent first."""
        reasons = [trial.reason for trial in self.trials if not trial.success]
        return {r: reasons.count(r) for r in sorted(set(reasons), key=lambda r: -reasons.count(r))}

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "skill": self.skill,
            "seed": self.seed,
            **self.interval.to_data(),
            "outcomes": [trial.to_data() for trial in self.trials],
        }


def trial_steps(
    world: TrialWorld,
    skill: ReadySkill,
    seed: int,
    *,
    keep_way: bool = False,
    guide: Guide | None = None,
) -> Generator[ChunkQuery, ChunkReply, Trial]:
    """The trial of a seed as a generator of requests for chunks; it depends on nothing else."""
    observation = world.reset(seed)
    episode = world.episode
    call = Call.of(skill.contract, dict(episode.arguments), episode.hand)
    seen = call.seen(observation)
    start, chance = Start.of(seen), skill.boundary.may_start(call, seen).probability
    goal = Condition.parse(episode.goal)
    record = WayRecord()

    def see(frame: RunFrame) -> None:
        held = call.achieves.evaluate(frame.facts).value is True
        record.see(call.seen(frame.observation), held)

    log = yield from steps(
        world,
        Plan.sequence(goal, [call]),
        {skill.contract.name: skill},
        None,
        "naive",
        seed,
        on_frame=see if keep_way else None,
        options=ExecutorOptions(replans=0, guide=guide),
        tail_s=0.2,
    )
    cost = Metrics.of(log.motion)
    failure = None
    if not log.success:
        failure = Replay.of(call, log, failure_kind(log, cost.limits_hit), chance)
    return Trial(
        seed, str(call), log.success, log.reason, log.duration_s, start,
        cost.path_m, cost.jerk, cost.limits_hit, start_conditions(call, log.first), chance, failure,
        end=Start.of(call.seen(world.observe())),
        witness=next(witnesses(log, [skill.contract]), None),
        bumped=tuple(sorted(getattr(world, "bumped", ()))),
        way=record.done(log.success) if keep_way else None,
    )  # fmt: skip


@dataclass(frozen=True)
class TrialJob:
    """Runs one trial a seed; built once in each process."""

    world: TrialWorld
    skill: ReadySkill
    guide: Guide | None = None

    def __call__(self, seed: int) -> Trial:
        """The trial of a seed; it depends on nothing else, nor on what runs beside it."""
        return run_vector([self], [seed])[0]


def run_vector(
    jobs: Sequence[TrialJob], seeds: Sequence[int], *, keep_ways: bool = False
) -> list[Trial]:
    """The trials of these seeds, in their order, as many side by side as there are jobs."""

    def begin(lane: int, seed: int) -> Generator[ChunkQuery, ChunkReply, Trial]:
        job = jobs[lane]
        return trial_steps(job.world, job.skill, seed, keep_way=keep_ways, guide=job.guide)

    return side_by_side(begin, [job.skill for job in jobs], seeds)


def build_trials(make_world: MakeWorld, make_skill: MakeSkill) -> TrialJob:
    """The job of a process: its own world and its own skill."""
    world = make_world()
    return TrialJob(world, make_skill(world))


def build_vector(
    make_world: MakeWorld, make_skill: MakeSkill, count: int, guide: Guide | None = None
) -> list[TrialJob]:
    """Jobs to run side by side, each with a world of its own and all with one policy.

    A single job for a policy that cannot answer several worlds at once: it would gain nothing.
    """
    first = replace(build_trials(make_world, make_skill), guide=guide)
    if not isinstance(first.skill.policy, BatchPolicy):
        return [first]
    return [first, *(replace(first, world=make_world()) for _ in range(1, count))]


def run_trials(
    make_world: MakeWorld, make_skill: MakeSkill, seeds: Sequence[int], vector: int = VECTOR
) -> list[Trial]:
    """The trials of these seeds in this process, `vector` of them side by side."""
    jobs = build_vector(make_world, make_skill, max(1, min(vector, len(seeds))))
    return run_vector(jobs, seeds)


def block_size(trials: int) -> int:
    """Trials that a worker runs at a time, of so many.

    Enough to pay for building its worlds and to fill its passes, few enough that all workers have
    something to do and that little is lost when one is stopped.
    """
    return min(max(math.ceil(trials / 4), _FEWEST), _MOST)


def evaluate(
    make_world: MakeWorld,
    make_skill: MakeSkill,
    trials: int,
    seed: int,
    workers: Workers | None = None,
    progress: Progress | None = None,
    vector: int = VECTOR,
) -> Evidence:
    """Trials of one skill; equal seeds give equal evidence, whatever runs beside what, and where.

    Args:
        make_world: a picklable maker of the task's world.
        make_skill: a picklable maker of the skill for such a world.
        trials: how many.
        seed: of the trials' seeds.
        workers: processes that share the trials; without them all run in this one.
        progress: called with how many are done, of how many.
        vector: trials side by side in a process.

    Raises:
        ExecutionError: a worker died.
    """
    seeds = trial_seeds(seed, trials)
    size = block_size(trials) if workers else max(trials, 1)
    parts = {str(i): seeds[i : i + size] for i in range(0, trials, size)}
    work = {
        name: (run_trials, (make_world, make_skill, part, vector)) for name, part in parts.items()
    }
    done: dict[str, list[Trial]] = {}
    for name, outcomes in (workers or Workers(1)).run(work):
        done[name] = outcomes
        if progress:
            progress(sum(map(len, done.values())), trials)
    ordered = tuple(trial for name in parts for trial in done[name])
    return Evidence(ordered[0].call.split("(")[0] if ordered else "", seed, ordered)


def learn_boundary(evidence: Evidence, grippers: Sequence[int], seed: int) -> LearnedBoundary:
    """The boundary that these rollouts teach; see `fit_boundary`."""
    return fit_boundary(evidence.samples, grippers, seed)
