"""How a package gets into its folder, and what is left of one whose process was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from kata.datasets.files import told, write_file
from kata.datasets.types import PackageError
from kata.skills.contract.package import LIMITS, MANIFEST, Report, verify
from kata.skills.contract.reading import copy_plain
from kata.skills.contract.seal import SIGNATURE


def copy_package(folder: Path, report: Report, staged: Path) -> None:
    """Copy the files of a verified package, and its signature.

    Raises PackageError for one that changed meanwhile, StorageError where the disk refuses.
    """
    seal = [SIGNATURE] if report.seal else []
    with told(staged, "the library is as it was"):
        for name in [*report.files, MANIFEST, *seal]:
            copy_plain(folder / name, staged / name, LIMITS[Path(name).suffix])
    copied = verify(staged)
    if copied.identity != report.identity or copied.manifest != report.manifest:
        raise PackageError("the package changed while it was copied", where=str(folder))


def complete_seal(target: Path, report: Report) -> None:
    """Give a package that is there without a signature the one that came with the same package."""
    if report.seal:
        there = verify(target)
        if there.seal is None and there.manifest == report.manifest:
            write_file(target / SIGNATURE, report.seal.to_bytes())


def sweep(parent: Path) -> int:
    """Remove the folders in `parent` that were being filled by processes that live no longer.

    Returns how many. The library is locked, so that none is about to be locked.
    """
    gone = 0
    for folder in sorted(parent.glob(".*.tmp")) if parent.is_dir() else []:
        if folder.is_dir() and not folder.is_symlink() and _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    return gone


def _is_left(folder: Path) -> bool:
    """Whether no process holds the folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
