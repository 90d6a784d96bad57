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
TRIALS, FEWER = 100, 25
"""Episodes a skill of the cells that are judged, and of all others."""

MOST_LOST = 3.0
"""Points of success that 200 ms may cost, and 200 ms give or take 100."""

_NONE, _MET = Late(0.0), Late(0.2)
_NOTES = (
    (
        "Both ways know the delay and ask that much ahead. `blend=inpaint` answers for the state "
        "in which the reply will act and is guided by what runs then; without it a chunk answers "
        "for the state at the request and is joined where it lands."
    ),
    (
        "Success lost is against the better of both ways without a delay, all skills pooled, on "
        "the same scenes; its upper bound is Newcombe's for pairs, 95 %."
    ),
    "Peak jerk: median over episodes of the greatest third difference of the commanded arm joints.",
)

Found = Mapping[str, Mapping[str, Mapping[str, list["Block"]]]]
"""Episodes by skill, delay and blend; those of all cells begin with the same scenes."""


def run(context: BenchContext) -> BenchResult:
    """Every skill with every delay, both ways, on the same scenes."""
    shelf = trained(context, SKILLS)
    lates = (_NONE, _MET) if context.quick else (*DELAYS, JITTER)
    found, chunks = _run_all(context, shelf, lates)
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
        _rows(found, lates),
        notes=(_how(found, chunks), *_NOTES),
        data={"delays": told, "chunks": chunks},
        files={"delay.svg": chart},
    )


def _how(found: Found, chunks: Mapping[str, Block]) -> str:
    """What ran, as it was."""
    kinds = sorted(
        {f"{c['actions']} actions every {1e3 * c['step_s']:g} ms, of which {c['execute']} are "
         "carried out before the next chunk" for c in chunks.values()}
    )  # fmt: skip
    numbers = sorted(
        {len(e) for row in found.values() for ways in row.values() for e in ways.values()}
    )
    return (
        f"{', '.join(found)}: diffusion policies trained by `kata demo`, chunks of "
        f"{' or '.join(kinds)}. In simulated time a reply comes so long after its request, and the "
        f"world does not wait. Equal scenes and seeds in all cells; n a skill: "
        f"{' or '.join(map(str, numbers))}, the most in the cells that are judged."
    )


def _trials(late: Late, blend: str) -> int:
    """Episodes a skill: many where the bars look."""
    judged = late == _NONE or (blend == WITH and late in (_MET, JITTER))
    return TRIALS if judged else FEWER


def _run_all(
    context: BenchContext, shelf: Shelf, lates: Sequence[Late]
) -> tuple[Found, dict[str, Block]]:
    """Episodes of all cells, and what each skill's chunks are like."""
    from kata.sim.scene.config import TableWorldConfig
    from kata.sim.tasks import make_trial
    from kata.skills.evidence.workers import Workers

    work: dict[str, tuple[Any, Sequence[Any]]] = {}
    for skill in SKILLS:
        make: Any = functools.partial(make_trial, skill, "nominal", TableWorldConfig.load())
        for late in lates:
            for blend in (WITH, WITHOUT):
                cell = Cell(make, shelf.agents[skill], context.seed, blend, late)
                trials = 2 if context.quick else _trials(late, blend)
                for first in range(0, trials, LANES):
                    key = "|".join((skill, str(late), blend, f"{first:05d}"))
                    work[key] = cell_block, (cell, first, min(LANES, trials - first))
    done: dict[str, Any] = {}
    chunks: dict[str, Block] = {}
    with Workers(context.workers) as workers:
        for name, block in workers.run(work):
            done[name] = block["episodes"]
            chunks[name.partition("|")[0]] = block["chunk"]
            if len(done) % 20 == 0:
                context.say(f"{len(done)} of {len(work)} blocks")
    found: dict[str, Any] = {}
    for key in work:
        skill, late_text, blend, _ = key.split("|")
        cells = found.setdefault(skill, {}).setdefault(late_text, {})
        cells.setdefault(blend, []).extend(done[key])
    return found, {skill: chunks[skill] for skill in SKILLS}


def _rows(found: Found, lates: Sequence[Late]) -> tuple[Row, ...]:
    rows: list[Row] = []
    for late in lates:
        ours, other = (_pooled(found, late, blend) for blend in (WITH, WITHOUT))
        rows += [
            Row(f"success, {late}", "%", _one(_success(ours)), _one(_success(other)),
                better="higher", against=f"blend={WITHOUT}"),
            Row(f"peak jerk, {late}", "rad/s3", _one(_peak(ours)), _one(_peak(other)),
                against=f"blend={WITHOUT}"),
        ]  # fmt: skip
    best = max((WITH, WITHOUT), key=lambda blend: _success(_pooled(found, _NONE, blend)))
    for late in (_MET, JITTER):
        if late in lates:
            rows += _lost(found, late, best)
    return tuple(rows)


def _lost(found: Found, late: Late, best: str) -> list[Row]:
    """What a delay costs the way that knows about it, against the best there is without one."""
    from kata.skills.evidence.paired import PairedOutcomes

    ours, plain = _pooled(found, late, WITH), _pooled(found, _NONE, best)
    pairs = PairedOutcomes.of([e["success"] for e in plain], [e["success"] for e in ours])
    name, against = f"success lost by {late}", f"blend={best} without a delay"
    rows = [
        Row(f"{name}, all skills", "points", _one(100.0 * pairs.difference),
            must=Bound(MOST_LOST, "ours"), against=against),
        Row(f"{name}, all skills, upper 95 % bound", "points",
            _one(100.0 * pairs.newcombe()[1]), against=against),
    ]  # fmt: skip
    for skill in SKILLS:
        cells = found[skill]
        lost = _success(cells[str(_NONE)][best]) - _success(cells[str(late)][WITH])
        rows.append(Row(f"{name}, {skill}", "points", _one(lost), against=against))
    return rows


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
