"""Single files that a reader sees whole, old or new, whatever kills the writer."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .types import StorageError

Bytes = bytes | bytearray | memoryview


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """Canonical JSON: sorted keys, two spaces, a last newline; equal data give equal bytes."""
    text = json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def refused(error: OSError, where: Path, kept: str) -> StorageError:
    """The error for a disk that refused; `kept` says what is safe."""
    return StorageError(
        "the disk refused to write",
        where=str(where),
        expected="room and the right to write",
        got=f"{error.strerror or error} (errno {error.errno})",
        hint=f"{kept}; free some space, then go on",
    )


@contextmanager
def told(where: Path, kept: str = "what was there before is unchanged") -> Iterator[None]:
    """Turn what the disk refuses into a StorageError that says what is safe."""
    try:
        yield
    except OSError as error:
        raise refused(error, where, kept) from error


def write_all(descriptor: int, data: Bytes) -> None:
    """Write every byte to a file descriptor. Raises OSError where the disk refuses."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_synced(path: Path, data: Bytes) -> None:
    """Write a file and wait until it is durable. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, data: Bytes) -> None:
    """Create or replace a file, whole and durable. Raises StorageError; the old one is kept."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_synced(temporary, data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync(path.parent)
