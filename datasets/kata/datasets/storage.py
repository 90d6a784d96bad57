"""Files that appear whole or not at all, in order, and that survive a kill and a power cut."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from .files import Bytes, refused, sync, write_synced
from .types import DatasetError

STAGING = ".staging"
"""Where files are written before they are moved to their place; in the dataset's own folder."""
_ABANDONED_S = 3600.0
"""Age from which an unfinished file of a cache belongs to nobody; each is written in seconds."""


def commit(root: Path, files: list[tuple[str, Bytes]], kept: str, *, decisive: int = -1) -> None:
    """Put files in their places one after the other; one of them is the decisive one.

    All are written and synced under `root/.staging` first, then moved in order. Those before the
    decisive one are durable in their places before it is moved, and it is durable on return. Those
    after it follow from the others: a power cut may leave their old content, never a part.
    On an error every new file is taken away again. Raises StorageError, saying what was `kept`.
    """
    staging = root / STAGING
    staged: list[tuple[Path, Path]] = []
    placed: list[Path] = []
    target = root
    try:
        staging.mkdir(parents=True, exist_ok=True)
        for i, (name, _) in enumerate(files):
            target = root / name
            _make_folder(target.parent)
            staged.append((staging / f"{i:03d}-{target.name}", target))
        # A disk takes little longer to sync many files at once than to sync one.
        with ThreadPoolExecutor(len(files)) as pool:
            written = [
                (place, pool.submit(write_synced, temporary, data))
                for (temporary, place), (_, data) in zip(staged, files, strict=True)
            ]
            for place, done in written:
                target = place
                done.result()
            for i, (temporary, place) in enumerate(staged):
                target = place
                if i == decisive % len(files):
                    list(pool.map(sync, {before.parent for _, before in staged[:i]}))
                fresh = not target.exists()
                temporary.replace(target)
                if fresh:
                    placed.append(target)
                if i == decisive % len(files):
                    sync(target.parent)
    except OSError as error:
        for path in (*reversed(placed), *(temporary for temporary, _ in staged)):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise refused(error, target, kept) from error


def _make_folder(path: Path) -> None:
    """Make a folder and what is missing above it, each durable in its parent."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def clear_staging(root: Path) -> None:
    """Remove what a killed writer left half written."""
    shutil.rmtree(root / STAGING, ignore_errors=True)


def clear_abandoned(folder: Path) -> None:
    """Remove what killed writers left unfinished in a cache: `.NAME.tmp`, an hour old or more."""
    now = time.time()
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            if now - path.stat().st_mtime < _ABANDONED_S:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


@contextmanager
def writer_lock(root: Path) -> Iterator[None]:
    """Hold the right to write to a dataset; the system frees it when the process dies."""
    descriptor = acquire_lock(root)
    try:
        yield
    finally:
        os.close(descriptor)


def acquire_lock(root: Path) -> int:
    """A descriptor that holds the lock until it is closed. Raises DatasetError, StorageError."""
    try:
        descriptor = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise refused(error, root, "nothing was changed") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise DatasetError(
            "another recorder writes this dataset",
            where=str(root),
            expected="one writer at a time",
            got="its lock is held",
            hint="end the other recording, or record into another folder",
        ) from error
    return descriptor
