"""Files that a stranger may have made, read once: plain ones only, through no link, up to a limit.

What is read is what is hashed: whoever checks a digest and then uses the content must not read the
file a second time, because it may be another one by then.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from kata.datasets.types import PackageError

DEPTH = 32
"""How deep JSON may be nested."""

_PIECE = 1 << 20
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def open_plain(path: Path, most: int) -> Iterator[BinaryIO]:
    """A plain file of at most `most` bytes, opened for reading. Raises PackageError."""
    try:
        # Without O_NONBLOCK a pipe would be waited for, for ever.
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise PackageError("cannot read", where=_place(path), got=str(error)[:200]) from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PackageError("not a plain file", where=_place(path))
        if status.st_size > most:
            raise PackageError(
                "file is too large",
                where=_place(path),
                expected=f"at most {most} bytes",
                got=str(status.st_size),
            )
        yield file


def read_plain(path: Path, most: int) -> bytes:
    """The bytes of a plain file of at most `most` bytes. Raises PackageError."""
    with open_plain(path, most) as file:
        return file.read(most)


def digest_plain(path: Path, most: int) -> tuple[int, str]:
    """Size and sha-256 of a plain file of at most `most` bytes. Raises PackageError."""
    return _hashed(path, most, None)


def copy_plain(path: Path, target: Path, most: int) -> tuple[int, str]:
    """Copy a plain file; size and sha-256 of what was copied. Raises PackageError."""
    with target.open("xb") as copy:
        return _hashed(path, most, copy)


def strict_json(content: bytes, *, where: str) -> Any:
    """The data of JSON that says each thing once.

    Raises PackageError for repeated keys, numbers that are none, text that is not UTF-8, and
    nesting deeper than `DEPTH`.
    """
    try:
        data = json.loads(
            content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number
        )
        _check_plain(data, 0)
    except (ValueError, RecursionError) as error:
        raise PackageError("not plain JSON", where=where, got=str(error)[:200]) from None
    return data


def shown(text: object, most: int = 120) -> str:
    """Text of a stranger for a message: no control or bidirectional characters, not long."""
    told = str(text)
    if not (told.isascii() and told.isprintable()):
        told = ascii(told)
    return told if len(told) <= most else told[:most] + "..."


def _place(path: Path) -> str:
    return shown(path, most=4096)


def _hashed(path: Path, most: int, copy: BinaryIO | None) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with open_plain(path, most) as file:
        while piece := file.read(min(_PIECE, most + 1 - size)):
            size += len(piece)
            if size > most:
                raise PackageError("grew while it was read", where=_place(path))
            digest.update(piece)
            if copy is not None:
                copy.write(piece)
    return size, digest.hexdigest()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = {key for key, n in Counter(key for key, _ in pairs).items() if n > 1}
        raise ValueError(f"repeated keys: {', '.join(map(shown, sorted(twice)))}")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"number {text}")


def _check_plain(data: Any, depth: int) -> None:
    """Raise ValueError for what is nested too deep, infinite, or no text that can be written."""
    if depth > DEPTH:
        raise ValueError(f"nested deeper than {DEPTH}")
    if isinstance(data, dict):
        for key, value in data.items():
            key.encode()
            _check_plain(value, depth + 1)
    elif isinstance(data, list):
        for value in data:
            _check_plain(value, depth + 1)
    elif isinstance(data, str):
        data.encode()
    elif isinstance(data, float) and abs(data) == float("inf"):
        raise ValueError("a number beyond all bounds")
