"""What the boundary layer is worth: pairs and chains of learned skills, with and without it.

Four ways on the same scenes and seeds: `naive` holds the last command between two skills,
`blended` bounds the jerk, `transition` moves to good starts, `full` does both. When a skill is
done, how long it may take and how often a new plan is made are the same for all.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .chain_page import heat_map
from .chain_picture import seam_picture
from .chain_scores import (
    arm_block,
    chain_rows,
    jerk_rows,
    pair_rows,
    paired_block,
    time_row,
)
from .chain_tasks import Course, Pair, chain_block, pair_block, pair_log, possible_pairs
from .registry import BenchContext
from .table import BenchResult
from .trained import ONE_ARM, Shelf, trained

if TYPE_CHECKING:
    from kata.skills.execution.options import Mode

ARMS: tuple[Mode, ...] = ("naive", "blended", "transition", "full")
ENDS: tuple[Mode, ...] = ("naive", "full")
FIVE = ("open-pick", "place_in-close", "place_in-press", "push-open", "stack-push")
"""Pairs that all four ways are tried on, chosen beforehand."""

_SHOWN = Pair("place_in", "close")

CHAINS: Mapping[str, int] = {
    "put the red cube in the drawer": 3,
    "put the blue cube in the bin, then press the button": 3,
    "put the green cube on the red cube, then open the drawer": 3,
    "press the button, then put the yellow cube in the bin": 3,
    "open the drawer, then put the blue cube in the bin": 3,
    "put the red cube in the drawer, then close it": 4,
    "put the red cube and the blue cube in the bin": 4,
    "push the red cube to the blue cube, then put the green cube in the bin, "
    "then press the button": 4,
    "put the red cube in the drawer, then close it, then press the button": 5,
    "put the red cube and the blue cube in the bin, then press the button": 5,
    "put the green cube on the red cube, then put the blue cube in the drawer": 5,
    "push the red cube to the blue cube, then put the green cube in the drawer, then close it": 5,
}
"""Sentences, and how many calls their plans have."""

TRIALS = 100
CHAIN_TRIALS = 40
_BLOCK = 25
_NOTES = (
    (
        "Skills: the eight default ones of a robot with one arm, trained by `kata demo` on "
        "demonstrations of one skill each. Success is the goal at the end."
    ),
    (
        f"Pairs: every two skills that the contracts let follow each other, n = {TRIALS}, in "
        "scenes of the first one's task, the second call drawn by seed, without a new plan. "
        "Differences are paired: Newcombe's 95 % interval, McNemar's exact test, Holm's correction "
        "over all pairs."
    ),
    (
        f"Chains: {len(CHAINS)} sentences, n = {CHAIN_TRIALS} each, one new plan allowed in every "
        "way; `first_plan` counts those that needed none."
    ),
    (
        "Peak jerk: median over episodes of the greatest third difference of the commanded arm "
        "joints within 0.5 s of a seam; `jerk_share` is the greatest of all, of the joint's own "
        "limit."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """All pairs, with the layer and without; five pairs and all chains in all four ways."""
    began = time.monotonic()
    shelf = trained(context)
    quick = context.quick
    courses = {name: _course(context, shelf, name) for name in ONE_ARM}
    pairs = possible_pairs(courses)
    context.say(f"{len(pairs)} pairs can follow each other")
    pairs = [pair for pair in pairs if str(pair) in FIVE] if quick else pairs
    found = _run_all(context, courses, pairs)
    told_pairs = {str(pair): paired_block(found["pairs"][str(pair)]) for pair in pairs}
    chains = {sentence: _chain_data(found["chains"][sentence], n) for sentence, n in _chains(quick)}
    rows = (
        *chain_rows(chains),
        *pair_rows(told_pairs, found["pairs"]),
        *jerk_rows(found),
        time_row(time.monotonic() - began, context.workers),
    )
    return BenchResult(
        rows,
        notes=_NOTES,
        data={"pairs": told_pairs, "chains": chains},
        files={"pairs.svg": heat_map(told_pairs, ONE_ARM), "seam.svg": _seam(courses)},
    )


def _seam(courses: Mapping[str, Course]) -> str:
    """The same seam in all ways."""
    course = courses[_SHOWN.first]
    return seam_picture({mode: pair_log(course, _SHOWN, mode, 0) for mode in ARMS})


def _chains(quick: bool) -> list[tuple[str, int]]:
    return [*CHAINS.items()][5:6] if quick else [*CHAINS.items()]


def _chain_data(ways: Mapping[str, list[dict[str, Any]]], calls: int) -> dict[str, Any]:
    return {"calls": calls, **{mode: arm_block(episodes) for mode, episodes in ways.items()}}


def _course(context: BenchContext, shelf: Shelf, task: str, replans: int = 0) -> Course:
    from kata.sim.scene.config import TableWorldConfig
    from kata.sim.tasks import make_trial

    make_world: Any = functools.partial(make_trial, task, "nominal", TableWorldConfig.load())
    return Course(make_world, shelf.agents, context.seed, replans, shelf.graph)


def _run_all(
    context: BenchContext, courses: Mapping[str, Course], pairs: Sequence[Pair]
) -> dict[str, dict[str, dict[str, list[dict[str, Any]]]]]:
    """Episodes by kind, pair or sentence, and way."""
    from dataclasses import replace

    from kata.skills.evidence.workers import Workers

    trials, longer = (4, 2) if context.quick else (TRIALS, CHAIN_TRIALS)
    whole = replace(courses["pick"], make_world=_table(courses["pick"].make_world), replans=1)
    work: dict[str, tuple[Any, Sequence[Any]]] = {}
    for sentence, calls in _chains(context.quick):
        for mode in ARMS:
            for span in _spans(longer):
                key = "|".join(("chains", sentence, mode, f"{span.start:05d}"))
                work[key] = chain_block, (whole, sentence, calls, mode, span)
    for pair in pairs:
        for mode in ARMS if str(pair) in FIVE else ENDS:
            for span in _spans(trials):
                key = "|".join(("pairs", str(pair), mode, f"{span.start:05d}"))
                work[key] = pair_block, (courses[pair.first], pair, mode, span.start, len(span))
    done: dict[str, Any] = {}
    with Workers(context.workers) as workers:
        for name, block in workers.run(work):
            done[name] = block["episodes"]
            if len(done) % 20 == 0:
                context.say(f"{len(done)} of {len(work)} blocks")
    return _sorted(work, done)


def _sorted(work: Iterable[str], done: Mapping[str, list[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"pairs": {}, "chains": {}}
    for key in work:
        kind, name, mode, _ = key.split("|")
        found[kind].setdefault(name, {}).setdefault(mode, []).extend(done[key])
    return found


def _table(make_world: Any) -> Any:
    """The same world without a task."""
    return functools.partial(make_world.func, "table", *make_world.args[1:])


def _spans(trials: int) -> list[range]:
    return [range(first, min(first + _BLOCK, trials)) for first in range(0, trials, _BLOCK)]
