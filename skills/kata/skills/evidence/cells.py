"""Where does a skill fail? Success by cell of starts, and which cells are worse than by chance.

Every cell is held against all other trials with Fisher's exact test, one-sided, and all p-values
are adjusted together by Holm's rule: where the skill is equally good everywhere, at most one
evaluation in twenty calls any cell worse. Sources: Fisher, The Design of Experiments (1935),
section 11; Holm, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .interval import Interval, Method
from .several import holm
from .start_cells import Factor

LEVEL = 0.05
"""Chance, at most, that a cell is called worse though none is."""

LEAST = 5
"""A cell with fewer trials, inside or outside of it, is shown but not tested."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The trials that began alike in one way.

    Attributes:
        factor, value: as in `object` and `red_cube`.
        interval: of its success rate.
        p_value: that so few successes come by chance, adjusted for all cells; 1 where untested.
        worse: whether that is less than `LEVEL`.
    """

    factor: str
    value: str
    interval: Interval
    p_value: float = 1.0

    @property
    def worse(self) -> bool:
        """Whether it is worse than the other trials, beyond chance."""
        return self.p_value < LEVEL

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "factor": self.factor,
            "value": self.value,
            **self.interval.to_data(),
            "p_value": round(self.p_value, 6),
            "worse": self.worse,
        }


def cells_of(
    factors: Sequence[Factor], outcomes: Sequence[bool], method: Method = "wilson"
) -> list[Cell]:
    """The cells of all factors, worst first: by p-value, then by rate.

    Args:
        factors: each with one cell a trial.
        outcomes: success of each trial.
        method: of the intervals.
    """
    counts = {
        (factor.name, value): [
            done for cell, done in zip(factor.cells, outcomes, strict=True) if cell == value
        ]
        for factor in factors
        for value in dict.fromkeys(factor.cells)
    }
    p_values = _p_values({key: (sum(c), len(c)) for key, c in counts.items()}, outcomes)
    cells = [
        Cell(*key, Interval.of(sum(c), len(c), method=method), p_values.get(key, 1.0))
        for key, c in counts.items()
    ]
    return sorted(cells, key=lambda cell: (cell.p_value, cell.interval.rate, -cell.interval.trials))


def _p_values(
    counts: dict[tuple[str, str], tuple[int, int]], outcomes: Sequence[bool]
) -> dict[tuple[str, str], float]:
    """Adjusted p-values of the cells that are large enough to be tested."""
    trials, successes = len(outcomes), sum(outcomes)
    tested = {key: count for key, count in counts.items() if LEAST <= count[1] <= trials - LEAST}
    if not tested:
        return {}
    from scipy.stats import hypergeom

    good, size = zip(*tested.values(), strict=True)
    chance = hypergeom.cdf(good, trials, successes, size)
    return dict(holm(dict(zip(tested, map(float, chance), strict=True))))
