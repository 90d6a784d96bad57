"""How soon the command answers, and how that grows with the library."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kata.datasets.types import ExecutionError

from .. import build
from .measure import Sample
from .registry import BenchContext
from .table import BenchResult, Bound, Growth, Row

HELP_MUST_S, LIST_MUST_S = 0.5, 0.7
_NOTES = (
    (
        "`kata --help` and `kata library list` as a user types them, a process each time, on the "
        "clock from start to end; the CPU rows are those of the same processes."
    ),
    (
        "The baseline is Python importing nothing but numpy, the least that an answer with arrays "
        "in it could cost."
    ),
    "A listing reads a manifest and the last state of every skill: it grows with their number.",
)


def run(context: BenchContext) -> BenchResult:
    """Time the help page, and the listing of libraries of more and more skills."""
    runs = 3 if context.quick else 9
    sizes = (3, 6) if context.quick else (10, 100, 1000)
    python = _timed([sys.executable, "-c", "import numpy"], runs)
    command = [sys.executable, "-m", "kata.launch.cli"]
    page = _timed([*command, "--help"], runs)
    library = context.folder / "library"
    points = []
    for size in sizes:
        context.say(f"a library of {size} skills")
        _fill(library, size)
        out = context.folder / f"list-{size}"
        listing = _timed([*command, "library", "list", f"library={library}", f"out={out}"], runs)
        points.append((float(size), listing[0].median))
    against = "python importing numpy"
    listed = f"kata library list, {sizes[-1]} skills"
    rows = (
        Row("kata --help", "s", page[0], python[0], Bound(HELP_MUST_S, "ours"), against=against),
        Row(listed, "s", listing[0], python[0], Bound(LIST_MUST_S, "ours"), against=against),
        Row("kata --help, CPU", "CPU s", page[1], python[1], against=against),
        Row(f"{listed}, CPU", "CPU s", listing[1], python[1], against=against),
    )
    growth = Growth("kata library list", "skills", "s", tuple(points))
    return BenchResult(rows, (growth,), _NOTES)


def _timed(command: Sequence[str], runs: int) -> tuple[Sample, Sample]:
    """Seconds on the clock, and of CPU, of a command; the first call fills the disk's caches."""
    clock, cpu = [], []
    for _ in range(runs + 1):
        before, begun = _children_cpu_s(), time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_quiet())
        clock.append(time.perf_counter() - begun)
        cpu.append(_children_cpu_s() - before)
        if done.returncode:
            raise ExecutionError(
                "a command failed", where=" ".join(command), got=done.stderr[-300:]
            )
    return Sample.of(clock[1:]), Sample.of(cpu[1:])


def _quiet() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "ignore"}


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fill(folder: Path, size: int) -> None:
    """Add scripted skills under names of their own until the library holds `size`."""
    from kata.skills.library.library import Library
    from kata.skills.library.seed import seed

    library, contracts = Library(folder), build.contracts()
    have = len(library.list())
    seed(
        library,
        [
            replace(contracts[i % len(contracts)], name=f"{contracts[i % len(contracts)].name}_{i}")
            for i in range(have, size)
        ],
    )
