"""Trials: a skill run from many starts, the outcome of each, and how sure the rate is.

One trial is a plan of a single call on the executor, without a second try, so that a skill is
measured with the same rules of termination that hold when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import Condition, MakeWorld, TrialWorld
from kata.skills.contract.call import Call
from kata.skills.execution.messages import ReadySkill
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import run
from kata.skills.handover.boundary import LearnedBoundary, fit_boundary
from kata.skills.handover.features import Start, StartSample
from kata.skills.planning.plan import Plan

from .interval import Interval
from .seeds import trial_seeds
from .workers import Workers

Progress = Callable[[int, int], None]
"""Called with how many are done, of how many."""

_BLOCK = 10
"""Trials that a worker runs at a time; each time it builds its world anew."""

MakeSkill = Callable[[TrialWorld], ReadySkill]
"""Picklable; gives the skill for a world, so that an expert can use its kinematics."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial: its seed, its call, how it went and where it began."""

    seed: int
    call: str
    success: bool
    reason: str
    duration_s: float
    start: Start

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file, without the start."""
        return {
            "seed": self.seed,
            "call": self.call,
            "success": self.success,
            "reason": self.reason,
            "duration_s": round(self.duration_s, 4),
        }


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


@dataclass(frozen=True)
class TrialJob:
    """Runs one trial a seed; built once in each process."""

    world: TrialWorld
    skill: ReadySkill

    def __call__(self, seed: int) -> Trial:
        """The trial of a seed; it depends on nothing else."""
        world, skill = self.world, self.skill
        observation = world.reset(seed)
        episode = world.episode
        call = Call.of(skill.contract, dict(episode.arguments))
        start = Start.of(observation, call.focus)
        plan = Plan.sequence(Condition.parse(episode.goal), [call])
        log = run(
            world,
            plan,
            {skill.contract.name: skill},
            None,
            "naive",
            seed,
            options=ExecutorOptions(replans=0),
            tail_s=0.2,
        )
        return Trial(seed, str(call), log.success, log.reason, log.duration_s, start)


def build_trials(make_world: MakeWorld, make_skill: MakeSkill) -> TrialJob:
    """The job of a process: its own world and its own skill."""
    world = make_world()
    return TrialJob(world, make_skill(world))


def run_trials(make_world: MakeWorld, make_skill: MakeSkill, seeds: Sequence[int]) -> list[Trial]:
    """The trials of these seeds, one after the other, in this process."""
    job = build_trials(make_world, make_skill)
    return [job(seed) for seed in seeds]


def evaluate(
    make_world: MakeWorld,
    make_skill: MakeSkill,
    trials: int,
    seed: int,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Trials of one skill; equal seeds give equal evidence, however many workers there are.

    Args:
        make_world: a picklable maker of the task's world.
        make_skill: a picklable maker of the skill for such a world.
        trials: how many.
        seed: of the trials' seeds.
        workers: processes that share the trials; without them all run in this one.
        progress: called with how many are done, of how many.

    Raises:
        ExecutionError: a worker died.
    """
    seeds = trial_seeds(seed, trials)
    size = _BLOCK if workers else max(trials, 1)
    parts = {str(i): seeds[i : i + size] for i in range(0, trials, size)}
    work = {name: (run_trials, (make_world, make_skill, part)) for name, part in parts.items()}
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
