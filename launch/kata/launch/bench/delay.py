"""Success and jerk of learned skills against the delay of replies, with and without `inpaint`."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ..trials import Block, SkillTrials, rate_block, spans
from .blocks import Work, run_blocks
from .delay_chart import delay_chart
from .delay_trials import LANES, Cell, Late, cell_block
from .measure import one
from .registry import BenchContext
from .table import BenchResult, Bound, Row
from .trained import Shelf, trained

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

    work: Work = {}
    for skill in SKILLS:
        make: Any = functools.partial(make_trial, skill, "nominal", TableWorldConfig.load())
        agent = shelf.agents[skill]
        purpose = f"delay {agent.contract.name}"
        asked = SkillTrials(make, agent, context.seed, purpose, vector=LANES)
        for late in lates:
            for blend in (WITH, WITHOUT):
                cell = Cell(asked, blend, late)
                trials = 2 if context.quick else _trials(late, blend)
                for first, count in spans(trials, LANES):
                    work[f"{skill} {blend} {late} {first}"] = cell_block, (cell, first, count)
    found: dict[str, Any] = {}
    chunks: dict[str, Block] = {}
    for name, block in run_blocks(context, work).items():
        skill, cell = name.partition(" ")[0], work[name][1][0]
        cells = found.setdefault(skill, {}).setdefault(str(cell.late), {})
        cells.setdefault(cell.blend, []).extend(block["episodes"])
        chunks[skill] = block["chunk"]
    return found, chunks


def _rows(found: Found, lates: Sequence[Late]) -> tuple[Row, ...]:
    rows: list[Row] = []
    for late in lates:
        ours, other = (_pooled(found, late, blend) for blend in (WITH, WITHOUT))
        rows += [
            Row(f"success, {late}", "%", one(_success(ours)), one(_success(other)),
                better="higher", against=f"blend={WITHOUT}"),
            Row(f"peak jerk, {late}", "rad/s3", one(_peak(ours)), one(_peak(other)),
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
        Row(f"{name}, all skills", "points", one(100.0 * pairs.difference),
            must=Bound(MOST_LOST, "ours"), against=against),
        Row(f"{name}, all skills, upper 95 % bound", "points",
            one(100.0 * pairs.newcombe()[1]), against=against),
    ]  # fmt: skip
    for skill in SKILLS:
        cells = found[skill]
        lost = _success(cells[str(_NONE)][best]) - _success(cells[str(late)][WITH])
        rows.append(Row(f"{name}, {skill}", "points", one(lost), against=against))
    return rows


def _pooled(found: Found, late: Late, blend: str) -> list[Block]:
    return [episode for skill in SKILLS for episode in found[skill][str(late)][blend]]


def _success(episodes: Sequence[Block]) -> float:
    return 100.0 * float(sum(episode["success"] for episode in episodes)) / len(episodes)


def _peak(episodes: Sequence[Block]) -> float:
    return float(statistics.median(episode["peak_jerk"] for episode in episodes))


def _block(episodes: Sequence[Block]) -> dict[str, Any]:
    reasons = [str(episode["reason"]) for episode in episodes if not episode["success"]]
    return {
        **rate_block(episodes),
        "peak_jerk": round(_peak(episodes), 3),
        "jerk": round(float(statistics.median(e["jerk"] for e in episodes)), 3),
        "duration_s": round(float(statistics.median(e["duration_s"] for e in episodes)), 3),
        "failures": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }
