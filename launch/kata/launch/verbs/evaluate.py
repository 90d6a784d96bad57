"""`kata evaluate`: how often a skill succeeds, where it fails, and every failure for replay."""

from __future__ import annotations

import shlex
from typing import Any

from kata.launch import evaluation
from kata.launch.job import Done, Job


def run(job: Job) -> Done:
    """Try the skill on fresh seeds, in blocks that are kept."""
    config = job.config
    evaluation.check(config)
    tried = evaluation.subject(config)
    episodes = evaluation.episodes_of(job, tried)
    result = evaluation.summary(config, tried, episodes)
    job.folder.write_json("trials.json", {"trials": episodes})
    lines = evaluation.lines(tried, result, str(job.folder.path))
    if evaluation.record(config, tried, result, episodes):
        lines.append(f"recorded as evidence of {tried.entry}")
    return Done(result, tuple(lines), _then(job, result))


def _then(job: Job, result: dict[str, Any]) -> str:
    """The command that shows the worst failure, or else what the library knows."""
    if not result["failures"]:
        return "kata library list"
    worst = job.folder / result["failures"][0]["replay"]
    return shlex.join(["kata", "run", f"replay={worst}"])
