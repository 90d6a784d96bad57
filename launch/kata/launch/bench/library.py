"""How soon a library of ten thousand versions says what it holds, by its index and by its files."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .measure import cpu_samples
from .registry import BenchContext
from .table import BenchResult, Bound, Growth, Row

if TYPE_CHECKING:
    from kata.skills.library.index import Index

_SIZES, _QUICK = (100, 1000, 10_000), (10, 20)
_RATIO, _VERSIONS = 0.2, 2
_NOTES = (
    (
        "Versions with a manifest and one state each, written by hand, so that nothing was indexed "
        "before. Processor time; the files are in memory."
    ),
    (
        "From the index too every manifest, folder of records and last state is looked at, whether "
        "it changed; of one skill only its own."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """Time a listing, the versions of one skill, and the making of the index."""
    from kata.skills.library.entries import survey_files
    from kata.skills.library.index import Index

    sizes = _QUICK if context.quick else _SIZES
    root, points = context.folder / "library", []
    for before, size in zip((0, *sizes), sizes, strict=False):
        context.say(f"{size} versions")
        for number in range(before, size):
            _write(root, number)
        index = Index(root)
        _settle(index)
        listed = cpu_samples(index.survey)
        points.append((float(size), listed.median))
    read = cpu_samples(lambda: survey_files(root), runs=3)
    found = cpu_samples(lambda: index.versions("skill_00001"))
    name = f"{sizes[-1]:,} versions"
    against = "every file read"
    rows = (
        Row(f"a listing of {name}", "CPU s", listed, read, Bound(_RATIO), against=against),
        Row(f"one skill of {name}", "CPU s", found, read, Bound(_RATIO), against=against),
        Row(f"the index of {name} made anew", "CPU s", cpu_samples(index.rebuild, runs=3)),
    )
    return BenchResult(rows, (Growth("a listing", "versions", "CPU s", tuple(points)),), _NOTES)


def _write(root: Path, number: int) -> None:
    """A version as far as a listing reads it."""
    from kata.datasets.files import json_bytes

    identity = hashlib.sha256(str(number).encode()).hexdigest()
    name, version = f"skill_{number // _VERSIONS:05d}", f"1.{number % _VERSIONS}.0"
    folder = root / "skills" / f"{name}-{version}"
    files = {"skill.yaml": {"bytes": 900, "sha256": identity}}
    manifest = {"format": 1, "name": name, "version": version, "identity": identity, "files": files}
    summary = f"Do what skill number {number} does with an object on the table."
    records = root / "records" / identity
    state = {"state": "candidate", "reason": "a bench"}
    record = {"format": 1, "skill": identity, "kind": "state", "data": state}
    folder.mkdir(parents=True)
    records.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(json_bytes({**manifest, "summary": summary}))
    (records / "000001-state.json").write_bytes(json_bytes(record))


def _settle(index: Index) -> None:
    """Ask until nothing that was read is of the file system's present tick."""
    for _ in range(3):
        time.sleep(0.05)
        index.survey()
