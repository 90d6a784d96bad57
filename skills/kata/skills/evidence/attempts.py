"""Attempts to promote a version: recorded before their trials begin, and concluded once.

Whatever becomes of an attempt, refused, interrupted or killed, it has drawn on the error budget,
and its seeds are never used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import ConfigError, PackageError
from kata.skills.contract.storage import alone
from kata.skills.library.history import OVERRIDE, History, Promotion, history
from kata.skills.library.library import Entry, Library
from kata.skills.library.records import Record

from .budget import attempt_alpha
from .promotion import Ruling
from .scenes import require_scene

FirstSeed = Callable[[int], int]
"""First seed of the attempt of a number over all versions; its seeds follow one another."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that was recorded.

    Attributes:
        entry: the version.
        best: what it is compared with; None for a first version.
        record: what was recorded before the trials.
    """

    entry: Entry
    best: Promotion | None
    record: Record

    @property
    def number(self) -> int:
        """Number among the attempts against the same best version, from 1."""
        return int(self.record.data["attempt"])

    @property
    def first_seed(self) -> int:
        """Seed of its first trial; the others follow."""
        return int(self.record.data["seeds"][0])

    @property
    def trials(self) -> int:
        """How many trials it has."""
        return int(self.record.data["seeds"][1])


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How an attempt ended: the state of the version, and why."""

    promoted: bool
    ground: str
    text: str


def open_attempt(
    library: Library, entry: Entry, trials: int, first_seed: FirstSeed, more: Mapping[str, Any]
) -> Attempt:
    """Record that trials are about to begin, with seeds that no attempt before has used.

    Args:
        library: where it is recorded.
        entry: the version.
        trials: at least one.
        first_seed: gives the first seed of each attempt.
        more: what else belongs into the record: the `scene`, the claim, versions.

    Raises:
        ConfigError: no trials.
        PackageError: the version is in use by its trials, or below the one in use; the best one
            was tried in another scene; or `first_seed` gives only seeds that were used.
        SignatureError: the records of the skill are not sound.
    """
    if trials < 1:
        raise ConfigError("no trials", where="trials", expected="1 or more", got=str(trials))
    with _alone(library, entry) as past:
        past.require_sound()
        _require_next(library, entry, _tried(past))
        best = past.best(but=entry.identity)
        if best:
            require_scene(f"{entry.name}@{best.version}", best.scene, more.get("scene", {}))
        against = best.identity if best else ""
        number = past.attempts_against(against) + 1
        serial, first = _fresh(past.attempts, first_seed, trials)
        data = {
            **more,
            "name": entry.name,
            "version": entry.version,
            "serial": serial,
            "before": past.attempts[-1].digest if past.attempts else "",
            "against": against,
            "attempt": number,
            "alpha": attempt_alpha(number),
            "seeds": [first, trials],
        }
        return Attempt(entry, best, library.record(entry, "attempt", data))


def find_attempt(library: Library, entry: Entry, digest: str) -> Attempt:
    """An attempt that was opened before.

    Raises PackageError if it is not there, or not sound, or what it is compared with is not.
    """
    for record in library.sound_records(entry.identity):
        if record.kind == "attempt" and record.digest == digest:
            past, against = history(library, entry.name), record.data["against"]
            best = next((p for p in past.promotions if p.identity == against), None)
            if against and best is None:
                raise PackageError(
                    "nothing sound tells of the version that this attempt is compared with",
                    where=f"{entry} in {library.root}",
                    expected=f"records of the promotion of identity {against[:12]}",
                    hint="put records/ back as it was, or name another out",
                )
            return Attempt(entry, best, record)
    raise PackageError(
        "the attempt of this folder is not in the library",
        where=f"{entry} in {library.root}",
        expected=f"its signed record {digest[:12]}",
        hint="name another out, and so begin another attempt",
    )


def conclusion(library: Library, attempt: Attempt) -> Conclusion | None:
    """How an attempt ended; None while it is open."""
    for record in library.sound_records(attempt.entry.identity):
        told = record.data.get("promotion", {}) if record.kind == "state" else record.data
        if record.kind in ("state", "refusal") and told.get("attempt") == attempt.record.digest:
            text = str(record.data["reason"] if record.kind == "state" else told["text"])
            return Conclusion(record.kind == "state", str(told["ground"]), text)
    return None


