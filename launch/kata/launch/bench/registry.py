"""Every bench by name. A new one is a module beside these, with a `run`, and a line here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kata.datasets.types import UnknownNameError

from .table import BenchResult

BENCHES: Mapping[str, str] = {
    "loader": "kata.launch.bench.loader:run",
    "record": "kata.launch.bench.record:run",
    "latency": "kata.launch.bench.latency:run",
    "start": "kata.launch.bench.start:run",
    "library": "kata.launch.bench.library:run",
    "search": "kata.launch.bench.search:run",
    "executor": "kata.launch.bench.executor:run",
    "sim": "kata.launch.bench.sim:run",
    "replanning": "kata.launch.bench.replanning:run",
    "transitions": "kata.launch.bench.transitions:run",
    "corrections": "kata.launch.bench.corrections:run",
    "rollouts": "kata.launch.bench.rollouts:run",
    "train": "kata.launch.bench.train:run",
}
"""`module:function` by name, in the order in which `kata bench all` runs them."""

LONG: Mapping[str, str] = {
    "stitch": "kata.launch.bench.stitch:run",
    "delay": "kata.launch.bench.delay:run",
    "chain": "kata.launch.bench.chain:run",
    "starts": "kata.launch.bench.starts:run",
    "endings": "kata.launch.bench.endings:run",
    "steer": "kata.launch.bench.steer:run",
    "segment": "kata.launch.bench.segment:run",
}
"""Benches that train skills and run thousands of episodes: each is asked for by itself."""


@dataclass(frozen=True, slots=True)
class BenchContext:
    """What a bench gets.

    Attributes:
        folder: empty, for whatever it needs to write.
        seed: of everything random.
        quick: tiny sizes, so that all code runs in seconds; the numbers mean little then.
        say: tells a person what is going on.
        shelf: folder of a finished demo whose skills are used; None to train them.
        workers: processes at a time, where a bench has use for them.
    """

    folder: Path
    seed: int
    quick: bool
    say: Callable[[str], None]
    shelf: Path | None = None
    workers: int = 2


def find_bench(name: str) -> Callable[[BenchContext], BenchResult]:
    """The function of a bench. Raises UnknownNameError with the nearest name."""
    known = {**BENCHES, **LONG}
    if name not in known:
        raise UnknownNameError("bench", name, (*known, "all"), where="kata bench")
    module, _, function = known[name].partition(":")
    found: Callable[[BenchContext], BenchResult] = getattr(
        importlib.import_module(module), function
    )
    return found
