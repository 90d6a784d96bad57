"""The library: packages `skills/NAME-VERSION`, the records about them, and the pins.

The files are the only state: the index is made from them and checked against them at each question,
so nothing can be out of step after a kill, and a folder that was copied in by hand is simply there.
Processes that write do so one after the other, under one lock on the library's folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from kata.datasets.files import told as told_of
from kata.datasets.types import PackageError, UnknownNameError
from kata.skills.contract.package import Report, verify
from kata.skills.contract.skill import Skill
from kata.skills.contract.storage import alone, publish, staging

from .chain import believed_state, check, has_state, sound_records
from .choosing import best_of, chosen, opened, promoted_of
from .entries import Entry, Survey, read_entry, skill_root, subfolders
from .index import Index
from .pins import Pin, add_pin, pinned_of, read_pin, read_pins
from .places import default_root
from .placing import complete_seal, copy_package, sweep
from .records import Record, add_record, add_state, read_records
from .signing import Keyring
from .states import recorded_state, require_legal
from .trust import Trust
from .verification import Finding, finding_of, findings, findings_of_pins

__all__ = ["Entry", "Finding", "Library", "Pin"]


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
    def record_root(self) -> Path:
        """Where the records lie, in a folder for each identity."""
        return self.root / "records"

    def folder(self, name: str, version: str) -> Path:
        """Where a version lies, or would lie."""
        return skill_root(self.root) / f"{name}-{version}"

    @property
    def index(self) -> Index:
        """What makes a listing fast; it can always be made again from the files."""
        return Index(self.root, self.keyring)

    def list(self) -> tuple[Entry, ...]:
        """Every version, by name and version. Folders that are no packages are left to `verify`."""
        return self.survey()[0]

    def survey(self) -> Survey:
        """Every version, by name and version, and the folders that are no packages."""
        return self.index.survey()

    def show(self, name: str) -> Entry:
        """The entry of `NAME@VERSION`, or the best version of `NAME`. Raises UnknownNameError."""
        bare, _, version = name.partition("@")
        if not version:
            return self.best(bare)
        versions = {entry.version: entry for entry in self.versions(bare)}
        if version not in versions:
            raise UnknownNameError(f"version of '{bare}'", version, versions, where=str(self.root))
        return versions[version]

    def best(self, name: str) -> Entry:
        """The pinned version, else that promoted last, else the newest candidate, else draft.

        Raises:
            UnknownNameError: no such skill.
            PackageError: every version of it is retired, or the pinned one is not there.
        """
        return best_of(name, self.versions(name), self._pin(name), self.root)

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
        """The skills of the versions in use, verified, by name.

        Those that are not trusted, altered or unsound are left out, which is logged; no other
        version stands in. Raises PackageError, ContractError or SignatureError where none is left.
        """
        entries = map(self._believed, self.list())
        return opened(chosen(entries, self.pins(), self.root), self.trust.open)

    def used(self) -> tuple[Entry, ...]:
        """The version in use of each skill that is not retired, by name, as the index says: fast.

        Raises PackageError where all are pinned to what cannot be used.
        """
        return chosen(self.list(), self.pins(), self.root)

    def add(
        self,
        folder: Path,
        state: str = "draft",
        reason: str = "added",
        told: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Entry:
        """Copy a package in, verified before and after. Adding it again changes nothing.

        Args:
            folder: the package.
            state: of a version about which nothing is recorded yet: `draft` or `candidate`.
            reason: of that state.
            told: what else is recorded about it, plain data by kind; each once.

        Raises:
            UnknownNameError: no such state.
            PackageError: it is unsound, or this version is there with other content.
            StorageError: the disk refused; the library is as it was.
        """
        require_legal("", state, str(folder))
        report = verify(Path(folder))
        target = self.folder(report.name, report.version)
        with ExitStack() as stack:
            staged = None if target.exists() else stack.enter_context(self.staging(target))
            if staged:
                copy_package(Path(folder), report, staged)
            with self._alone():
                if staged and not target.exists():
                    # Records come first: no package is ever there without what is told of it.
                    self._tell(report.identity, state, reason, told or {})
                    publish(staged, target)
                self._require_same(target, report)
                complete_seal(target, report)
                self._tell(report.identity, state, reason, told or {})
        return self._entry(target)

    def _tell(
        self, identity: str, state: str, reason: str, told: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Record what is not recorded yet. The library is locked."""
        known = tuple(read_records(self.record_root, identity))
        if not has_state(self.record_root, identity, self.keyring):
            add_state(self.record_root, identity, state, reason, self.keyring)
        for kind, data in told.items():
            if not any(record.kind == kind and record.data == data for record in known):
                add_record(self.record_root, identity, kind, data, self.keyring)

    def _require_same(self, target: Path, report: Report) -> None:
        there = self._entry(target).identity
        if there != report.identity:
            raise PackageError(
                "this version is in the library with other content",
                where=str(self.root),
                expected=f"identity {there[:12]}",
                got=f"identity {report.identity[:12]}",
                hint=f"a version never changes; the next one is {self.next_version(report.name)}",
            )

    @contextmanager
    def staging(self, path: Path) -> Iterator[Path]:
        """A folder beside `path` to fill, gone at the end unless it was published.

        While its process lives, `sweep` leaves it alone. Raises StorageError.
        """
        with ExitStack() as stack:
            with self._alone():
                staged = stack.enter_context(staging(path))
                stack.enter_context(alone(staged))
            yield staged

    def sweep(self) -> int:
        """Remove what killed processes have left half made; how many folders."""
        with self._alone():
            return sum(map(sweep, (self.root, skill_root(self.root))))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Meanwhile no other process adds, pins or changes a state. Raises StorageError."""
        with told_of(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        with alone(self.root):
            yield

    def next_version(self, name: str) -> str:
        """A version above all that the library has of this skill; 1.0.0 for the first."""
        orders = [entry.order for entry in self.index.versions(name)]
        major, minor, _ = max(orders, default=(0, 0, 0))
        return f"{major}.{minor + 1}.0" if major else "1.0.0"

    def set_state(self, entry: Entry, state: str, reason: str, **more: Any) -> Entry:
        """Record a new state, with the reason.

        Raises UnknownNameError for another word, PackageError where `states.TRANSITIONS` has no
        such step, or for the end of a pinned version.
        """
        with self._alone():
            before = recorded_state(self.record_root, entry.identity, self.keyring)
            require_legal(before, state, str(entry))
            pin = self._pin(entry.name)
            if state == "retired" and pin and pin.identity == entry.identity:
                raise PackageError(
                    "a pinned version cannot be retired",
                    where=str(entry),
                    hint=f"kata library unpin {entry.name}",
                )
            add_state(self.record_root, entry.identity, state, reason, self.keyring, **more)
        return self._entry(entry.folder)

    def pin(self, name: str, reason: str = "") -> Pin:
        """Use this `NAME@VERSION` from now on, whatever is promoted; durable on return.

        Raises UnknownNameError, or PackageError for one that is retired or not sound.
        """
        entry = self.show(name)
        self._require_sound(entry, "this version is not sound")
        pin = Pin(entry.name, entry.version, entry.identity, reason)
        with self._alone():
            pinned_of(pin, self.versions(entry.name), self.root)
            if self._pin(entry.name) != pin:
                add_pin(self.root, pin, self.keyring)
        return pin

    def unpin(self, name: str, reason: str = "") -> Pin:
        """Take the pin of a skill out; what it was. Raises PackageError where there is none."""
        with self._alone():
            pin = self._pin(name)
            if pin is None:
                raise PackageError(
                    f"no version of '{name}' is pinned",
                    where=str(self.root),
                    expected=", ".join(map(str, self.pins().values())) or "a pin; there is none",
                )
            add_pin(self.root, Pin(name, "", "", reason), self.keyring)
        return pin

    def pins(self) -> dict[str, Pin]:
        """The pins that count, by name. Raises SignatureError for keys that cannot be used."""
        return read_pins(self.root, self.keyring)

    def _pin(self, name: str) -> Pin | None:
        return read_pin(self.root, name, self.keyring)

    def in_use(self, name: str) -> Entry | None:
        """The version promoted last; None if there is none. Raises UnknownNameError."""
        promoted = promoted_of(self.versions(name))
        return promoted[-1] if promoted else None

    def roll_back(self, name: str, reason: str) -> tuple[Entry, Entry]:
        """Retire the version in use, so that the one promoted before it is used again.

        One record does it, so that no kill can leave it half done. Returns the version that is
        used now, and the one that was.

        Raises:
            UnknownNameError: no such skill.
            PackageError: there is no version to go back to, or it is not sound.
        """
        promoted = promoted_of(self.versions(name))
        if len(promoted) < 2:
            raise PackageError(
                "no version to go back to",
                where=f"'{name}' in {self.root}",
                expected="two promoted versions or more",
                got=", ".join(map(str, promoted)) or "none is promoted",
                hint=f"ask for one by its version, as in {name}@1.0.0, or publish another",
            )
        back, last = promoted[-2:]
        self._require_sound(back, "the version before is not sound")
        self.set_state(last, "retired", reason, back_to=back.version)
        return back, self._entry(last.folder)

    def _require_sound(self, entry: Entry, what: str) -> None:
        finding = finding_of(self.root, entry.folder, self.keyring)
        if finding.problem:
            raise PackageError(what, where=str(entry), got=finding.problem)

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
        return tuple(folder.name for folder in subfolders(self.record_root))

    def faults(self, identity: str) -> tuple[str, ...]:
        """What is wrong with the records of an identity; nothing, if they are sound."""
        links = check(self.record_root, identity, self.keyring)
        return tuple(str(link) for link in links if link.fault)

    def verify(self, name: str = "") -> tuple[Finding, ...]:
        """Check every package, or those of one skill, the records about them, and the pins.

        Without a name, records about packages that are gone are checked too. Raises
        UnknownNameError for a skill that is not there, SignatureError for a key that is unusable.
        """
        if not name:
            return findings(self.root, self.keyring)
        entries = (self.show(name),) if "@" in name else self.versions(name)
        found = [finding_of(self.root, entry.folder, self.keyring) for entry in entries]
        return (*found, *findings_of_pins(self.root, [entries[0].name], self.keyring))

    def versions(self, name: str) -> tuple[Entry, ...]:
        """Every version of a skill, in order, each signature checked. Raises UnknownNameError."""
        versions = self.index.versions(name)
        if not versions:
            names = {entry.name for entry in self.list()}
            raise UnknownNameError("skill", name, names, where=f"the library {self.root}")
        # What chooses a version relies on signatures, and not on the index, which has none.
        return tuple(map(self._believed, versions))

    def _believed(self, entry: Entry) -> Entry:
        state, promotion = believed_state(self.record_root, entry.identity, self.keyring)
        return replace(entry, state=state, promotion=promotion)

    def _entry(self, folder: Path) -> Entry:
        return read_entry(self.root, folder, self.keyring)
