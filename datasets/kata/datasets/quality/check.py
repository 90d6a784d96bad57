"""The check of a whole dataset, from its folder or from one that is open already."""

from __future__ import annotations

from pathlib import Path

from ..dataset import Dataset
from ..types import DatasetError, RobotSpec
from .clock import check_clock
from .contents import Contents
from .faults import Fault
from .labels import check_labels
from .loading import contents_of, read_contents
from .motion import check_following, check_motion
from .outliers import check_episodes
from .pictures import check_pictures
from .report import LEAST_SCORE, Report
from .values import check_values


def check(root: Path | str, robot: RobotSpec | None = None, *, pictures: bool = True) -> Report:
    """Score a dataset in a folder, however damaged it is, and name every fault.

    Args:
        root: the folder of a LeRobotDataset v3, recorded by Kata or not.
        robot: whose limits to check against; they are not checked without.
        pictures: whether to look at the videos too.

    Raises:
        DatasetError: there is no dataset, or not one readable episode in it.
    """
    contents, faults, notes = read_contents(Path(root), robot)
    return _report(contents, faults, notes, pictures)


def check_open(
    dataset: Dataset, robot: RobotSpec | None = None, *, pictures: bool = True
) -> Report:
    """As `check`, of a dataset that is open: its columns are not read again."""
    return _report(contents_of(dataset, robot), [], [], pictures)


def require(report: Report, root: Path, least: float = LEAST_SCORE) -> None:
    """Raise DatasetError with the worst faults where a dataset scores too low to learn from."""
    if report.score >= least:
        return
    worst = [f"{f.kind} at {f.place}: {f.detail}" for f in report.faults if f.severity != "minor"]
    shown = worst[:8] + ([f"and {len(worst) - 8} more"] if len(worst) > 8 else [])
    raise DatasetError(
        "a dataset that is not fit to learn from",
        where=str(root),
        expected=f"a score of {least:g} or more",
        got=f"{report.score}\n            " + "\n            ".join(shown),
        hint=f"kata data check {root} says what to do; least_score=0 trains all the same",
    )


def _report(contents: Contents, faults: list[Fault], notes: list[str], pictures: bool) -> Report:
    if contents.frames:
        following, why = check_following(contents)
        labels, missing = check_labels(contents)
        faults = [
            *faults,
            *check_clock(contents),
            *check_values(contents),
            *check_motion(contents),
            *following,
            *labels,
            *check_episodes(contents),
        ]
        notes = [*notes, *why, *missing]
    if contents.robot is None:
        notes.append("limits: the robot is not known; name it with robot=NAME")
    if pictures:
        faults += check_pictures(contents)
    elif contents.schema.cameras:
        notes.append("pictures: not looked at")
    episodes = len(contents.entries) or len(contents.bounds)
    return Report.of(episodes, contents.frames, faults, notes)
