"""The executions that a library has recorded about a version, each counted once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from kata.skills.library.library import Entry, Library

from .fidelity import Fidelity

FIELD = "fidelity"
"""Where counts stand in a record of evidence and, by identity, in a `result.json`."""


def recorded_fidelity(library: Library, entry: Entry, robot: str = "", but: str = "") -> Fidelity:
    """Counts over all sound evidence of a version, on one robot or on all; `but` an attempt's.

    Evaluations in one scene may share trials: of records whose seeds overlap the longest counts.
    The trials of an attempt to be promoted are never used again. Raises PackageError for counts
    of another form.
    """
    records = [
        record
        for record in library.sound_records(entry.identity)
        if record.kind == "evidence" and FIELD in record.data
        if not robot or record.data.get("robot") == robot
        if not but or record.data.get("attempt") != but
    ]
    records.sort(key=lambda record: -len(record.data.get("seeds", ())))
    used: set[tuple[Hashable, ...]] = set()
    total = Fidelity()
    for record in records:
        trials = _trials(record.data)
        if not used & trials:
            used |= trials
            total += Fidelity.from_data(record.data[FIELD])
    return total


def _trials(data: Any) -> set[tuple[Hashable, ...]]:
    """What tells the trials of a record from those of others."""
    if "attempt" in data:
        return {("attempt", str(data["attempt"]))}
    scene = str(data.get("robot")), str(data.get("start")), str(data.get("world"))
    return {(*scene, int(seed)) for seed in data.get("seeds", ())}
