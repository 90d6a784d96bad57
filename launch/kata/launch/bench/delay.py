"""Success and jerk of learned skills against the delay of replies, with and without `inpaint`."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .delay_chart import delay_chart
from .delay_trials import LANES, Cell, Late, cell_block
from .measure import Sample
from .registry import BenchContext
from .table import BenchResult, Bound, Row
from .trained import Shelf, trained

if TYPE_CHECKING:
    from ..trials import Block

SKILLS = ("pick", "place", "push", "open")
WITH, WITHOUT = "inpaint", "jerk_limited"
DELAYS = tuple(Late(ms / 1e3) for ms in (0, 50, 100, 200, 400))
JITTER = Late(0.2, 0.1)
TRIALS = 100
MOST_LOST = 3.0
"""Points of success that a delay of 200 ms may cost."""

_MET = Late(0.2)
_NOTES = (
    (
        f"{', '.join(SKILLS)}: diffusion policies trained by `kata demo`, 16 actions at 20 Hz of "
        "which 8 are carried out. In simulated time a reply comes so long after its request, and "
        f"the world does not wait. Equal scenes and seeds in all cells, n = {TRIALS} a skill."
    ),
    (
        "Both ways know the delay and ask that much ahead. `blend=inpaint` answers for the state "
        "in which the reply will act and is guided by what runs then; without it a chunk answers "
        "for the state at the request and is joined where it lands."
    ),
    "Peak jerk: median over episodes of the greatest third difference of the commanded arm joints.",
)

Found = Mapping[str, Mapping[str, Mapping[str, list["Block"]]]]
"""Episodes by skill, delay and blend."""


def run(context: BenchContext) -> BenchResult:
    """Every skill with every delay, both ways, on the same scenes."""
    shelf = trained(context, SKILLS)
    lates = (Late(0.0), _MET) if context.quick else (*DELAYS, JITTER)
    found = _run_all(context, shelf, lates)
    told = {
        skill: {late: {blend: _block(e) for blend, e in ways.items()} for late, ways in row.items()}
        for skill, row in found.items()
    }
    plain = [late for late in lates if not late.jitter_s]
    chart = delay_chart(
        *(
            {
                f"blend={blend}": [(1e3 * d.delay_s, of(_pooled(found, d, blend))) for d in plain]
                for blend in (WITH, WITHOUT)
            }
            for of in (_success, _peak)
        )
    )
    return BenchResult(
        _rows(found, lates), notes=_NOTES, data={"delays": told}, files={"delay.svg": chart}
    )


def _run_all(context: BenchContext, shelf: Shelf, lates: Sequence[Late]) -> Found:
    from kata.sim.scene.config import TableWorldConfig
    from kata.sim.tasks import make_trial
    from kata.skills.evidence.workers import Workers

    trials = 2 if context.quick else TRIALS
    work: dict[str, tuple[Any, Sequence[Any]]] = {}
    for skill in SKILLS:
        make: Any = functools.partial(make_trial, skill, "nominal", TableWorldConfig.load())
        for late in lates:
            for blend in (WITH, WITHOUT):
                cell = Cell(make, shelf.agents[skill], context.seed, blend, late)
                for first in range(0, trials, LANES):
                    key = "|".join((skill, str(late), blend, f"{first:05d}"))
                    work[key] = cell_block, (cell, first, min(LANES, trials - first))
    done: dict[str, Any] = {}
    with Workers(context.workers) as workers:
        for name, block in workers.run(work):
            done[name] = block["episodes"]
            if len(done) % 20 == 0:
                context.say(f"{len(done)} of {len(work)} blocks")
    found: dict[str, Any] = {}
    for key in work:
        skill, late_text, blend, _ = key.split("|")
        cells = found.setdefault(skill, {}).setdefault(late_text, {})
        cells.setdefault(blend, []).extend(done[key])
    return found


def _rows(found: Found, lates: Sequence[Late]) -> tuple[Row, ...]:
    rows = []
    for late in lates:
        ours, other = (_pooled(found, late, blend) for blend in (WITH, WITHOUT))
        rows += [
            Row(f"success, {late}", "%", _one(_success(ours)), _one(_success(other)),
                better="higher", against=f"blend={WITHOUT}"),
            Row(f"peak jerk, {late}", "rad/s3", _one(_peak(ours)), _one(_peak(other)),
                against=f"blend={WITHOUT}"),
        ]  # fmt: skip
    lost = {
        skill: _success(found[skill]["0 ms"][WITH]) - _success(found[skill][str(_MET)][WITH])
        for skill in SKILLS
    }
    whole = _success(_pooled(found, Late(0.0), WITH)) - _success(_pooled(found, _MET, WITH))
    rows.append(
        Row(f"success lost by {_MET}, all skills", "points", _one(whole),
            must=Bound(MOST_LOST, "ours"))
    )  # fmt: skip
    rows += [Row(f"success lost by {_MET}, {s}", "points", _one(n)) for s, n in lost.items()]
    return tuple(rows)


def _pooled(found: Found, late: Late, blend: str) -> list[Block]:
    return [episode for skill in SKILLS for episode in found[skill][str(late)][blend]]


def _success(episodes: Sequence[Block]) -> float:
    return 100.0 * float(sum(episode["success"] for episode in episodes)) / len(episodes)


def _peak(episodes: Sequence[Block]) -> float:
    return float(statistics.median(episode["peak_jerk"] for episode in episodes))


def _one(value: float) -> Sample:
    return Sample.of([value])


def _block(episodes: Sequence[Block]) -> dict[str, Any]:
    from kata.skills.evidence.interval import Interval

    reasons = [str(episode["reason"]) for episode in episodes if not episode["success"]]
    return {
        **Interval.of(sum(episode["success"] for episode in episodes), len(episodes)).to_data(),
        "peak_jerk": round(_peak(episodes), 3),
        "jerk": round(float(statistics.median(e["jerk"] for e in episodes)), 3),
        "duration_s": round(float(statistics.median(e["duration_s"] for e in episodes)), 3),
        "failures": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }
