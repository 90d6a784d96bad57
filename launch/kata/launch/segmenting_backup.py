"""Copies of what a person may have worked on, before another text takes its place."""

from __future__ import annotations

from pathlib import Path

from kata.datasets.files import write_file

BEFORE = "before"
"""Folder of the copies: `before/cuts.1.yaml`, `before/cuts.2.yaml`, each newer than the last."""


def write_keeping(folder: Path, name: str, text: str) -> None:
    """Write a file of a run's folder; of another text that was there, a numbered copy stays."""
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and (old := target.read_bytes()) != text.encode():
        place = folder / BEFORE / name
        place.parent.mkdir(parents=True, exist_ok=True)
        copies = sorted(place.parent.glob(f"{place.stem}.*{place.suffix}"), key=_number)
        if not copies or copies[-1].read_bytes() != old:
            number = _number(copies[-1]) + 1 if copies else 1
            write_file(place.with_name(f"{place.stem}.{number}{place.suffix}"), old)
    write_file(target, text.encode())


def _number(copy: Path) -> int:
    number = copy.stem.rpartition(".")[2]
    return int(number) if number.isdecimal() else 0
