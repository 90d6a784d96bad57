"""The library: packages `skills/NAME-VERSION` and the records about them.

There is no other state: a listing reads the manifests, so nothing can be out of step with them
after a kill, and a folder that was copied in by hand is simply there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.datasets.types import KataError, PackageError, UnknownNameError
from kata.skills.contract.files import read_contract
from kata.skills.contract.package import install, read_manifest, verify
from kata.skills.contract.skill import Skill
from kata.skills.contract.storage import staging

from .records import STATES, Record, State, add_record, add_state, read_records, state_of


def default_root() -> Path:
    """`$KATA_HOME/library`, else `library` in the user's data folder."""
    home = os.environ.get("KATA_HOME")
    if home:
        return Path(home) / "library"
    import platformdirs

    return platformdirs.user_data_path("kata") / "library"


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a skill in a library, as its manifest and records say."""

    name: str
    version: str
    state: State
    identity: str
    summary: str
    folder: Path

    @property
    def order(self) -> tuple[int, ...]:
        """The version as numbers, for comparison."""
        return tuple(int(part) for part in self.version.split("."))

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome of the verification of one package: `problem` is empty if it is sound."""

    folder: Path
    problem: str = ""


class Library:
    """The skills one robot knows.

    Args:
        root: its folder, made at the first `add`; without one, `default_root()`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = default_root() if root is None else Path(root)

    @property
    def _skills(self) -> Path:
        return self.root / "skills"

    @property
    def _records(self) -> Path:
        return self.root / "records"

    def folder(self, name: str, version: str) -> Path:
        """Where a version lies, or would lie."""
        return self._skills / f"{name}-{version}"

    def unreadable(self) -> tuple[Path, ...]:
        """Folders among the skills that `list` leaves out, since they are no packages."""
        listed = {entry.folder for entry in self.list()}
        return tuple(folder for folder in self._folders() if folder not in listed)

    def list(self) -> tuple[Entry, ...]:
        """Every version, by name and version. Folders that are no packages are left to `verify`."""
        entries = []
        for folder in self._folders():
            try:
                entries.append(self._entry(folder))
            except PackageError:
                continue
        return tuple(sorted(entries, key=lambda entry: (entry.name, entry.order)))

    def show(self, name: str) -> Entry:
        """The entry of `NAME@VERSION`, or the best version of `NAME`. Raises UnknownNameError."""
        bare, _, version = name.partition("@")
        if not version:
            return self.best(bare)
        versions = {entry.version: entry for entry in self._versions(bare)}
        if version not in versions:
            raise UnknownNameError(f"version of '{bare}'", version, versions, where=str(self.root))
        return versions[version]

    def best(self, name: str) -> Entry:
        """The newest promoted version, else the newest candidate, else the newest draft.

        Raises:
            UnknownNameError: no such skill.
            PackageError: every version of it is retired.
        """
        return self._best(name, self._versions(name))

    def _best(self, name: str, versions: Sequence[Entry]) -> Entry:
        for state in ("promoted", "candidate", "draft"):
            of_state = [entry for entry in versions if entry.state == state]
            if of_state:
                return max(of_state, key=lambda entry: entry.order)
        raise PackageError(
            f"every version of '{name}' is retired",
            where=str(self.root),
            got=", ".join(map(str, versions)),
            hint=f"ask for one by its version, as in {versions[-1]}",
        )

    def get(self, name: str) -> Skill:
        """The skill of `NAME[@VERSION]`, every file verified.

        Raises UnknownNameError, PackageError or ContractError.
        """
        return self._open(self.show(name))

    def skills(self) -> tuple[Skill, ...]:
        """The best version of each skill that is not retired, verified, by name.

        Raises PackageError or ContractError for one that is unsound.
        """
        versions: dict[str, list[Entry]] = {}
        for entry in self.list():
            if entry.state != "retired":
                versions.setdefault(entry.name, []).append(entry)
        return tuple(self._open(self._best(name, found)) for name, found in versions.items())

    def _open(self, entry: Entry) -> Skill:
        verify(entry.folder)
        return Skill(read_contract(entry.folder / "skill.yaml"), entry.identity, entry.folder)

    def add(self, folder: Path, state: str = "draft", reason: str = "added") -> Entry:
        """Copy a package in, verified before and after. Adding it again changes nothing.

        Raises:
            PackageError: it is unsound, or this version is there with other content.
            StorageError: the disk refused; the library is as it was.
        """
        if state not in STATES:
            raise UnknownNameError("state", state, STATES)
        report = verify(Path(folder))
        target = self.folder(report.name, report.version)
        if not target.exists():
            with staging(target) as staged:
                for name in [*report.files, "manifest.json"]:
                    shutil.copyfile(Path(folder) / name, staged / name, follow_symlinks=False)
                install(staged, target)
        entry = self._entry(target)
        if entry.identity != report.identity:
            raise PackageError(
                "this version is in the library with other content",
                where=str(self.root),
                expected=f"identity {entry.identity[:12]}",
                got=f"identity {report.identity[:12]}",
                hint=f"a version never changes; the next one is {self.next_version(report.name)}",
            )
        if next(iter(self.records(entry)), None) is None:
            self.set_state(entry, state, reason)
        return self._entry(target)

    def next_version(self, name: str) -> str:
        """A version above all that the library has of this skill; 1.0.0 for the first."""
        orders = [entry.order for entry in self.list() if entry.name == name]
        major, minor, _ = max(orders, default=(0, 0, 0))
        return f"{major}.{minor + 1}.0" if major else "1.0.0"

    def set_state(self, entry: Entry, state: str, reason: str) -> Entry:
        """Record a new state, with the reason. Raises UnknownNameError for another word."""
        add_state(self._records, entry.identity, state, reason)
        return self._entry(entry.folder)

    def record(self, entry: Entry, kind: str, data: Mapping[str, Any]) -> Record:
        """Add a record about this version, such as `evidence`; durable on return."""
        return add_record(self._records, entry.identity, kind, data)

    def records(self, entry: Entry, kind: str = "*") -> tuple[Record, ...]:
        """What was recorded about this version, oldest first."""
        return tuple(read_records(self._records, entry.identity, kind))

    def verify(self, name: str = "") -> tuple[Finding, ...]:
        """Check every package, or those of one skill, and the records about them.

        Raises UnknownNameError for a skill that is not there.
        """
        if name:
            folders = [self.show(name).folder] if "@" in name else self._named(name)
        else:
            folders = self._folders()
        return tuple(self._finding(folder) for folder in folders)

    def _finding(self, folder: Path) -> Finding:
        try:
            report = verify(folder)
            if folder.name != f"{report.name}-{report.version}":
                return Finding(folder, f"holds {report.name}-{report.version}")
            tuple(read_records(self._records, report.identity))
        except KataError as error:
            return Finding(folder, str(error))
        return Finding(folder)

    def _named(self, name: str) -> Sequence[Path]:
        return [entry.folder for entry in self._versions(name)]

    def _versions(self, name: str) -> tuple[Entry, ...]:
        entries = self.list()
        versions = tuple(entry for entry in entries if entry.name == name)
        if not versions:
            names = {entry.name for entry in entries}
            raise UnknownNameError("skill", name, names, where=f"the library {self.root}")
        return versions

    def _folders(self) -> Sequence[Path]:
        try:
            with os.scandir(self._skills) as found:
                return sorted(
                    Path(item.path)
                    for item in found
                    if item.is_dir(follow_symlinks=False) and not item.name.startswith(".")
                )
        except FileNotFoundError:
            return []

    def _entry(self, folder: Path) -> Entry:
        manifest = read_manifest(folder)
        identity = str(manifest["identity"])
        return Entry(
            str(manifest["name"]),
            str(manifest["version"]),
            state_of(self._records, identity),
            identity,
            str(manifest["summary"]),
            folder,
        )
