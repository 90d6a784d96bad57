"""What the bench of delays runs: trials of one skill whose replies are late, side by side.

Everything here is picklable and depends on its seed alone, so that all ways meet the same scenes,
whatever process runs them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kata.datasets.types import Condition

from ..trials import Block, SkillTrials, jobs_of

if TYPE_CHECKING:
    from kata.datasets.types import TrialWorld
    from kata.skills.execution.log import RunLog
    from kata.skills.execution.messages import ChunkQuery, ChunkReply, ReadySkill

LANES = 25
"""Trials of a block, all of them side by side."""


@dataclass(frozen=True, slots=True)
class Late:
    """How late replies are: `delay_s`, and up to `jitter_s` more or less."""

    delay_s: float
    jitter_s: float = 0.0

    def __str__(self) -> str:
        spread = f" ± {1e3 * self.jitter_s:.0f}" if self.jitter_s else ""
        return f"{1e3 * self.delay_s:.0f}{spread} ms"


@dataclass(frozen=True, slots=True)
class Cell:
    """Trials of a skill with one blend and one delay; the scenes are those of all cells."""

    trials: SkillTrials
    blend: str
    late: Late


def cell_block(cell: Cell, first: int, count: int) -> Block:
    """Episodes `first` to `first + count`: whether each succeeded, and its jerk in rad/s³.

    `chunk` says what the policy's chunks are like.
    """
    from kata.skills.execution.passes import side_by_side

    jobs, seeds = jobs_of(cell.trials, first, count)
    logs = side_by_side(
        lambda lane, seed: _trial(jobs[lane].world, jobs[lane].skill, cell, seed),
        [job.skill for job in jobs],
        seeds,
    )
    spec = jobs[0].skill.policy.chunk_spec
    chunk = {"actions": spec.horizon, "step_s": spec.step_s, "execute": spec.execute}
    return {"episodes": [_told(log) for log in logs], "chunk": chunk}


def _trial(
    world: TrialWorld, skill: ReadySkill, cell: Cell, seed: int
) -> Generator[ChunkQuery, ChunkReply, RunLog]:
    from kata.skills.contract.call import Call
    from kata.skills.execution.options import ExecutorOptions
    from kata.skills.execution.runner import steps
    from kata.skills.planning.plan import Plan

    world.reset(seed)
    episode = world.episode
    call = Call.of(skill.contract, dict(episode.arguments), episode.hand)
    plan = Plan.sequence(Condition.parse(episode.goal), [call])
    options = ExecutorOptions(replans=0, blend=cell.blend)
    log = yield from steps(
        world, plan, {skill.contract.name: skill}, None, "blended", seed, cell.late.delay_s,
        jitter_s=cell.late.jitter_s, options=options, tail_s=0.2,
    )  # fmt: skip
    return log


def _told(log: RunLog) -> Block:
    from kata.skills.evidence.metrics import Metrics

    jerk = Metrics.of(log.motion).jerk
    return {
        "success": log.success,
        "reason": "" if log.success else log.reason,
        "peak_jerk": round(jerk.peak, 3),
        "jerk": round(jerk.median, 3),
        "duration_s": round(log.duration_s, 3),
    }
