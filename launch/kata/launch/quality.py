"""Whether a dataset is fit to learn from: `kata data check`, and the gate before a training."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.types import ConfigError, KataError

from .job import Done, Job

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset
    from kata.datasets.quality.report import Report
    from kata.datasets.types import RobotSpec


def check(job: Job, word: str) -> Done:
    """Score the dataset in a folder; exit code 1 below `least_score`."""
    from kata.datasets.quality import check as quality

    root, least = Path(word).expanduser(), _least(job.config.least_score)
    report = quality.check(root, _robot_of(root, job.config.robot))
    result = {"dataset": word, "least_score": least, **report.to_json()}
    head = f"score {report.score} of 100: {report.episodes} episodes, {report.frames} frames"
    lines = [head, *report.lines(), *(f"not checked: {note}" for note in report.unchecked)]
    if report.drop:
        left = report.without(report.drop)
        lines.append(f"without episodes {_numbers(report.drop)}: score {left.score}")
    fit = report.score >= least
    if not fit:
        lines.append(f"below least_score={least:g}: kata train refuses it")
    return Done(result, tuple(lines), _next(word, report), 0 if fit else 1)


def require_fit(dataset: Dataset, robot: RobotSpec, least: float) -> None:
    """Raise DatasetError for a dataset that scores below `least`; 0 lets everything pass."""
    from kata.datasets.quality.check import check_open, require

    if _least(least) > 0:
        require(check_open(dataset, robot), dataset.root, least)


def _least(value: float) -> float:
    if not 0 <= value <= 100:
        raise ConfigError(
            "impossible score", where="least_score", expected="0 to 100", got=f"{value:g}"
        )
    return float(value)


def _robot_of(root: Path, name: str | None) -> RobotSpec | None:
    """The robot that was named, or that the dataset names; None where neither is known here."""
    from kata.datasets.quality.loading import robot_name
    from kata.sim.robots import load

    if name:
        return load(name).spec
    try:
        return load(robot_name(root)).spec
    except KataError:
        return None


def _next(word: str, report: Report) -> str:
    data = shlex.quote(word)
    if not report.drop or len(report.drop) == report.episodes:
        return f"kata data show {data}"
    clean = shlex.quote(word.rstrip("/") + "_clean")
    drop = ",".join(map(str, report.drop))
    return f"kata data export {data} format=lerobot drop=[{drop}] out={clean}"


def _numbers(values: tuple[int, ...], most: int = 12) -> str:
    shown = ", ".join(map(str, values[:most]))
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")
