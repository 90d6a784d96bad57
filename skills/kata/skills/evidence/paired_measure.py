"""A measure of two candidates on the same seeds, such as the time they took: who needs less?

Sources: Wilcoxon, Biometrics Bulletin 1 (1945), signed ranks, zeros split as in Pratt and Gibbons,
"Concepts of Nonparametric Theory" (1981); Hodges and Lehmann, Annals of Mathematical Statistics 34
(1963), the estimate and its interval by inversion of that test; Hall, Annals of Statistics 11
(1983) 569-576, the bound of a mean whose values are skewed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kata.datasets.types import Array, ConfigError

from .interval import check_level

_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class PairedMeasure:
    """One measure of a and b, pair by pair.

    Attributes:
        name: of the measure, with its unit, such as `duration_s`.
        pairs: how many were compared.
        median_a, median_b: of either.
        difference: what a typically needs more than b: the Hodges-Lehmann estimate.
        low, high: its interval.
        p_value: two-sided, of signed ranks: it does not matter who is who.
        rank_sum: of the signed ranks: below 0 where a needs less.
    """

    name: str
    pairs: int
    median_a: float
    median_b: float
    difference: float
    low: float
    high: float
    p_value: float
    rank_sum: float

    @classmethod
    def of(
        cls, name: str, a: Sequence[float], b: Sequence[float], level: float = 0.95
    ) -> PairedMeasure | None:
        """The comparison of finite values, pair by pair; None without a pair.

        Raises ConfigError for unequal lengths, values that are not finite, or no level.
        """
        check_level(level)
        one, other = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        if one.shape != other.shape or not (np.isfinite(one).all() and np.isfinite(other).all()):
            raise ConfigError(
                "measures that are not in pairs",
                where=name,
                expected="a finite value of a and one of b for each seed",
                got=f"{one.size} of a, {other.size} of b",
            )
        if not one.size:
            return None
        less = one - other
        middle, low, high = hodges_lehmann(less, level)
        return cls(
            name,
            one.size,
            float(np.median(one)),
            float(np.median(other)),
            middle,
            low,
            high,
            signed_ranks(less),
            rank_sum(less),
        )

    def lower(self, alpha: float) -> str:
        """Who needs less at this two-sided level: `a`, `b`, or empty where chance may explain it.

        The ranks decide, as they do for the p-value: where most pairs are ties the estimate is 0
        however much the others differ.
        """
        if self.p_value > alpha:
            return ""
        return "a" if self.rank_sum < 0 else "b"

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "pairs": self.pairs,
            "median_a": round(self.median_a, 6),
            "median_b": round(self.median_b, 6),
            "difference": round(self.difference, 6),
            "interval": [round(self.low, 6), round(self.high, 6)],
            "p_value": self.p_value,
        }


def signed_ranks(less: Array) -> float:
    """Two-sided p-value of differences (P,) being symmetric around 0; 1 where all are 0."""
    if not np.any(less):
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(less, zero_method="zsplit").pvalue)


def rank_sum(less: Array) -> float:
    """Sum of the signed ranks of differences (P,); 0 has no sign, but a rank, the lowest."""
    from scipy.stats import rankdata

    return float(np.sign(less) @ rankdata(np.abs(less)))


def mean_at_most(less: Array, alpha: float) -> float:
    """Upper bound of the mean of differences (P,), one-sided with confidence 1 - alpha.

    Student's, and wider where a few great values make up the mean: the next of them may not have
    been seen. Skew to the other side does not narrow it. At least two differences.
    """
    from scipy.stats import t

    n, mean, spread = len(less), float(np.mean(less)), float(np.std(less, ddof=1))
    if not spread:
        return mean
    skew = max(float(np.mean((less - mean) ** 3)) / spread**3, 0.0)
    quantile = float(t.isf(alpha, n - 1))
    wider = skew * (2 * quantile**2 + 1) / (6 * math.sqrt(n))
    return mean + spread / math.sqrt(n) * (quantile + wider)


def hodges_lehmann(less: Array, level: float) -> tuple[float, float, float]:
    """Estimate of the middle of differences (P,), and its interval by the normal law of the ranks.

    The middle is the median of the means of all pairs of differences, each with itself included.
    """
    from scipy.stats import norm

    n, ordered = len(less), np.sort(less)
    means = n * (n + 1) // 2
    spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    low = math.floor(means / 2 - float(norm.isf((1 - level) / 2)) * spread)
    low = min(max(low, 0), (means - 1) // 2)
    middle = (_mean_of_rank(ordered, (means - 1) // 2) + _mean_of_rank(ordered, means // 2)) / 2
    return middle, _mean_of_rank(ordered, low), _mean_of_rank(ordered, means - 1 - low)


def _mean_of_rank(ordered: Array, rank: int) -> float:
    """The mean of two differences that stands at this rank, from 0, of all such means.

    Found by halving, without making all of them: their number grows with the square of (P,).
    """
    low, high = float(ordered[0]), float(ordered[-1])
    places = np.arange(len(ordered))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reach = np.searchsorted(ordered, 2 * middle - ordered, side="right")
        if np.maximum(reach - places, 0).sum() > rank:
            high = middle
        else:
            low = middle
    return round(high, 9) + 0.0
