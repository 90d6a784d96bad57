"""One version of a skill, as its files say: a folder `skills/NAME-VERSION`, and its records."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.datasets.types import PackageError
from kata.skills.contract.contract import Contract
from kata.skills.contract.files import parse_contract
from kata.skills.contract.package import CORE, LIMITS, identity_of, read_manifest
from kata.skills.contract.reading import read_plain

from .chain import believed_state
from .records import State
from .signing import Keyring


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a skill in a library, as its manifest and those records say that count.

    Attributes:
        promotion: number of the promotion that put it in use, over all versions; 0 if none did.
    """

    name: str
    version: str
    state: State
    identity: str
    summary: str
    folder: Path
    promotion: int = 0

    @property
    def order(self) -> tuple[int, ...]:
        """The version as numbers, for comparison."""
        return tuple(int(part) for part in self.version.split("."))

    @property
    def came(self) -> tuple[int, tuple[int, ...]]:
        """Sorts versions of one state by promotion, those without one by version."""
        return self.promotion, self.order

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


Survey = tuple[tuple[Entry, ...], tuple[Path, ...]]
"""Every version, by name and version, and the folders that are none, by name."""


def skill_root(root: Path) -> Path:
    """Where the packages of a library lie."""
    return root / "skills"


def record_root(root: Path) -> Path:
    """Where the records lie, in a folder for each identity."""
    return root / "records"


def read_entry(root: Path, folder: Path, keyring: Keyring) -> Entry:
    """The version that a folder holds; its manifest and its records are read, nothing else.

    Raises PackageError for a folder that is no package, or one of another name, SignatureError for
    keys that cannot be used.
    """
    return entry_of(root, folder, read_own_manifest(folder), keyring)


def read_own_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder that is named as it says. Raises PackageError."""
    manifest = read_manifest(folder)
    named = f"{manifest['name']}-{manifest['version']}"
    if folder.name != named:
        raise PackageError("misnamed folder", where=str(folder), expected=named)
    return manifest


def entry_of(root: Path, folder: Path, manifest: Mapping[str, Any], keyring: Keyring) -> Entry:
    """The version of a manifest, with the state that is believed. Raises SignatureError."""
    told = (str(manifest[key]) for key in ("name", "version", "identity", "summary"))
    name, version, identity, summary = told
    state, promotion = believed_state(record_root(root), identity, keyring)
    return Entry(name, version, state, identity, summary, folder, promotion)


def read_own_contract(folder: Path, identity: str) -> Contract:
    """The contract of a package, the bytes of which its identity was made; no other file is read.

    To be shown and searched: what is loaded is verified as a whole (`Trust.open`). Raises
    PackageError or ContractError.
    """
    files, path = read_own_manifest(folder)["files"], folder / CORE[0]
    content = read_plain(path, LIMITS[path.suffix])
    told = {name: str(dict(files[name]).get("sha256")) for name in CORE if _is_told(files, name)}
    if identity_of(told | {path.name: hashlib.sha256(content).hexdigest()}) != identity:
        raise PackageError(
            f"altered {path.name}",
            where=str(folder),
            expected=f"identity {identity[:12]}",
            hint="get or make the package again; it must not be used",
        )
    return parse_contract(content, where=str(path))


def _is_told(files: Mapping[str, Any], name: str) -> bool:
    return isinstance(files.get(name), Mapping)


def survey_files(root: Path, keyring: Keyring | None = None) -> Survey:
    """What the files say, each read: the truth that the index must agree with.

    Raises SignatureError for keys that cannot be used.
    """
    keyring = keyring or Keyring()
    entries, unreadable = [], []
    for folder in subfolders(skill_root(root)):
        try:
            entries.append(read_entry(root, folder, keyring))
        except PackageError:
            unreadable.append(folder)
    return in_order(entries), tuple(unreadable)


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """By name and version."""
    return tuple(sorted(entries, key=lambda entry: (entry.name, entry.order)))


def subfolders(folder: Path) -> Sequence[Path]:
    """The folders in a folder by name, without links and without what is being made."""
    try:
        with os.scandir(folder) as found:
            return sorted(
                Path(item.path)
                for item in found
                if item.is_dir(follow_symlinks=False) and not item.name.startswith(".")
            )
    except FileNotFoundError:
        return []
