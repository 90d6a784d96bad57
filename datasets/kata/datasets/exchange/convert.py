"""From one format to another: written aside, read back, compared, and only then put in place."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..files import sync, told
from ..types import DatasetError
from .take import Layout, Sink, Source, Take, identity
from .tally import Sums, Tally, sums_of

STAGING = ".exchange"
"""Folder inside the target in which everything is written before it is moved."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Done:
    """What was brought over: counts and digests, and what a person should know."""

    sums: Sums
    notes: tuple[str, ...]
    files: tuple[str, ...]


def convert(
    source: Source,
    sink: Callable[[Path, Layout], Sink],
    reopen: Callable[[Path], Source],
    target: Path,
    progress: Progress | None = None,
) -> Done:
    """Write a source into a folder in another format, whole or not at all.

    Args:
        source: what is read.
        sink: opens a writer for an empty folder.
        reopen: opens what the writer wrote, to compare it.
        target: the folder; files of the same name must not be there.
        progress: called with the number of episodes that are written.

    Raises:
        DatasetError: an episode cannot be read or kept, or what was written differs.
        StorageError: the disk refused.
    """
    with staged(target) as staging:
        tally = Tally(source.layout)
        writer = sink(staging, source.layout)
        try:
            for number, take in enumerate(source.takes()):
                whole = _named(take, number)
                tally.add(whole)
                writer.add(whole)
                if progress:
                    progress(number + 1)
        finally:
            writer.close()
        sums = tally.sums()
        if not sums.episodes:
            raise DatasetError("no episodes", hint="there is nothing to write")
        again = reopen(staging)
        missing = [key for key in source.layout.spec if key not in again.layout.spec]
        if missing:
            raise DatasetError(
                "columns were lost on the way", where=str(target), got="no " + ", ".join(missing)
            )
        layout = replace(again.layout, spec=source.layout.spec, cameras=source.layout.cameras)
        sums.check_same(sums_of(layout, again.takes()), str(target))
        files = tuple(sorted(path.name for path in staging.iterdir()))
    return Done(sums, source.notes, files)


def _named(take: Take, number: int) -> Take:
    """The take with the name that its episode has for ever."""
    return replace(take, outcome=replace(take.outcome, episode_uuid=identity(take, number)))


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A folder whose content is moved into `target` if all goes well, and else removed.

    Raises DatasetError for files that are there already, StorageError.
    """
    staging = target / STAGING
    with told(target):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
    try:
        yield staging
        # What says that there is a dataset comes last: `meta` of a dataset, topics of bags.
        order = sorted(staging.iterdir(), key=lambda path: (path.name in _DECISIVE, path.name))
        there = [path.name for path in order if (target / path.name).exists()]
        if there:
            raise DatasetError(
                "there is something already",
                where=str(target),
                got=", ".join(there),
                hint="name another out",
            )
        with told(target):
            # A power cut after the renames must not find the names without what they name.
            for path in staging.rglob("*"):
                sync(path)
            for path in order:
                path.rename(target / path.name)
            sync(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


_DECISIVE = ("meta", "topics.yaml")
