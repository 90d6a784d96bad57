"""`kata segment`: the cuts are found, or read as somebody corrected them; all else follows."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError, DatasetError

from .job import Done, Job
from .progress import bar
from .segmenting_backup import write_keeping
from .segmenting_contracts import Drafted, drafted
from .workspace import RunFolder, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kata.datasets.dataset import Dataset
    from kata.skills.handover.segmentation.cuts_file import Cuts
    from kata.skills.handover.segmentation.seen import Seen
    from kata.skills.handover.segmentation.tracks import Track

    from .segmenting_data import Written

FOUND = "found.json"
"""How surprising each frame was."""


def found(job: Job) -> Done:
    """Find the cuts of a dataset and make all that follows from them.

    Cuts that somebody has corrected are never found again: they are used as they are.
    """
    from kata.skills.handover.segmentation.cuts_file import NAME, check_dataset

    if not job.config.data:
        raise ConfigError(
            "no demonstrations",
            where="kata segment",
            expected="data=FOLDER of a LeRobot dataset",
            hint="kata segment -h",
        )
    dataset = _opened(job, job.config.data)
    tracks = _tracks(dataset)
    path = job.folder / NAME
    if path.exists() and (cuts := _read(path)).corrected:
        check_dataset(cuts, dataset, where=str(path))
        kept = f"{path} was corrected by hand, so it stays as it is; remove it to look anew"
        return _made(job, dataset, tracks, cuts, (kept,))
    cuts = _find(job, dataset, tracks)
    return _made(job, dataset, tracks, cuts)


def applied(job: Job, word: str) -> Done:
    """Make all that follows from the cuts in the folder, or from a file that the page saved."""
    from kata.skills.handover.segmentation.cuts_file import NAME, check_dataset, cuts_text

    path = job.folder / NAME
    source = Path(word).expanduser() if word else path
    cuts = _read(source)
    dataset = _opened(job, job.config.data or cuts.data)
    check_dataset(cuts, dataset, where=str(source))
    if word:
        write_keeping(job.folder.path, NAME, cuts_text(cuts))
    return _made(job, dataset, _tracks(dataset), cuts)


def paged(job: Job, _word: str) -> Done:
    """Write the page anew."""
    from kata.skills.handover.segmentation.cuts_file import NAME, check_dataset

    path = job.folder / NAME
    cuts = _read(path)
    dataset = _opened(job, job.config.data or cuts.data)
    check_dataset(cuts, dataset, where=str(path))
    tracks = _tracks(dataset)
    page = _page(job, dataset, tracks, cuts, _views(dataset, tracks))
    return Done({"page": page.name}, (f"page: {page}",), _apply(job.folder))


def _opened(job: Job, folder: str) -> Dataset:
    from kata.datasets.dataset import Dataset

    dataset = Dataset.open(Path(folder).expanduser())
    if dataset.root.resolve().is_relative_to(job.folder.path.resolve()):
        raise ConfigError(
            "demonstrations inside the folder that their segments are written to",
            where=f"data={folder}",
            expected=f"a dataset outside {job.folder.path}",
            hint="name another out; what is in this one is written anew",
        )
    if job.config.robot:
        from kata.sim.robots import load

        dataset.check_robot(load(job.config.robot).spec)
    return dataset


def _tracks(dataset: Dataset) -> Sequence[Track]:
    from kata.skills.handover.segmentation.tracks import tracks

    return tracks(dataset)


def _views(dataset: Dataset, tracks: Sequence[Track]) -> dict[int, Seen]:
    """What held in each episode; empty where nothing tells."""
    from kata.skills.handover.segmentation.seen import seen

    found = seen(dataset, tracks) or ()
    return {track.episode: each for track, each in zip(tracks, found, strict=False)}


def _read(path: Path) -> Cuts:
    from kata.skills.handover.segmentation.cuts_file import parse_cuts

    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            "no cuts here",
            where=str(path),
            got=str(error.strerror),
            hint="find them first: kata segment data=FOLDER out=FOLDER",
        ) from None
    return parse_cuts(content, where=str(path))


def _find(job: Job, dataset: Dataset, tracks: Sequence[Track]) -> Cuts:
    """The cuts of a dataset, written into the run's folder."""
    from kata.skills.handover.segmentation.cuts_file import NAME, cuts_text
    from kata.skills.handover.segmentation.grouping import group
    from kata.skills.handover.segmentation.named import named
    from kata.skills.handover.segmentation.phases import find_phases
    from kata.skills.handover.segmentation.segment import SegmentOptions, check

    config = job.config
    options = SegmentOptions(z=config.z, steps=config.steps)
    check(tracks)
    with bar("segmenting", 3) as advance:
        phases, threshold = find_phases(tracks, options, config.seed)
        advance(1)
        segmentation = group(tracks, phases, threshold)
        advance(2)
        views = _views(dataset, tracks)
        root = str(dataset.root.resolve())
        cuts = named(segmentation, views, root, dataset.content_hash, dataset.fps)
        advance(3)
    write_text(job.folder / NAME, cuts_text(cuts))
    curves = {
        str(track.episode): [round(float(value), 2) for value in each.excess]
        for track, each in zip(tracks, phases, strict=True)
    }
    told = {
        "threshold": round(threshold, 3),
        "missing": list(segmentation.missing),
        "left_out": list(segmentation.left_out),
    }
    job.folder.write_json(FOUND, {**told, "surprise": curves})
    return cuts


