"""What a bench gives: rows with a baseline and a bound, and curves of how cost grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .measure import Sample

Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class Bound:
    """What a row must reach: of its ratio to the baseline, or of our own value in its unit."""

    value: float
    of: Literal["ratio", "ours"] = "ratio"


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity of ours beside a baseline.

    Attributes:
        name: what is measured, unique within its bench.
        unit: of both values.
        better: whether a lower or a higher value is the better one.
        baseline: the same of the other way; None where there is none.
        against: what the baseline is.
        must: what has to be reached; None where the row only informs.
    """

    name: str
    unit: str
    ours: Sample
    baseline: Sample | None = None
    must: Bound | None = None
    better: Better = "lower"
    against: str = ""

    @property
    def ratio(self) -> float | None:
        """Our median over the baseline's; None without a baseline."""
        if self.baseline is None or not self.baseline.median:
            return None
        return self.ours.median / self.baseline.median

    @property
    def ok(self) -> bool | None:
        """Whether the bound is reached; None where there is nothing to reach."""
        if self.must is None:
            return None
        value = self.ours.median if self.must.of == "ours" else self.ratio
        if value is None:
            return False
        return value <= self.must.value if self.better == "lower" else value >= self.must.value

    @property
    def must_text(self) -> str:
        """The bound for a person; empty without one."""
        if self.must is None:
            return ""
        sign = "<=" if self.better == "lower" else ">="
        unit = f" {self.unit}" if self.must.of == "ours" else ""
        return f"{sign} {number(self.must.value)}{unit or ' x baseline'}"

    def to_data(self) -> dict[str, Any]:
        """The keys that every row of a `result.json` has."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours.median,
            "baseline": None if self.baseline is None else self.baseline.median,
            "ratio": self.ratio,
            "must": self.must_text,
            "ok": self.ok,
            "better": self.better,
            "against": self.against,
            "spread": {
                "ours": self.ours.to_data(),
                "baseline": None if self.baseline is None else self.baseline.to_data(),
            },
        }


@dataclass(frozen=True, slots=True)
class Growth:
    """How a cost grows with a size: `points` are (size, cost)."""

    name: str
    size: str
    unit: str
    points: tuple[tuple[float, float], ...]

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "name": self.name,
            "size": self.size,
            "unit": self.unit,
            "points": [list(point) for point in self.points],
        }


@dataclass(frozen=True, slots=True)
class BenchResult:
    """All that one bench found.

    Attributes:
        notes: how it was measured and what limits it.
        data: more for the top of `result.json`, under keys of the bench's own.
        files: texts by file name, written beside `result.json`: pictures, tables.
    """

    rows: tuple[Row, ...]
    growth: tuple[Growth, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
    data: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "rows": [row.to_data() for row in self.rows],
            "growth": [growth.to_data() for growth in self.growth],
            "notes": list(self.notes),
        }


def number(value: float | None) -> str:
    """A number for a person: three figures that count, empty for None."""
    if value is None:
        return ""
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        return f"{value:.2e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
