"""Measurements: several runs of a call, their median and their spread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from kata.datasets.types import ConfigError


@dataclass(frozen=True, slots=True)
class Sample:
    """One quantity, measured several times.

    Attributes:
        median: of the runs.
        low: the least run.
        high: the greatest run.
        runs: how many.
    """

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Sample:
        """The sample of these runs. Raises ConfigError without any."""
        if not len(values):
            raise ConfigError("nothing was measured", where="bench", expected="one run or more")
        numbers = [float(value) for value in values]
        return cls(median(numbers), min(numbers), max(numbers), len(numbers))

    def scaled(self, factor: float) -> Sample:
        """The same in another unit, with a positive factor."""
        return Sample(self.median * factor, self.low * factor, self.high * factor, self.runs)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "median": self.median,
            "low": self.low,
            "high": self.high,
            "runs": self.runs,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Sample:
        """Inverse of `to_data`."""
        return cls(data["median"], data["low"], data["high"], data["runs"])


def one(value: float) -> Sample:
    """The sample of a single run, or of what was counted once."""
    return Sample.of([value])


def percent(part: int, whole: int) -> float:
    """So many of a hundred; 0 of nothing."""
    return 100.0 * part / whole if whole else 0.0


def cpu_samples(
    call: Callable[[], object], runs: int = 5, units: int = 1, warm_up: int = 1
) -> Sample:
    """CPU seconds of this process a unit, threads included; `units` are done by one call.

    CPU time is what a busy machine changes least; children of the process do not count.
    """
    return _samples(time.process_time, call, runs, units, warm_up)


def wall_samples(
    call: Callable[[], object], runs: int = 5, units: int = 1, warm_up: int = 1
) -> Sample:
    """Seconds on the clock a unit; `units` are done by one call."""
    return _samples(time.perf_counter, call, runs, units, warm_up)


def _samples(
    clock: Callable[[], float], call: Callable[[], object], runs: int, units: int, warm_up: int
) -> Sample:
    for _ in range(warm_up):
        call()
    values = []
    for _ in range(runs):
        begun = clock()
        call()
        values.append((clock() - begun) / units)
    return Sample.of(values)