def _made(
    job: Job,
    dataset: Dataset,
    tracks: Sequence[Track],
    cuts: Cuts,
    notes: tuple[str, ...] = (),
) -> Done:
    """Contracts, dataset and page of these cuts."""
    from .segmenting_data import write_dataset

    views = _views(dataset, tracks)
    contracts = drafted(job, cuts, views)
    written = write_dataset(job.folder.path, dataset, cuts, contracts, views)
    page = _page(job, dataset, tracks, cuts, views)
    result = _result(cuts, contracts, written) | {"page": page.name}
    found = job.folder.read_json(FOUND) or {}
    result |= {name: found.get(name) for name in ("threshold", "missing", "left_out")}
    lines = (*notes, *_lines(job, cuts, contracts, written, found), f"page: {page}")
    return Done(result, lines, _next(job, dataset, contracts, written))


def _page(
    job: Job,
    dataset: Dataset,
    tracks: Sequence[Track],
    cuts: Cuts,
    views: Mapping[int, Seen],
) -> Path:
    from .segmenting_page import write_page

    return write_page(job.folder, dataset, tracks, cuts, views, job.folder.read_json(FOUND) or {})


def _result(cuts: Cuts, contracts: Drafted, written: Written) -> dict[str, Any]:
    return {
        "data": cuts.data,
        "episodes": len(cuts.episodes),
        "frames": sum(episode.frames for episode in cuts.episodes),
        "phases": sum(len(episode.phases) + 1 for episode in cuts.episodes),
        "segments": sum(len(episode.spans) for episode in cuts.episodes),
        "corrected": cuts.corrected,
        "skills": {
            name: {
                "parameters": list(parameters),
                "segments": written.segments[name],
                "reached": written.reached[name],
                "contract": contracts.files.get(name),
                "whose": contracts.whose.get(name, "none"),
                "why_none": contracts.reasons.get(name),
            }
            for name, parameters in cuts.skills.items()
        },
        "dataset": written.folder,
    }


def _lines(
    job: Job, cuts: Cuts, contracts: Drafted, written: Written, found: Mapping[str, Any]
) -> list[str]:
    frames = sum(episode.frames for episode in cuts.episodes)
    used = sum(s.stop - s.start for episode in cuts.episodes for s in episode.spans)
    lines = [
        (
            f"{_many(len(cuts.episodes), 'demonstration')}, {frames} frames: "
            f"{sum(written.segments.values())} segments of {_many(len(cuts.skills), 'skill')}, "
            f"{frames - used} frames in none"
        )
    ]
    for name, parameters in cuts.skills.items():
        where = contracts.files.get(name) or f"no contract: {contracts.reasons.get(name, '')}"
        call = f"{name}({', '.join(parameters)})"
        count, reached = written.segments[name], written.reached[name]
        lines.append(f"  {call:<28}{count:5d} segments, {reached} reach their end  {where}")
    if found.get("missing"):
        left = found.get("left_out", ())
        some = f" in episode {', '.join(map(str, left))}" if len(left) < len(cuts.episodes) else ""
        lines.append(
            f"missing{some}: {', '.join(found['missing'])}: without them there are phases and no "
            "skills; cut and name them by hand on the page"
        )
    lines.append(f"dataset: {job.folder / written.folder}" if written.folder else "no dataset")
    return lines


def _many(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _next(job: Job, dataset: Dataset, contracts: Drafted, written: Written) -> str:
    """The training of the skill with most segments; else how to correct the cuts."""
    counts = Counter({name: written.reached[name] for name in contracts.files})
    if not counts or not written.folder:
        return _apply(job.folder)
    name = counts.most_common(1)[0][0]
    command = ["kata", "train", f"skill={job.folder / contracts.files[name]}"]
    command.append(f"data={job.folder / written.folder}")
    if dataset.schema.robot != "panda":
        command.append(f"robot={dataset.schema.robot}")
    return shlex.join(command)


def _apply(folder: RunFolder) -> str:
    return shlex.join(["kata", "segment", "apply", f"out={folder.path}"])
