"""Folders and numbered records that appear whole or not at all, whatever kills the writer."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kata.datasets.files import sync, told, write_synced

Content = Callable[[int, bytes], bytes]
"""Gives a file's content from its number and the content of the file before it, if there is one."""

_NUMBERED = re.compile(r"\d{6}-\w+\.json")


def append_file(folder: Path, suffix: str, content: Content) -> Path:
    """Create the next numbered file of a folder, whole and never over another one.

    Processes that append at once do so one after the other: `content` is called once it is certain
    which file comes before. Returns the path, such as `000003-state.json`. Raises StorageError.
    """
    temporary = folder / f".{secrets.token_hex(8)}.tmp"
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        last = max(numbered(folder), default=None)
        number = int(last.name[:6]) + 1 if last else 1
        path = folder / f"{number:06d}-{suffix}"
        with told(folder):
            made = content(number, last.read_bytes() if last else b"")
            try:
                write_synced(temporary, made)
                os.link(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
            sync(folder)
    return path


def numbered(folder: Path) -> list[Path]:
    """The numbered files of a folder, in no order; none where there is no folder."""
    try:
        with os.scandir(folder) as found:
            return [folder / item.name for item in found if _NUMBERED.fullmatch(item.name)]
    except FileNotFoundError:
        return []


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Meanwhile no other process is in here with the same folder; a kill lets the next one in.

    Raises StorageError.
    """
    with told(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        with told(folder):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