def conclude(
    library: Library, attempt: Attempt, ruling: Ruling, measured: Mapping[str, Any]
) -> Conclusion:
    """Record the outcome: `measured` as evidence, then the new state or the refusal.

    Where another version became the best one meanwhile, or came into use so that this one is not
    the next, the attempt is void. An attempt that was concluded before stays as it was. Raises
    SignatureError for records that are not sound.
    """
    entry, digest = attempt.entry, attempt.record.digest
    with _alone(library, entry) as past:
        past.require_sound()
        known = conclusion(library, attempt)
        if known:
            return known
        evidence = library.records(entry, "evidence")
        if not any(record.data.get("attempt") == digest for record in evidence):
            library.record(entry, "evidence", {**measured, "attempt": digest})
        void = _void(library, attempt, past)
        if void:
            ruling = Ruling(False, "", void, ruling.tests)
        if ruling.promoted:
            _promote(library, entry, past, ruling.text, ruling.ground, digest, ruling.tests)
        else:
            told = {"attempt": digest, "ground": "", "text": ruling.text}
            library.record(entry, "refusal", {**told, "tests": dict(ruling.tests)})
    return Conclusion(ruling.promoted, ruling.ground, ruling.text)


def override(library: Library, entry: Entry, reason: str) -> Entry:
    """Promote a version without any test, with the reason in its record.

    Raises PackageError for a version that is in use, or below the one in use.
    """
    with _alone(library, entry) as past:
        _require_next(library, entry, past.promotions)
        return _promote(library, entry, past, reason, OVERRIDE, "", {})


def _promote(
    library: Library,
    entry: Entry,
    past: History,
    reason: str,
    ground: str,
    attempt: str,
    tests: Mapping[str, Any],
) -> Entry:
    """One record makes the new state and proves it, so that no kill can part them."""
    promotion = {
        "name": entry.name,
        "version": entry.version,
        "number": past.promotions[-1].number + 1 if past.promotions else 1,
        "ground": ground,
        "attempt": attempt,
        "tests": dict(tests),
    }
    return library.set_state(entry, "promoted", reason, promotion=promotion)


def _tried(past: History) -> list[Promotion]:
    """The promotions by trials; after an override a version may still earn one."""
    return [each for each in past.promotions if each.ground != OVERRIDE]


def _void(library: Library, attempt: Attempt, past: History) -> str:
    """Why an attempt counts for nothing more than its trials; empty if it stands."""
    entry, best = attempt.entry, past.best(but=attempt.entry.identity)
    if (best and best.identity) != (attempt.best and attempt.best.identity):
        return "another version became the best one meanwhile; publish again"
    used = library.in_use(entry.name)
    if used and _obstacle(entry, used, _tried(past)):
        return f"{used} came into use meanwhile; only a version above it can be promoted"
    return ""


def _obstacle(entry: Entry, used: Entry, promotions: Sequence[Promotion]) -> str:
    """Why a version cannot be the next one in use; empty if it can."""
    if entry.order > used.order:
        return ""
    if entry.order < used.order:
        return "a version below the one in use"
    known = any(each.identity == entry.identity for each in promotions)
    return "this version is in use already" if known else ""


def _require_next(library: Library, entry: Entry, promotions: Sequence[Promotion]) -> None:
    """Raise PackageError for a version in use by one of these promotions, or below that in use."""
    used = library.in_use(entry.name)
    obstacle = _obstacle(entry, used, promotions) if used else ""
    if used and obstacle:
        raise PackageError(
            obstacle,
            where=str(library.root),
            expected=f"a version of {entry.name} above {used.version}",
            got=str(entry),
            hint=f'to go back: kata library rollback {entry.name} reason="..."',
        )


def _fresh(attempts: Sequence[Record], first_seed: FirstSeed, trials: int) -> tuple[int, int]:
    """Serial and first seed of the next attempt. Raises PackageError if no seed is a fresh one."""
    serial = int(attempts[-1].data["serial"]) + 1 if attempts else 1
    first = first_seed(serial)
    while _is_used(attempts, first, trials):
        serial, used = serial + 1, first
        first = first_seed(serial)
        if first == used:
            raise PackageError(
                "an attempt before has used these trials",
                where=f"seeds {used} to {used + trials - 1}",
                expected="trials that decided on no version yet",
                hint="begin again with another seed, in a folder of its own",
            )
    return serial, first


def _is_used(attempts: Sequence[Record], first: int, trials: int) -> bool:
    """Whether an attempt before has used one of these seeds."""
    used = (record.data["seeds"] for record in attempts)
    return any(first < begin + count and begin < first + trials for begin, count in used)


@contextmanager
def _alone(library: Library, entry: Entry) -> Iterator[History]:
    """The history of the skill, while no other process promotes or attempts anything."""
    library.record_root.mkdir(parents=True, exist_ok=True)
    with alone(library.record_root):
        yield history(library, entry.name)
