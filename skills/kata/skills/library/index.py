"""The index: what the files of a library say, in SQLite, so that ten thousand are listed at once.

It is never the truth. Whatever it says of a package is used only if the manifest, the folder of
records, the records up to the last state and the keys still have the inode and the time of change
(ctime) with which they were read; what is not so is read anew, and the index is then written anew,
whole, under its name. So it may be deleted, damaged, copied, or old: the answers stay those of
`entries.survey_files`. That is why the signatures of a thousand skills are not checked at each
listing. What chooses a version to move with checks them again (`Library.best`, `skills`).

A file that changes twice within one tick of the file system's clock keeps its time. What had
changed in the very tick in which it was read is therefore taken as unsettled, and read again next
time, as Git does ("racy git", technical/racy-git in its documentation).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kata.datasets.files import sync
from kata.datasets.types import PackageError
from kata.skills.contract.package import MANIFEST
from kata.skills.contract.storage import numbered

from .entries import (
    Entry,
    Survey,
    entry_of,
    in_order,
    read_own_manifest,
    record_root,
    skill_root,
    subfolders,
)
from .signing import Keyring

FILE = "index.sqlite"
SCHEMA = 2
"""Another number in a file makes it worthless, and it is written anew."""

_LOCK, _NEW = ".index.lock", ".index.sqlite.tmp"
_CHECK_AT = 68
"""Where SQLite keeps `application_id`, four bytes without a meaning to it: our check sum."""

_TABLES = """
CREATE TABLE skills (inode INTEGER, changed INTEGER, keys TEXT);
CREATE TABLE packages (
    folder TEXT PRIMARY KEY, name TEXT, version TEXT, state TEXT, identity TEXT, summary TEXT,
    promotion INTEGER, last TEXT,
    manifest_inode INTEGER, manifest_changed INTEGER,
    records_inode INTEGER, records_changed INTEGER,
    last_inode INTEGER, last_changed INTEGER
) WITHOUT ROWID;
CREATE INDEX by_name ON packages (name);
"""

Row = tuple[Any, ...]
"""Of `packages`; `last` names the records up to the last state, one in a line."""

Stamp = tuple[int, int]
"""Inode and time of change in ns; `_ABSENT` for nothing there, `_UNSETTLED` fits nothing."""

_ABSENT, _UNSETTLED = (0, 0), (-1, -1)
_IDENTITY, _LAST, _STAMPS = 4, 7, 8


class Index:
    """The index of one library, opened at each question and closed again.

    Args:
        root: the library's folder; nothing is made in it unless it is there.
        keyring: says whose records count; without one, the user's own.
    """

    def __init__(self, root: Path, keyring: Keyring | None = None) -> None:
        self.root, self.keyring = root, keyring or Keyring()
        self._skills, self._records = str(skill_root(root)), str(record_root(root))

    @property
    def path(self) -> Path:
        """Its file, whether it is there or not."""
        return self.root / FILE

    def survey(self) -> Survey:
        """Every version and the folders that are none; the file is brought up to date."""
        skills, keys, rows = self._read("")
        now = _stamp(self._skills)
        if now == _ABSENT:
            return (), ()
        if keys != self._keys()[0]:
            rows = []
        elif now == skills and all(map(self._holds, rows)):
            return _survey(self.root, rows)
        return self._refresh({row[0]: row for row in rows})

    def versions(self, name: str) -> tuple[Entry, ...]:
        """Every version of one skill, in order."""
        skills, keys, rows = self._read(name)
        known = keys == self._keys()[0]
        if known and skills == _stamp(self._skills) != _ABSENT and all(map(self._holds, rows)):
            return _survey(self.root, rows)[0]
        return tuple(entry for entry in self.survey()[0] if entry.name == name)

    def rebuild(self) -> Survey:
        """Read every file anew and write the index, whatever it says."""
        return self._refresh({})

    def _refresh(self, known: dict[str, Row]) -> Survey:
        with self._alone() as clock:
            tick = clock()
            skills = _settled(_stamp(self._skills), tick)
            keys, changed = self._keys()
            rows = []
            for folder in subfolders(skill_root(self.root)):
                row = known.get(folder.name)
                rows.append(row if row and self._holds(row) else self._row(folder, tick))
            if tick:
                self._write((*skills, keys if changed < tick else ""), rows)
        return _survey(self.root, rows)

    def _holds(self, row: Row) -> bool:
        """Whether what was read is still what lies there."""
        stamps = row[_STAMPS:]
        if stamps[:2] != _stamp(f"{self._skills}/{row[0]}/{MANIFEST}", own=True):
            return False
        records = f"{self._records}/{row[_IDENTITY]}"
        if stamps[2:4] != _stamp(records):
            return False
        return stamps[4:] == _stamp_of_all(records, row[_LAST])

    def _keys(self) -> tuple[str, int]:
        """Which keys there are, as far as their files tell, and when the last one changed."""
        folder = self.keyring.trusted_folder
        try:
            others = sorted(item.path for item in os.scandir(folder))
        except OSError:
            others = []
        paths = [str(self.keyring.path), str(folder), *others]
        stamps = [_stamp(path) for path in paths]
        return repr(list(zip(paths, stamps, strict=True))), max(when for _, when in stamps)

    def _row(self, folder: Path, tick: int) -> Row:
        """What a folder says. Each stamp is taken before what it stands for is read."""
        manifest, name = _stamp(str(folder / MANIFEST), own=True), folder.name.rpartition("-")[0]
        try:
            content = read_own_manifest(folder)
            records = record_root(self.root) / content["identity"]
            stamp = _stamp(str(records))
            names = sorted(path.name for path in numbered(records))
            while names and not _is_state(names[-1]):
                names.pop()
            last = "\n".join(names)
            stamps = [manifest, stamp, _stamp_of_all(str(records), last)]
            entry = entry_of(self.root, folder, content, self.keyring)
        except PackageError:
            return (folder.name, name, *[None] * 5, "", *_UNSETTLED * 3)
        told = (entry.version, entry.state, entry.identity, entry.summary, entry.promotion)
        found = [_settled(stamp, tick) for stamp in stamps]
        return (folder.name, name, *told, last, *found[0], *found[1], *found[2])

    def _read(self, name: str) -> tuple[Stamp, str, list[Row]]:
        """The stamp of the folder of packages, the keys, and the rows, all or of one name."""
        try:
            if not _is_whole(self.path.read_bytes()):
                return _UNSETTLED, "", []
            uri = f"{self.path.absolute().as_uri()}?mode=ro&immutable=1"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
                (skills,) = database.execute("SELECT * FROM skills").fetchall()
                which, values = ("WHERE name = ?", (name,)) if name else ("", ())
                rows = database.execute(
                    f"SELECT * FROM packages {which} ORDER BY folder", values
                ).fetchall()
                return skills[:2], skills[2], rows
        except (OSError, sqlite3.Error, ValueError):
            return _UNSETTLED, "", []

    def _write(self, skills: tuple[int, int, str], rows: list[Row]) -> None:
        """Put a new index in the place of the old one; without one, where the disk refuses."""
        new = self.root / _NEW
        # A number or a folder's name that SQLite cannot hold: then there is no index.
        with contextlib.suppress(OSError, sqlite3.Error, OverflowError, ValueError):
            new.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as database:
                database.executescript(
                    f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN; {_TABLES}"
                )
                database.execute("INSERT INTO skills VALUES (?, ?, ?)", skills)
                marks = ", ".join("?" * (_STAMPS + 6))
                database.executemany(f"INSERT INTO packages VALUES ({marks})", rows)
                database.execute(f"PRAGMA user_version = {SCHEMA}")
                database.execute("COMMIT")
            with new.open("r+b") as file:
                check = zlib.crc32(file.read())
                file.seek(_CHECK_AT)
                file.write(check.to_bytes(4, "big"))
            sync(new)
            new.replace(self.path)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Callable[[], int]]:
        """Gives the clock of the file system, in ns, while no other process writes the index.

        The clock says 0 where one does, or where nothing can be written: then the files are read
        and nothing is kept.
        """
        try:
            descriptor = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            yield lambda: 0
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield lambda: 0
        else:
            yield lambda: _tick(descriptor)
        finally:
            os.close(descriptor)


def _tick(descriptor: int) -> int:
    """Now, as the file system would write it beside a file that changes."""
    try:
        os.utime(descriptor)
        return os.fstat(descriptor).st_ctime_ns
    except OSError:
        return 0


def _is_state(name: str) -> bool:
    return name[7:] == "state.json"


def _stamp(path: str, *, own: bool = False) -> Stamp:
    """Of what a path leads to; `own`: of what lies there, and be it a link."""
    try:
        # A Path would cost more than the call, thirty thousand times.
        found = os.stat(path, follow_symlinks=not own)  # noqa: PTH116
    except OSError:
        return _ABSENT
    return found.st_ino, found.st_ctime_ns


def _stamp_of_all(folder: str, names: str) -> Stamp:
    """Of several files, one in a line: all inodes in one number, and the last change."""
    if not names:
        return _ABSENT
    stamps = [_stamp(f"{folder}/{name}") for name in names.split("\n")]
    return zlib.crc32(repr(stamps).encode()), max(changed for _, changed in stamps)


def _settled(stamp: Stamp, tick: int) -> Stamp:
    """The stamp, unless what changes from now on could have the same one."""
    return stamp if stamp[1] < tick else _UNSETTLED


def _is_whole(content: bytes) -> bool:
    """Whether a file is an index of this schema, with every byte as it was written."""
    told = content[_CHECK_AT : _CHECK_AT + 4]
    bare = memoryview(content)
    check = zlib.crc32(bare[_CHECK_AT + 4 :], zlib.crc32(bytes(4), zlib.crc32(bare[:_CHECK_AT])))
    return told == check.to_bytes(4, "big") and content[60:64] == SCHEMA.to_bytes(4, "big")


def _survey(root: Path, rows: list[Row]) -> Survey:
    skills = skill_root(root)
    found = (
        Entry(name, version, state, identity, summary, skills / folder, promotion)
        for folder, name, version, state, identity, summary, promotion, *_ in rows
        if identity is not None
    )
    unreadable = sorted(skills / row[0] for row in rows if row[_IDENTITY] is None)
    return in_order(found), tuple(unreadable)
