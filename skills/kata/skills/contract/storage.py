"""Writing that survives a kill: a reader sees the old file or the new one, never a part."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kata.datasets.types import StorageError


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """Canonical JSON: sorted keys, two spaces, a last newline; equal data give equal bytes."""
    text = json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def write_file(path: Path, content: bytes) -> None:
    """Replace or create a file whole. Raises StorageError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write_through(temporary, content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)


def append_file(folder: Path, suffix: str, content: bytes) -> Path:
    """Create the next numbered file of a folder, whole and never over another one.

    Returns its path, such as `000003-state.json`. Raises StorageError.
    """
    temporary = folder / f".{secrets.token_hex(8)}.tmp"
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _write_through(temporary, content)
            number = max((int(p.name[:6]) for p in folder.glob("[0-9]*-*.json")), default=0) + 1
            while True:
                path = folder / f"{number:06d}-{suffix}"
                # A number belongs to the first who links it, whatever the suffix.
                if not any(folder.glob(f"{number:06d}-*")) and _link(temporary, path):
                    break
                number += 1
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(folder)
    return path


@contextmanager
def staging(path: Path) -> Iterator[Path]:
    """A folder beside `path` to fill, gone at the end unless it was published.

    Raises StorageError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with _told(path):
        temporary.mkdir(parents=True)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def publish(staged: Path, path: Path) -> bool:
    """Make a staged folder of plain files durable as `path`; False if `path` exists already.

    Raises StorageError.
    """
    with _told(path):
        for file in sorted(staged.iterdir()):
            _sync_file(file)
        _sync_folder(staged)
        try:
            staged.rename(path)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                return False
            raise
        _sync_folder(path.parent)
    return True


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write: {error.strerror or error}",
            where=str(path),
            hint="what was there before is unchanged; free some space or choose another place",
        ) from error


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    return True


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
