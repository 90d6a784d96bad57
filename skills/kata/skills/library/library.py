"""The library: packages `skills/NAME-VERSION` and the records about them.

There is no other state: a listing reads the manifests, so nothing can be out of step with them
after a kill, and a folder that was copied in by hand is simply there.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.datasets.files import write_file
from kata.datasets.types import ContractError, PackageError, SignatureError, UnknownNameError
from kata.skills.contract.package import Report, install, read_manifest, verify
from kata.skills.contract.seal import SIGNATURE
from kata.skills.contract.skill import Skill
from kata.skills.contract.storage import staging

from .chain import check, sound_records
from .places import default_root
from .records import STATES, Record, State, add_record, add_state, read_records, state_of
from .signing import Keyring
from .trust import Trust

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a skill in a library, as its manifest and records say.

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

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome of the verification of one package, or of the records about one that is gone.

    Attributes:
        problem: what is wrong; empty if it is sound.
        unsigned: how many of its records were made before records were signed.
    """

    folder: Path
    problem: str = ""
    unsigned: int = 0


class Library:
    """The skills one robot knows.

    Args:
        root: its folder, made at the first `add`; without one, `default_root()`.
        keyring: signs its records and says whose signatures count; without one, the user's own.
        trust: whose packages are loaded; without one, those that the own key signed.
    """

    def __init__(
        self,
        root: Path | None = None,
        keyring: Keyring | None = None,
        trust: Trust | None = None,
    ) -> None:
        self.root = default_root() if root is None else Path(root)
        self.keyring = keyring or Keyring()
        self._trust = trust

    @property
    def trust(self) -> Trust:
        """Whose packages are loaded. Raises SignatureError for keys that cannot be used."""
        return self._trust or Trust.of(self.keyring)

    @property
    def _skills(self) -> Path:
        return self.root / "skills"

    @property
    def record_root(self) -> Path:
        """Where the records lie, in a folder for each identity."""
        return self.root / "records"

    def folder(self, name: str, version: str) -> Path:
        """Where a version lies, or would lie."""
        return self._skills / f"{name}-{version}"

    def list(self) -> tuple[Entry, ...]:
        """Every version, by name and version. Folders that are no packages are left to `verify`."""
        return self.survey()[0]

    def survey(self) -> tuple[tuple[Entry, ...], tuple[Path, ...]]:
        """Every version, by name and version, and the folders that are no packages."""
        entries, unreadable = [], []
        for folder in self._folders():
            try:
                entries.append(self._entry(folder))
            except PackageError:
                unreadable.append(folder)
        entries.sort(key=lambda entry: (entry.name, entry.order))
        return tuple(entries), tuple(unreadable)

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
        """The version promoted last, else the newest candidate, else the newest draft.

        Raises:
            UnknownNameError: no such skill.
            PackageError: every version of it is retired.
        """
        return self._best(name, self._versions(name))

    def _best(self, name: str, versions: Sequence[Entry]) -> Entry:
        for state in ("promoted", "candidate", "draft"):
            of_state = [entry for entry in versions if entry.state == state]
            if of_state:
                return max(of_state, key=_came)
        raise PackageError(
            f"every version of '{name}' is retired",
            where=str(self.root),
            got=", ".join(map(str, versions)),
            hint=f"ask for one by its version, as in {versions[-1]}",
        )

    def get(self, name: str) -> Skill:
        """The skill of `NAME[@VERSION]`, every file verified.

        Raises UnknownNameError, PackageError or ContractError, and SignatureError for a package
        that is not trusted.
        """
        return self.trust.open(self.show(name).folder)

    def look(self, name: str) -> Report:
        """What `NAME[@VERSION]` is, verified; nothing of it can be loaded, so no trust is asked.

        Raises UnknownNameError, PackageError or ContractError.
        """
        return verify(self.show(name).folder)

    def skills(self) -> tuple[Skill, ...]:
        """The best version of each skill that is not retired, verified, by name.

        Those that are not trusted are left out, which is logged. Raises PackageError or
        ContractError for one that is unsound, SignatureError where none is left.
        """
        versions: dict[str, list[Entry]] = {}
        for entry in self.list():
            if entry.state != "retired":
                versions.setdefault(entry.name, []).append(entry)
        found, refused, trust = [], [], self.trust
        for name, entries in versions.items():
            try:
                found.append(trust.open(self._best(name, entries).folder))
            except SignatureError as error:
                _log.warning("%s is left out: %s; %s", error.where, error.got, error.hint)
                refused.append(error)
        if refused and not found:
            raise refused[0]
        return tuple(found)

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
                seal = [SIGNATURE] if report.seal else []
                for name in [*report.files, "manifest.json", *seal]:
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
        if report.seal and verify(target).seal is None:
            write_file(target / SIGNATURE, report.seal.to_bytes())
        if next(iter(self.records(entry)), None) is None:
            self.set_state(entry, state, reason)
        return self._entry(target)

    def next_version(self, name: str) -> str:
        """A version above all that the library has of this skill; 1.0.0 for the first."""
        orders = [entry.order for entry in self.list() if entry.name == name]
        major, minor, _ = max(orders, default=(0, 0, 0))
        return f"{major}.{minor + 1}.0" if major else "1.0.0"

    def set_state(self, entry: Entry, state: str, reason: str, **more: Any) -> Entry:
        """Record a new state, with the reason. Raises UnknownNameError for another word."""
        add_state(self.record_root, entry.identity, state, reason, self.keyring, **more)
        return self._entry(entry.folder)

    def in_use(self, name: str) -> Entry | None:
        """The version promoted last; None if there is none. Raises UnknownNameError."""
        promoted = self._promoted(name)
        return promoted[-1] if promoted else None

    def _promoted(self, name: str) -> Sequence[Entry]:
        """The promoted versions, in the order of their promotions. Raises UnknownNameError."""
        promoted = [entry for entry in self._versions(name) if entry.state == "promoted"]
        return sorted(promoted, key=_came)

    def roll_back(self, name: str, reason: str) -> tuple[Entry, Entry]:
        """Retire the version in use, so that the one promoted before it is used again.

        One record does it, so that no kill can leave it half done. Returns the version that is
        used now, and the one that was.

        Raises:
            UnknownNameError: no such skill.
            PackageError: there is no version to go back to, or it is not sound.
        """
        promoted = self._promoted(name)
        if len(promoted) < 2:
            raise PackageError(
                "no version to go back to",
                where=f"'{name}' in {self.root}",
                expected="two promoted versions or more",
                got=", ".join(map(str, promoted)) or "none is promoted",
                hint=f"ask for one by its version, as in {name}@1.0.0, or publish another",
            )
        back, last = promoted[-2:]
        finding = self._finding(back.folder)
        if finding.problem:
            raise PackageError(
                "the version before is not sound", where=str(back), got=finding.problem
            )
        self.set_state(last, "retired", reason, back_to=back.version)
        return back, self._entry(last.folder)

    def record(self, entry: Entry, kind: str, data: Mapping[str, Any]) -> Record:
        """Add a signed record about this version, such as `evidence`; durable on return."""
        return add_record(self.record_root, entry.identity, kind, data, self.keyring)

    def records(self, entry: Entry, kind: str = "") -> tuple[Record, ...]:
        """What was recorded about this version, all or one kind, oldest first; not verified."""
        return tuple(read_records(self.record_root, entry.identity, kind))

    def sound_records(self, identity: str) -> tuple[Record, ...]:
        """The records that count as proof: signed, unchanged and in their place."""
        return sound_records(self.record_root, identity, self.keyring)

    def recorded(self) -> tuple[str, ...]:
        """Every identity that there are records about, whether its package is there or not."""
        return tuple(folder.name for folder in _subfolders(self.record_root))

    def faults(self, identity: str) -> tuple[str, ...]:
        """What is wrong with the records of an identity; nothing, if they are sound."""
        links = check(self.record_root, identity, self.keyring)
        return tuple(str(link) for link in links if link.fault)

    def verify(self, name: str = "") -> tuple[Finding, ...]:
        """Check every package, or those of one skill, and the records about them.

        Without a name, records about packages that are gone are checked too. Raises
        UnknownNameError for a skill that is not there, SignatureError for a key that is unusable.
        """
        if name:
            folders = [self.show(name).folder] if "@" in name else self._named(name)
            return tuple(self._finding(folder) for folder in folders)
        findings = tuple(self._finding(folder) for folder in self._folders())
        return findings + tuple(self._finding_of_records())

    def _finding(self, folder: Path) -> Finding:
        try:
            report = verify(folder)
            if folder.name != f"{report.name}-{report.version}":
                return Finding(folder, f"holds {report.name}-{report.version}")
            return self._checked(folder, report.identity)
        except (PackageError, ContractError) as error:
            return Finding(folder, str(error))

    def _checked(self, folder: Path, identity: str) -> Finding:
        links = check(self.record_root, identity, self.keyring)
        faults = "; ".join(str(link) for link in links if link.fault)
        unsigned = sum(not link.signed and not link.fault for link in links)
        return Finding(folder, f"records: {faults}" if faults else "", unsigned)

    def _finding_of_records(self) -> Iterator[Finding]:
        """What is wrong with records about packages that are not there."""
        known = {entry.identity for entry in self.list()}
        for identity in self.recorded():
            if identity not in known:
                finding = self._checked(self.record_root / identity, identity)
                if finding.problem:
                    yield finding

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
        return _subfolders(self._skills)

    def _entry(self, folder: Path) -> Entry:
        manifest = read_manifest(folder)
        identity = str(manifest["identity"])
        state, promotion = state_of(self.record_root, identity)
        return Entry(
            str(manifest["name"]),
            str(manifest["version"]),
            state,
            identity,
            str(manifest["summary"]),
            folder,
            promotion,
        )


def _came(entry: Entry) -> tuple[int, tuple[int, ...]]:
    """Sorts versions of one state by promotion, those without one by version."""
    return entry.promotion, entry.order


def _subfolders(folder: Path) -> Sequence[Path]:
    try:
        with os.scandir(folder) as found:
            return sorted(
                Path(item.path)
                for item in found
                if item.is_dir(follow_symlinks=False) and not item.name.startswith(".")
            )
    except FileNotFoundError:
        return []
