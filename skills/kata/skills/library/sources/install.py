"""From a source into the library: fetched, audited, added as a draft, and where from recorded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from kata.datasets.types import ContractError, PackageError
from kata.skills.contract.package import MANIFEST, Report, verify

from ..audit import require_bounded, require_clean
from ..library import Entry, Library
from .archive import unpack
from .git_tree import fetch_git
from .hub import fetch_hub
from .source import Source, parse_source

KIND = "source"
"""The kind of the record that says where a version came from."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A version that came from a source.

    Attributes:
        revision: the commit, or the sha-256 of an archive; empty for a folder.
        new: whether the library did not have it before.
    """

    entry: Entry
    source: Source
    revision: str
    new: bool


def install(library: Library, text: str) -> Installed:
    """Fetch the package of a source and add it as a draft, with a signed record of its source.

    Raises PackageError or ContractError for what cannot be fetched, is not sound, or is forbidden
    by its audit, StorageError where the disk refuses; then the library is as it was.
    """
    source = parse_source(text)
    with library.staging(library.root / "install") as staged:
        folder, revision = _fetch(source, staged)
        report = _checked(folder, source)
        new = not library.folder(report.name, report.version).exists()
        told = {"source": str(source), "kind": source.kind, "revision": revision}
        entry = library.add(folder, "draft", f"installed from {source}", {KIND: told})
    return Installed(entry, source, revision, new)


def package_in(folder: Path) -> Path:
    """The folder that was named, or the one package in it where `kata train` left one."""
    inside = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if len(inside) == 1 and not (folder / MANIFEST).exists():
        return inside[0]
    return folder


def _checked(folder: Path, source: Source) -> Report:
    """The package, sound and clean; errors name the source instead of where it lies now."""
    try:
        # Nothing is parsed before it is known to be small, flat and plain.
        require_bounded(folder)
        report = verify(folder)
        require_clean(folder)
    except (PackageError, ContractError) as error:
        raise type(error)(
            error.what,
            where=str(source),
            expected=error.expected,
            got=error.got,
            hint=error.hint,
        ) from None
    return report


def _fetch(source: Source, staged: Path) -> tuple[Path, str]:
    """Where the package lies now, and its revision."""
    place = Path(source.place)
    if source.kind == "folder":
        return package_in(place), ""
    package, room = staged / "package", staged / "room"
    package.mkdir()
    room.mkdir()
    if source.kind == "archive":
        unpack(place, package)
        return package, _digest(place)
    fetch = fetch_git if source.kind == "git" else fetch_hub
    return package, fetch(source, package, room)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PackageError("cannot read", where=str(path), got=str(error.strerror)) from None
