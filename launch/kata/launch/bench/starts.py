"""May it start: how well a boundary predicts success from starts that it has never seen.

Every default skill begins at perturbed starts (`kata.sim.tasks.leftovers`) on scenes that nothing
was learned from; its stored start model is asked first, and the rollout shows who was right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..trials import Block, SkillTrials, jobs_of, spans
from .blocks import Work, by_skill, run_blocks
from .measure import Sample
from .registry import BenchContext
from .starts_picture import reliability_svg
from .table import BenchResult, Bound, Row

if TYPE_CHECKING:
    from kata.datasets.types import Array

    from ..agents import Agent

STARTS = 2000
LEAST_FAILING, MOST_FAILING = 30.0, 70.0
LEAST_SKILL, MOST_ERROR = 0.3, 0.05
UNUSUAL_P = 0.05
PICTURE = "starts.svg"
_BINS = 10
_BLOCK = 100
_NOTES = (
    (
        f"{STARTS} perturbed starts a skill, on scenes that nothing was learned from. The boundary "
        "that is stored in the package predicts success, then the skill runs to its end. Brier "
        "skill: 1 is perfect, 0 is as good as the rate of these very starts. Calibration error: "
        f"mean |predicted - observed| over {_BINS} bins of equal count."
    ),
    (
        "Novelty: starts drawn as those that the boundary was made from should get p <= 0.05 in "
        "5 % of cases at most; the share is told of perturbed starts, of which it saw many, and "
        "so is success among them: novelty is not failure."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """Rows of the worst skill, and of each skill in `data`."""
    from .trained import ONE_ARM, trained

    names = ("open",) if context.quick else ONE_ARM
    agents = trained(context, names).agents
    return scored(tried(context, agents, 8 if context.quick else STARTS))


def tried(
    context: BenchContext, agents: Mapping[str, Agent], starts: int
) -> dict[str, list[Block]]:
    """What was predicted and what came of it, by skill: `predicted`, `novelty_p`, `success`."""
    from kata.sim.scene.config import TableWorldConfig
    from kata.sim.tasks import make_trial

    config = TableWorldConfig.load()
    work: Work = {}
    for skill, agent in agents.items():
        world: Any = partial(make_trial, skill, "perturbed", config)
        asked = SkillTrials(world, agent, context.seed, f"starts {agent.contract.name}")
        for first, count in spans(starts, _BLOCK):
            work[f"{skill} {first}"] = starts_block, (asked, first, count)
    return by_skill(run_blocks(context, work), "starts")


def starts_block(asked: SkillTrials, first: int, count: int) -> Block:
    """Rollouts `first` to `first + count` of one skill from perturbed starts."""
    from kata.skills.evidence.trials import run_vector
    from kata.skills.handover.boundary import LearnedBoundary

    jobs, seeds = jobs_of(asked, first, count)
    trials = run_vector(jobs, seeds)
    boundary = jobs[0].skill.boundary
    p: Array = np.ones(count)
    if isinstance(boundary, LearnedBoundary) and boundary.novelty is not None:
        features = boundary.model.features([trial.start for trial in trials])
        p = boundary.novelty.p_value(features)
    return {
        "starts": [
            {"predicted": trial.predicted, "novelty_p": float(new), "success": trial.success}
            for trial, new in zip(trials, p, strict=True)
        ]
    }


def scored(found: Mapping[str, Sequence[Block]]) -> BenchResult:
    """Rows from what was found, by skill."""
    skills = {skill: score(starts) for skill, starts in found.items()}
    rows: list[Row] = []
    for skill, block in skills.items():
        # One bound a row: the farther side of the band is the one that binds.
        high = block["failing"] >= (LEAST_FAILING + MOST_FAILING) / 2
        rows += [
            Row(f"{skill}: starts that fail", "%", Sample.of([block["failing"]]),
                must=Bound(MOST_FAILING if high else LEAST_FAILING, "ours"),
                better="lower" if high else "higher"),
            Row(f"{skill}: Brier skill", "", Sample.of([block["brier_skill"]]),
                must=Bound(LEAST_SKILL, "ours"), better="higher"),
            Row(f"{skill}: calibration error", "", Sample.of([block["calibration_error"]]),
                must=Bound(MOST_ERROR, "ours")),
            Row(f"{skill}: starts called new", "%", Sample.of([block["unusual"]])),
        ]  # fmt: skip
    picture = reliability_svg({skill: block["reliability"] for skill, block in skills.items()})
    return BenchResult(tuple(rows), notes=_NOTES, data={"skills": skills}, files={PICTURE: picture})


def score(starts: Sequence[Block]) -> Block:
    """How good the predictions of one skill were; `reliability` by bins of predicted success."""
    from kata.skills.handover.start_model import brier_skill, calibration_error

    predicted = np.array([s["predicted"] for s in starts])
    success = np.array([s["success"] for s in starts], dtype=bool)
    new = np.array([s["novelty_p"] for s in starts]) <= UNUSUAL_P
    return {
        "starts": len(starts),
        "failing": round(100.0 * float(1.0 - success.mean()), 2),
        "brier_skill": round(brier_skill(predicted, success), 4),
        "calibration_error": round(calibration_error(predicted, success, _BINS), 4),
        "unusual": round(100.0 * float(new.mean()), 2),
        "success_of_unusual": round(100.0 * float(success[new].mean()), 2) if new.any() else None,
        "reliability": reliability(predicted, success),
    }


def reliability(predicted: Any, success: Any) -> list[Block]:
    """Mean prediction and observed rate of the starts in each tenth of predicted success."""
    index = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    out: list[Block] = []
    for k in range(_BINS):
        here = index == k
        if here.any():
            out.append(
                {
                    "predicted": round(float(predicted[here].mean()), 4),
                    "observed": round(float(success[here].mean()), 4),
                    "count": int(here.sum()),
                }
            )
    return out
