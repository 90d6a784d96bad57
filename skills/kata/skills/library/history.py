"""What became of all versions of one skill: their promotions, and the attempts to be promoted.

Only sound records count, also those of versions whose packages are gone. Each attempt names the one
before it by its hash, whichever version it was for, so that one that was removed is missed by the
next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import PackageError, SignatureError

from .library import Library
from .records import Record, read_records

MOVES_BEST = frozenset({"first", "better"})
"""Grounds after which a version is the best one."""

OVERRIDE = "override"
"""The ground of a promotion without trials."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One version became the one to use.

    Attributes:
        number: from 1, over all versions of the skill.
        ground: by which rule, or `override`.
        scene: robot, start and world of its trials; nothing where none were recorded.
    """

    number: int
    version: str
    identity: str
    ground: str
    scene: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class History:
    """All promotions and attempts of one skill, oldest first, and what is wrong with the records.

    Attributes:
        faults: of records that would count, or of attempts that are missing.
    """

    name: str
    promotions: tuple[Promotion, ...]
    attempts: tuple[Record, ...]
    faults: tuple[str, ...]

    def best(self, but: str = "") -> Promotion | None:
        """The best version ever promoted, rolled back or not; `but` leaves one identity out.

        None while no version was promoted by its trials: an override shows nothing.
        """
        moved = [p for p in self.promotions if p.ground in MOVES_BEST and p.identity != but]
        return moved[-1] if moved else None

    def attempts_against(self, identity: str) -> int:
        """How many attempts there were against this best version; empty: to be the first."""
        return sum(record.data.get("against") == identity for record in self.attempts)

    def require_sound(self) -> None:
        """Raise SignatureError that names every fault."""
        if self.faults:
            raise SignatureError(
                f"the records about '{self.name}' are not as they were signed",
                expected="every record unchanged, in its place, and signed by a key of yours",
                got="; ".join(self.faults),
                hint="restore them; records that shall not count belong out of the library, "
                "with the folder of their package; override=true reason=... goes round all tests",
            )


def history(library: Library, name: str) -> History:
    """The history of a skill. Raises SignatureError for a key that cannot be used."""
    states: list[tuple[str, Mapping[str, Any]]] = []
    attempts, faults = [], []
    for identity in _identities(library, name):
        faults += [f"{identity[:12]}: {fault}" for fault in library.faults(identity)]
        for record in library.sound_records(identity):
            told = record.data.get("promotion")
            if record.kind == "attempt" and record.data.get("name") == name:
                attempts.append(record)
            elif record.kind == "state" and isinstance(told, dict):
                states.append((identity, told))
    attempts.sort(key=lambda record: int(record.data["serial"]))
    faults += _missing(attempts)
    scenes = {record.digest: record.data.get("scene", {}) for record in attempts}
    promotions = [
        Promotion(
            told["number"], told["version"], identity, told["ground"],
            scenes.get(told.get("attempt", ""), {}),
        )
        for identity, told in states
    ]  # fmt: skip
    promotions.sort(key=lambda each: each.number)
    return History(name, tuple(promotions), tuple(attempts), tuple(faults))


def _identities(library: Library, name: str) -> Iterator[str]:
    """Identities of the versions that are there, and of those that only records tell of."""
    there = {entry.identity for entry in library.list() if entry.name == name}
    yield from sorted(there)
    for identity in library.recorded():
        if identity not in there and _is_about(library, identity, name):
            yield identity


def _is_about(library: Library, identity: str, name: str) -> bool:
    """Whether the first record that tells a name tells this one."""
    try:
        for record in read_records(library.record_root, identity):
            told = record.data if record.kind == "attempt" else record.data.get("promotion")
            if isinstance(told, dict) and "name" in told:
                return bool(told["name"] == name)
    except PackageError:
        # A record that cannot be read tells no name; `Library.verify` names it.
        return False
    return False


def _missing(attempts: list[Record]) -> list[str]:
    """Attempts that the next one names, but are not there."""
    before = ""
    missing = []
    for record in attempts:
        if record.data.get("before") != before:
            missing.append(f"the attempt before number {record.data['serial']} is not there")
        before = record.digest
    return missing
