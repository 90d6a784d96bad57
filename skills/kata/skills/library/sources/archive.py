"""One package out of an archive: a zip, or a compressed tar.

Nothing of an archive is trusted: names, kinds and sizes are checked before a file is written, and
no more is read than was announced. What is not exactly the files of one package is refused whole.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, BinaryIO

from kata.datasets.files import told
from kata.datasets.types import PackageError
from kata.skills.contract.reading import shown

from .parts import MOST_BYTES, Parts

ARCHIVES = (".zip", ".tar.gz", ".tgz")

RATIO, FLOOR = 100, 64 << 20
"""An archive holds at most so many times its own bytes, or so many bytes if that is more."""

_PIECE = 1 << 20
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, OSError, ValueError, OverflowError, RuntimeError),
)
_KEPT = "the library is as it was"


def unpack(path: Path, into: Path) -> None:
    """Write the files of an archive's package into a folder.

    Raises PackageError for an archive that is not exactly that, StorageError where the disk
    refuses.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            most = min(MOST_BYTES, max(FLOOR, RATIO * size))
            layout = _Layout(path, Parts(str(path), into, most))
            if path.name.endswith(".zip"):
                _unzip(file, layout, into, path)
            else:
                _untar(file, layout, into, path, most)
    except _BROKEN as error:
        got = shown(f"{type(error).__name__}: {error}")
        raise PackageError("an archive that cannot be read", where=str(path), got=got) from None


class _Layout:
    """The members of an archive: the files of one package, at the top or in one folder."""

    def __init__(self, path: Path, parts: Parts) -> None:
        self._where, self._parts = str(path), parts
        self._folder: str | None = None
        self._members = 0

    def member(self, name: str, size: int, *, plain: bool, folder: bool) -> str:
        """The name of the file to write; empty for a folder. Raises PackageError."""
        self._members += 1
        if self._members > 1000:
            raise self._refused("too many members", "more than 1000")
        steps = name.removeprefix("./").rstrip("/").split("/")
        if folder and name in (".", "./"):
            return ""
        if any(step in ("", ".", "..") for step in steps) or "\\" in name or "\0" in name:
            raise self._refused("a path that leaves the archive's folder", name)
        if folder and len(steps) == 1:
            return ""
        if not plain:
            raise self._refused("a member that is no plain file", name)
        outer = "/".join(steps[:-1])
        if len(steps) > 2 or outer != (outer if self._folder is None else self._folder):
            raise self._refused("more than one folder", name)
        self._folder = outer
        self._parts.take(steps[-1], size)
        return steps[-1]

    def _refused(self, what: str, got: str) -> PackageError:
        expected = "the plain files of one package, in one folder"
        return PackageError(what, where=self._where, expected=expected, got=shown(got))


def _unzip(file: BinaryIO, layout: _Layout, into: Path, path: Path) -> None:
    _check_directory(file, path)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            plain = kind in (0, stat.S_IFREG) and not info.is_dir()
            plain = plain and info.orig_filename == info.filename
            folder = info.is_dir() and kind in (0, stat.S_IFDIR)
            name = layout.member(info.filename, info.file_size, plain=plain, folder=folder)
            usual = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            if name and (info.flag_bits & 1 or not usual):
                what = "an encrypted or oddly compressed file"
                raise PackageError(what, where=str(path), got=name)
            if name:
                with archive.open(info) as member:
                    _write(into / name, member, info.file_size, path)


def _check_directory(file: BinaryIO, path: Path) -> None:
    """Refuse a zip whose table of contents alone would fill the memory."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - (1 << 17)))
    tail = file.read()
    sizes = [_number(tail, at + 12, 4) for at in _places(tail, b"PK\5\6")]
    sizes += [_number(tail, at + 40, 8) for at in _places(tail, b"PK\6\6")]
    # 2**32 - 1 says that the larger number counts.
    if any(size > _PIECE for size in sizes if size != 0xFFFFFFFF):
        raise PackageError("too many members", where=str(path), got=f"{max(sizes)} bytes of names")


def _places(tail: bytes, mark: bytes) -> Iterator[int]:
    at = tail.find(mark)
    while at >= 0:
        yield at
        at = tail.find(mark, at + 1)


def _number(tail: bytes, at: int, size: int) -> int:
    return int.from_bytes(tail[at : at + size], "little")


def _untar(file: BinaryIO, layout: _Layout, into: Path, path: Path, most: int) -> None:
    with gzip.GzipFile(fileobj=file) as stream:
        bounded = _Bounded(stream, most + _PIECE, str(path))
        with tarfile.open(fileobj=bounded, mode="r:") as archive:
            for info in archive:
                plain = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not info.issparse()
                name = layout.member(info.name, info.size, plain=plain, folder=info.isdir())
                member = archive.extractfile(info) if name else None
                if member:
                    _write(into / name, member, info.size, path)


class _Bounded(io.RawIOBase):
    """A stream of which at most `most` bytes are unpacked, and never many at once."""

    def __init__(self, stream: gzip.GzipFile, most: int, where: str) -> None:
        super().__init__()
        self._stream, self._most, self._where = stream, most, where

    def read(self, size: int = -1) -> bytes:
        """At most 1 MiB: a header that is longer is an attack on the memory."""
        if not 0 <= size <= _PIECE:
            raise PackageError("a header that is too long", where=self._where, got=str(size))
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Forwards or backwards, counted from the start."""
        self._check(offset)
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Bytes unpacked so far."""
        return self._stream.tell()

    def _check(self, reach: int) -> None:
        if reach > self._most:
            raise PackageError(
                "an archive that unpacks to far more than it is",
                where=self._where,
                expected=f"at most {self._most} bytes",
            )


def _write(target: Path, member: IO[bytes], size: int, path: Path) -> None:
    """Write exactly as many bytes as were announced."""
    written = 0
    with ExitStack() as stack:
        with told(target, _KEPT):
            file = stack.enter_context(target.open("xb"))
        while piece := member.read(min(_PIECE, size + 1 - written)):
            written += len(piece)
            with told(target, _KEPT):
                file.write(piece)
            if written > size:
                break
    if written != size:
        what = "a file of another size than announced"
        raise PackageError(what, where=str(path), got=target.name)
