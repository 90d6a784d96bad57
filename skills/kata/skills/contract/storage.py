"""Folders and numbered records that appear whole or not at all, whatever kills the writer."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kata.datasets.files import sync, told, write_synced


def append_file(folder: Path, suffix: str, content: bytes) -> Path:
    """Create the next numbered file of a folder, whole and never over another one.

    Returns its path, such as `000003-state.json`. Raises StorageError.
    """
    temporary = folder / f".{secrets.token_hex(8)}.tmp"
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            write_synced(temporary, content)
            number = max((int(p.name[:6]) for p in folder.glob("[0-9]*-*.json")), default=0) + 1
            while True:
                path = folder / f"{number:06d}-{suffix}"
                # A number belongs to the first who links it, whatever the suffix.
                if not any(folder.glob(f"{number:06d}-*")) and _link(temporary, path):
                    break
                number += 1
        finally:
            temporary.unlink(missing_ok=True)
        sync(folder)
    return path


@contextmanager
def staging(path: Path) -> Iterator[Path]:
    """A folder beside `path` to fill, gone at the end unless it was published.

    Raises StorageError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with told(path):
        temporary.mkdir(parents=True)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def publish(staged: Path, path: Path) -> bool:
    """Make a staged folder of plain files durable as `path`; False if `path` exists already.

    Raises StorageError.
    """
    with told(path):
        for file in sorted(staged.iterdir()):
            sync(file)
        sync(staged)
        try:
            staged.rename(path)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                return False
            raise
        sync(path.parent)
    return True


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    return True
