"""What a trial costs with trials side by side, the policy asked once for all of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import build
from .latency import DEFAULT, KINDS, make_policy
from .measure import Sample, cpu_samples
from .registry import BenchContext
from .table import BenchResult, Growth, Row

if TYPE_CHECKING:
    from kata.skills.evidence.trials import TrialJob

SKILL = "pick"
UNET = "diffusion, 4 steps, unet"
AGAINST = "one trial after the other, the policy asked for one chunk at a time"
NOTES = (
    (
        "A trial of `pick` from reset to verdict: physics, facts, executor, kinematics and policy. "
        "Weights are zero: the arm stays, and each trial ends after four seconds in which nothing "
        "moves; that changes the cost of no network. CPU time of the process, one thread."
    ),
    (
        "With `vector=1` a pass is filled up to as many rows as with `vector=32`, so that results "
        "are equal to the bit; the baseline asks for single rows, and differs in the last bits."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """Rows for a small and a large network; how the cost of the small one falls with worlds."""
    from kata.policies.device import torch_threads

    rows, points = [], []
    with torch_threads(1):
        for name in (DEFAULT, UNET):
            context.say(name)
            jobs = _jobs(KINDS[name], context)
            rows.append(_row(name, jobs, context))
            if name == DEFAULT:
                points = [_point(jobs, count) for count in (1, 2, 8, 32) if count <= len(jobs)]
    growth = Growth("one trial, small network", "trials side by side", "CPU ms", tuple(points))
    return BenchResult(tuple(rows), (growth,), NOTES)


def _jobs(kind: tuple[str, Mapping[str, Any]], context: BenchContext) -> list[TrialJob]:
    """Lanes that share a policy that stays where it is."""
    import torch

    from kata.sim.tasks import make_trial
    from kata.skills.evidence.trials import VECTOR, build_vector
    from kata.skills.execution.messages import LoadedSkill
    from kata.skills.handover.boundary import FactBoundary

    policy = make_policy(*kind, context.seed)
    with torch.no_grad():
        for weight in policy.network.parameters():
            weight.zero_()
    skill = LoadedSkill(build.contract(SKILL), policy, FactBoundary())
    make_world: Any = functools.partial(make_trial, SKILL)
    return build_vector(make_world, lambda _: skill, 2 if context.quick else VECTOR)


def _row(name: str, jobs: Sequence[TrialJob], context: BenchContext) -> Row:
    from kata.skills.evidence.trials import run_vector, trial_steps
    from kata.skills.execution.answers import PolicyAnswers, driven

    world, skill = jobs[0].world, jobs[0].skill
    few = 1 if context.quick else 8

    def alone() -> None:
        for seed in range(few):
            driven(trial_steps(world, skill, seed), PolicyAnswers({SKILL: skill}, seed))

    runs = 1 if context.quick else 3
    ours = cpu_samples(lambda: run_vector(jobs, range(len(jobs))), runs, len(jobs))
    theirs = cpu_samples(alone, runs, few)
    title = f"one trial, {len(jobs)} side by side: {name}"
    return Row(title, "CPU ms", _ms(ours), _ms(theirs), against=AGAINST)


def _point(jobs: Sequence[TrialJob], count: int) -> tuple[float, float]:
    from kata.skills.evidence.trials import run_vector

    trials = max(8, count) if len(jobs) > count else count
    spent = cpu_samples(lambda: run_vector(jobs[:count], range(trials)), 1, trials, 0)
    return float(count), _ms(spent).median


def _ms(sample: Sample) -> Sample:
    return sample.scaled(1e3)
