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

Key = tuple[str, str]
"""A factor's name and one of its values."""

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
        tested: whether there are enough trials inside and outside of it.
    """

    factor: str
    value: str
    interval: Interval
    p_value: float = 1.0
    tested: bool = False

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
            "tested": self.tested,
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
    counts = _counts(factors, outcomes)
    chance = p_values(factors, outcomes)
    cells = [
        Cell(*key, Interval.of(*count, method=method), chance.get(key, 1.0), key in chance)
        for key, count in counts.items()
    ]
    return sorted(cells, key=lambda cell: (cell.p_value, cell.interval.rate, -cell.interval.trials))


def p_values(factors: Sequence[Factor], outcomes: Sequence[bool]) -> dict[Key, float]:
    """Adjusted p-values, by factor and value, of the cells that are large enough to be tested."""
    trials, successes = len(outcomes), sum(outcomes)
    tested = {
        key: count
        for key, count in _counts(factors, outcomes).items()
        if LEAST <= count[1] <= trials - LEAST
    }
    if not tested:
        return {}
    from scipy.stats import hypergeom

    good, size = zip(*tested.values(), strict=True)
    chance = hypergeom.cdf(good, trials, successes, size)
    # Rounding may leave a sum of probabilities a hair above one.
    return dict(holm(dict(zip(tested, (min(1.0, float(p)) for p in chance), strict=True))))


def _counts(factors: Sequence[Factor], outcomes: Sequence[bool]) -> dict[Key, tuple[int, int]]:
    """Successes and trials by factor and value."""
    counts: dict[Key, tuple[int, int]] = {}
    for factor in factors:
        for value, done in zip(factor.cells, outcomes, strict=True):
            good, size = counts.get((factor.name, value), (0, 0))
            counts[factor.name, value] = good + bool(done), size + 1
    return counts
