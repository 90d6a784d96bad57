"""A package as an archive, for others: what was verified, and equal bytes for equal packages."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import secrets
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from kata.datasets.files import sync, told
from kata.datasets.types import PackageError
from kata.skills.contract.package import MANIFEST, Report
from kata.skills.contract.seal import SIGNATURE

from .archive import ARCHIVES

_DAY = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a zip, the first that it can tell."""

Content = tuple[str, int, IO[bytes]]
"""Name, bytes and what they are read from."""


def pack(folder: Path, report: Report, target: Path) -> str:
    """Write a verified package as an archive; the sha-256 of the file.

    Equal packages give equal bytes; those of a `.tar.gz` also depend on the version of zlib.

    Raises PackageError for another kind of file, one that is there, or a package that changed
    meanwhile; StorageError where the disk refuses.
    """
    if not target.name.endswith(ARCHIVES):
        expected = " or ".join(f"NAME{suffix}" for suffix in ARCHIVES)
        raise PackageError("not the name of an archive", where=str(target), expected=expected)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with told(target), ExitStack() as stack:
        target.parent.mkdir(parents=True, exist_ok=True)
        stack.callback(temporary.unlink, missing_ok=True)
        with temporary.open("xb") as file:
            write = _zip if target.name.endswith(".zip") else _tar
            write(file, folder, report)
        with temporary.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        sync(temporary)
        try:
            os.link(temporary, target)
        except FileExistsError:
            what = "there is a file of this name already"
            raise PackageError(what, where=str(target), hint="name another") from None
        sync(target.parent)
    return digest


def _zip(file: BinaryIO, folder: Path, report: Report) -> None:
    # Stored, not compressed: weights hardly shrink, and each zlib compresses in its own way.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, size, content in _contents(folder, report):
            info = zipfile.ZipInfo(name, _DAY)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            info.file_size = size
            with archive.open(info, "w") as member:
                shutil.copyfileobj(content, member)


def _tar(file: BinaryIO, folder: Path, report: Report) -> None:
    with (
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, size, content in _contents(folder, report):
            info = tarfile.TarInfo(name)
            info.size, info.mode = size, 0o644
            archive.addfile(info, content)


def _contents(folder: Path, report: Report) -> Iterator[Content]:
    """Every file of the package by name, in the one folder that the archive holds."""
    about = {MANIFEST: report.manifest}
    if report.seal:
        about[SIGNATURE] = report.seal.to_bytes()
    outer = f"{report.name}-{report.version}"
    for name in sorted({**about, **report.files}):
        if name in about:
            yield f"{outer}/{name}", len(about[name]), io.BytesIO(about[name])
        else:
            size, digest = report.files[name]
            with _verified(folder / name, digest) as content:
                yield f"{outer}/{name}", size, content


@contextmanager
def _verified(path: Path, digest: str) -> Iterator[IO[bytes]]:
    """A file to read to its end; raises PackageError if it is not what was verified."""
    with path.open("rb") as file:
        hashed = _Hashed(file)
        yield hashed
    if hashed.digest.hexdigest() != digest:
        raise PackageError("the package changed while it was packed", where=str(path))


class _Hashed(io.BufferedReader):
    """A file whose digest is made as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(io.FileIO(file.fileno(), closefd=False))
        self.digest = hashlib.sha256()

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes."""
        content = super().read(size)
        self.digest.update(content)
        return content
