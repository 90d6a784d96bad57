"""`kata data`: what a dataset holds, whether it is fit to learn from, other formats in and out."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

from kata.launch.actions import dispatch, shown
from kata.launch.exchange import bring_in, take_out
from kata.launch.job import Done, Job
from kata.launch.quality import check


def run(job: Job) -> Done:
    """Show, check, compact, import or export a dataset."""
    return dispatch(job, ACTIONS)


def _show(_job: Job, word: str) -> Done:
    from kata.datasets.dataset import Dataset

    dataset = Dataset.open(Path(word).expanduser())
    episodes = dataset.episodes
    skills = Counter(episode.skill for episode in episodes)
    bad = {key: stats.bad_frames for key, stats in dataset.statistics().items()}
    result = {
        "episodes": len(episodes),
        "successes": sum(episode.success for episode in episodes),
        "frames": len(dataset),
        "fps": dataset.fps,
        "robot": dataset.schema.robot,
        "entities": list(dataset.entities),
        "cameras": {name: list(size) for name, size in dataset.schema.cameras.items()},
        "skills": dict(skills),
        "bad_frames": {key: count for key, count in bad.items() if count},
        "content": dataset.content_hash,
    }
    lines = tuple(f"{key + ':':<12}{shown(value)}" for key, value in result.items())
    skill = next(iter(skills)) or "SKILL"
    return Done(result, lines, f"kata train skill={skill} data={shlex.quote(word)}")


def _compact(job: Job, word: str) -> Done:
    from kata.datasets.compact import compact

    target = job.folder / "dataset"
    done = compact(Path(word).expanduser(), target)
    result = {
        "dataset": target.name,
        "episodes": done.episodes,
        "frames": done.frames,
        "files_before": done.files_before,
        "files_after": done.files_after,
    }
    line = (
        f"{done.episodes} episodes, {done.files_before} files became {done.files_after}: {target}"
    )
    return Done(result, (line,), f"kata data show {shlex.quote(str(target))}")


ACTIONS = {
    "show": _show,
    "check": check,
    "compact": _compact,
    "import": bring_in,
    "export": take_out,
}
