"""When a skill is done: how often its boundary says so wrongly, or does not say it.

A false "done": a listener says so, and after `TAIL_S` without the skill the goal does not hold; of
all rollouts. A missed "done": the goal holds for the contract's `settle_s`, and for `LINGER_S`
more the listener does not say so; of the rollouts in which it came true. The time from true to
said is counted beyond `settle_s`, for which every listener must wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from kata.datasets.types import ConfigError

from ..trials import Block, SkillTrials, spans
from .blocks import Work, by_skill, run_blocks
from .endings_rollouts import FACTS, LAG_FRAMES, LINGER_S, TAIL_S, endings_block
from .measure import Sample, one, percent
from .registry import BenchContext
from .table import BenchResult, Bound, Row

if TYPE_CHECKING:
    from ..agents import Agent

ROLLOUTS = 500
MOST_FALSE, MOST_MISSED = 1.0, 2.0
MOST_STOPPED = 0.5
_SPAN = 50
_STARTS: tuple[Literal["nominal", "perturbed"], ...] = ("nominal", "perturbed")
_WHO = {"known": "facts known", "late": "facts late", "unseen": "facts unseen"}
_NOTES = (
    (
        f"{ROLLOUTS} rollouts a skill, half from nominal and half from perturbed starts, on scenes "
        "that nothing was learned from. Three listeners judge each one by the skill's boundary "
        "with the executor's rule for `settle_s`: with facts of now, with facts of "
        f"{50 * LAG_FRAMES[0]} to {50 * LAG_FRAMES[1]} ms ago, and without those that the skill "
        "achieves, so by learned progress alone."
    ),
    (
        f"False: the goal does not hold {TAIL_S:g} s after it was said, the robot at rest; "
        "of all rollouts. Missed: the goal held for `settle_s` and was not said to within "
        f"{LINGER_S:g} s more; of those in which it came true. Time from true to said is counted "
        "beyond `settle_s`. A row tells the worst skill; all of them are in `skills`."
    ),
    (
        "Stopped: rollouts that got there although the watch for progress would have stopped them "
        "before; and of those that never got there, the share that it ends early."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """Rows for each kind of facts, the worst skill of all, and for the watch for progress."""
    from .trained import ONE_ARM, trained

    names = ("open",) if context.quick else ONE_ARM
    agents = trained(context, names).agents
    rollouts = 4 if context.quick else ROLLOUTS
    return scored(listen(context, agents, rollouts))


def listen(
    context: BenchContext, agents: Mapping[str, Agent], rollouts: int
) -> dict[str, list[Block]]:
    """What the listeners said in the rollouts of each skill."""
    from kata.sim.scene.config import TableWorldConfig
    from kata.sim.tasks import make_trial

    work: Work = {}
    config = TableWorldConfig.load()
    for skill, agent in agents.items():
        _require_progress(agent)
        for start in _STARTS:
            world: Any = partial(make_trial, skill, start, config)
            asked = SkillTrials(world, agent, context.seed, f"endings {skill} {start}")
            for first, count in spans(rollouts // len(_STARTS), _SPAN):
                work[f"{skill} {start} {first}"] = endings_block, (asked, first, count)
    return by_skill(run_blocks(context, work), "rollouts")


def _require_progress(agent: Agent) -> None:
    """Raise ConfigError for a skill whose boundary knows no progress."""
    from kata.skills.handover.storage import load_boundary

    folder = agent.folder
    if folder is not None and load_boundary(folder).progress is None:
        raise ConfigError(
            "a skill without learned progress",
            where=str(folder),
            expected="a boundary with a section progress",
            hint="leave shelf out, or make it anew: kata demo out=FOLDER",
        )


def scored(heard: Mapping[str, Sequence[Block]]) -> BenchResult:
    """Rows from what was heard, by skill."""
    skills = {skill: score(rollouts) for skill, rollouts in heard.items()}
    rows: list[Row] = []
    for name in FACTS:
        for what, bound in (("false", MOST_FALSE), ("missed", MOST_MISSED)):
            worst, skill = max((block[name][what], skill) for skill, block in skills.items())
            rows.append(
                Row(f"{what} done, {_WHO[name]}, worst skill ({skill})", "%",
                    one(worst), must=Bound(bound, "ours"))
            )  # fmt: skip
        times = [t for rollouts in heard.values() for t in _times(rollouts, name)]
        rows.append(Row(f"from true to said, {_WHO[name]}", "s", Sample.of(times or [0.0])))
    stopped, skill = max((block["stopped"], skill) for skill, block in skills.items())
    rows.append(
        Row(f"good rollouts stopped for want of progress, worst skill ({skill})", "%",
            one(stopped), must=Bound(MOST_STOPPED, "ours"))
    )  # fmt: skip
    bad = [r for rollouts in heard.values() for r in rollouts if r["true_s"] is None]
    rows.append(
        Row("failing rollouts ended for want of progress", "%",
            one(percent(sum(r["stall_s"] is not None for r in bad), len(bad))),
            better="higher")
    )  # fmt: skip
    return BenchResult(tuple(rows), notes=_NOTES, data={"skills": skills})


def score(rollouts: Sequence[Block]) -> Block:
    """Rates in %, and times in s, of one skill's rollouts."""
    true = [r for r in rollouts if r["true_s"] is not None]
    block: Block = {"rollouts": len(rollouts), "came_true": len(true)}
    for name in FACTS:
        said = [r for r in rollouts if r["said_s"][name] is not None]
        false = sum(not r["right"][name] for r in said)
        missed = sum(r["said_s"][name] is None for r in true)
        times = _times(rollouts, name)
        block[name] = {
            "false": percent(false, len(rollouts)),
            "missed": percent(missed, len(true)),
            "median_s": Sample.of(times).median if times else None,
        }
    block["stopped"] = percent(sum(r["stall_s"] is not None for r in true), len(true))
    return block


def _times(rollouts: Sequence[Block], name: str) -> list[float]:
    """From true to rightly said, beyond the time that every listener waits."""
    return [
        round(r["said_s"][name] - r["true_s"] - r["settle_s"], 6)
        for r in rollouts
        if r["true_s"] is not None and r["said_s"][name] is not None and r["right"][name]
    ]
