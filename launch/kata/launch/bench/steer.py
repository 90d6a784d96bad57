"""What steering by a cost is worth: a pillar that no demonstration has shown, in the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .measure import Sample
from .registry import BenchContext
from .steer_aside import GAP_M
from .steer_picture import top_view
from .steer_ways import SAMPLES, WAYS, Outcome, outcomes_of
from .table import BenchResult, Bound, Row
from .trained import trained

if TYPE_CHECKING:
    from kata.skills.evidence.paired import PairedOutcomes

SKILL = "place"
TRIALS = 200
MOST_LOST = 3.0
"""Points of success that a cost may take where nothing is in the way."""

_ABLATIONS = 100
_APART_M = 1e-3
_NOTES = (
    (
        f"`{SKILL}`, learned by `kata demo` from demonstrations without obstacles, and asked with "
        "`guide=keep_clear`. Each scene of `world=obstacle` has a pillar of 5 × 5 × 22 cm on the "
        "straight way of the tool to where the object goes. Success is the goal at the end and no "
        "touch of the pillar by the robot or an object, on the way or after."
    ),
    (
        "Pillar aside: the same scenes, the pillar where the unguided hand goes by it "
        f"{1e3 * GAP_M[0]:.0f} to {1e3 * GAP_M[1]:.0f} mm away. Nothing is in the way, and the "
        "cost, which asks for 20 mm, acts all the same. Scenes without room for it are left out."
    ),
    (
        f"Re-ranking samples {SAMPLES} chunks each time and takes the one of the least cost. "
        "Guided takes one sample. Equal seeds for all ways: the same scenes and the same noise."
    ),
    (
        "Ablations take one thing away. `around`: the cost knows the distance to the pillar, and "
        "no side to pass it on. `spread`: each action goes down its own gradient alone. `fading`: "
        "a step stays as strong when most of the cost is gone."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """Success without collision, guided, unguided and re-ranked; guided where nothing is barred."""
    agent = trained(context, (SKILL,)).agents[SKILL]
    trials = 2 if context.quick else TRIALS
    fewer = 2 if context.quick else _ABLATIONS
    found: dict[str, list[Outcome]] = {}
    for way in WAYS:
        count = fewer if way.ablation else trials
        found[way.name] = outcomes_of(context.seed, agent, way, count)
        clean = sum(outcome.clean for outcome in found[way.name])
        context.say(f"{way.name}: {clean} of {count}")
    rows = [*_must_rows(found), *_ablation_rows(found)]
    data = {
        name: [
            {"success": o.success, "bumped": o.bumped, "duration_s": round(o.duration_s, 3)}
            for o in each
        ]
        for name, each in found.items()
    }
    picture = top_view(found["guided"], found["unguided"])
    return BenchResult(
        tuple(rows),
        notes=(*_NOTES, _bumps(found)),
        data={"outcomes": data},
        files={"steer.svg": picture},
    )


def _must_rows(found: dict[str, list[Outcome]]) -> list[Row]:
    guided, aside = found["guided"], found["guided, pillar aside"]
    plain = found["unguided, pillar aside"]
    rows = []
    for other, least in (("unguided", 25.0), ("re-ranked", 10.0)):
        rows += _gained(other, guided, found[other], least)
    return [
        *rows,
        Row("success with the pillar aside", "%", Sample.of([_rate(aside)]),
            Sample.of([_rate(plain)]), better="higher", against="unguided"),
        Row("points lost with the pillar aside", "points",
            Sample.of([_rate(plain) - _rate(aside)]), must=Bound(MOST_LOST, "ours")),
        Row("points lost with the pillar aside, upper 95 % bound", "points",
            Sample.of([-100.0 * _pairs(aside, plain).newcombe()[0]])),
        Row("scenes with the pillar aside in which the cost acted", "%",
            Sample.of([_acted(aside, plain)]), must=Bound(50.0, "ours"), better="higher"),
    ]  # fmt: skip


def _acted(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> float:
    """Percent of scenes in which guided and unguided tools were ever apart."""
    apart = 0
    for one, other in zip(ours, theirs, strict=True):
        both = min(len(one.way), len(other.way))
        apart += bool((np.abs(one.way[:both] - other.way[:both]) > _APART_M).any())
    return 100.0 * apart / len(ours)


def _pairs(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> PairedOutcomes:
    from kata.skills.evidence.paired import PairedOutcomes

    return PairedOutcomes.of([o.clean for o in ours], [o.clean for o in theirs])


def _gained(
    other: str, ours: Sequence[Outcome], theirs: Sequence[Outcome], least: float
) -> list[Row]:
    mine, base = _rate(ours), _rate(theirs)
    return [
        Row(f"success past the pillar, beside {other}", "%", Sample.of([mine]),
            Sample.of([base]), better="higher", against=other),
        Row(f"points gained over {other}", "points", Sample.of([mine - base]),
            must=Bound(least, "ours"), better="higher"),
        Row(f"points gained over {other}, lower 95 % bound", "points",
            Sample.of([100.0 * _pairs(ours, theirs).newcombe()[0]]),
            must=Bound(0.0, "ours"), better="higher"),
    ]  # fmt: skip


def _rate(outcomes: Sequence[Outcome]) -> float:
    """Percent that got there without a touch."""
    return 100.0 * sum(outcome.clean for outcome in outcomes) / len(outcomes)


def _ablation_rows(found: dict[str, list[Outcome]]) -> list[Row]:
    rows = []
    for way in WAYS:
        if way.ablation:
            without = found[way.name]
            whole = found["guided"][: len(without)]
            rows.append(
                Row(f"success past the pillar, with {way.name}", "%", Sample.of([_rate(whole)]),
                    Sample.of([_rate(without)]), better="higher", against=f"without {way.name}")
            )  # fmt: skip
    return rows


def _bumps(found: dict[str, list[Outcome]]) -> str:
    told = [
        f"{name} {sum(o.bumped for o in each)} of {len(each)}"
        for name, each in found.items()
        if "aside" not in name
    ]
    return "The pillar was touched: " + ", ".join(told) + "."
