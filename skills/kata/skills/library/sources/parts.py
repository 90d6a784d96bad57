"""The files of a package as a stranger lists them: names and sizes, checked before any is fetched.

A package is flat: a handful of files side by side in one folder.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from kata.datasets.types import PackageError, StorageError
from kata.skills.contract.package import LIMITS, MANIFEST, MOST_FILES, read_manifest
from kata.skills.contract.reading import shown
from kata.skills.contract.seal import SIGNATURE

MOST_BYTES = (8 << 30) + (64 << 20)
"""Of a whole package: two files of weights as large as they may be, and the rest."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_FOLDER = re.compile(r"[A-Za-z0-9_][\w. +-]*(/[A-Za-z0-9_][\w. +-]*)*", re.ASCII)


class Parts:
    """Takes one file after another, as long as all of them can be a package.

    Args:
        where: the source, for messages.
        room: the folder they are to be written to.
        most: bytes of all of them together.
    """

    def __init__(self, where: str, room: Path, most: int = MOST_BYTES) -> None:
        self._where, self._most = where, most
        self._free = shutil.disk_usage(room).free
        self._names: set[str] = set()
        self._total = 0

    def take(self, name: str, size: int) -> None:
        """Raise PackageError for a file that no package holds, StorageError if it has no room."""
        if not _NAME.fullmatch(name):
            raise self._refused("a name that no file of a package has", shown(name))
        limit = LIMITS.get(Path(name).suffix)
        if limit is None:
            raise self._refused("a file that no package holds", name, f"{', '.join(LIMITS)} only")
        if not 0 <= size <= limit:
            got = f"{name}: {size} bytes"
            raise self._refused("a file that is too large", got, f"at most {limit} bytes")
        if name.lower() in self._names:
            raise self._refused("a name that comes twice", name)
        self._names.add(name.lower())
        self._total += size
        if len(self._names) > MOST_FILES:
            got = f"more than {MOST_FILES}"
            raise self._refused("too many files", got, f"at most {MOST_FILES}")
        if self._total > self._most:
            got = f"more than {self._most} bytes"
            raise self._refused("more than it may hold in all", got)
        if self._total > self._free:
            raise StorageError(
                "no room for the package",
                where=self._where,
                expected=f"{self._total} bytes",
                got=f"{self._free} bytes free",
                hint="free some space, then install it again; the library is as it was",
            )

    def _refused(self, what: str, got: str, expected: str = "") -> PackageError:
        return PackageError(what, where=self._where, expected=expected, got=got)


def claimed(folder: Path) -> tuple[str, ...]:
    """The files that the manifest in a folder names, and those about it. Raises PackageError."""
    return (MANIFEST, SIGNATURE, *sorted(read_manifest(folder)["files"]))


def wanted(names: Iterable[str], sizes: Mapping[str, int], parts: Parts) -> list[str]:
    """Those of the names that are there, checked; what is missing the package's check tells."""
    found = [name for name in dict.fromkeys(names) if name in sizes]
    for name in found:
        parts.take(name, sizes[name])
    return found


def is_folder(path: str) -> bool:
    """Whether it can be the path of a folder in a repository: plain names that lead downwards."""
    return bool(_FOLDER.fullmatch(path)) and ".." not in path.split("/")


def only_folder(paths: Iterable[str], subfolder: str, where: str) -> str:
    """The folder of the one package among these paths, as `pick/`; empty for the top.

    Args:
        paths: of all files, with / between the names.
        subfolder: the one that was named, or empty.
        where: the source, for messages.

    Raises PackageError where there is none, or several.
    """
    start = f"{subfolder}/" if subfolder else ""
    found = [
        path.removesuffix(MANIFEST)
        for path in paths
        if path.startswith(start) and path.rpartition("/")[2] == MANIFEST
    ]
    if start in found or len(found) == 1:
        folder = start if start in found else found[0]
        if folder and not is_folder(folder.rstrip("/")):
            raise PackageError(
                "a folder with a name that none should have",
                where=where,
                expected="letters, digits, `_ . + -` and spaces",
                got=shown(folder, 400),
            )
        return folder
    names = ", ".join(f"#{path.rstrip('/')}" for path in sorted(found)[:8])
    raise PackageError(
        "which package?" if found else "no package",
        where=where,
        expected=f"one folder with {MANIFEST}",
        got=shown(names, 400) or f"no {MANIFEST}",
        hint="name its folder: SOURCE#FOLDER" if found else "",
    )
