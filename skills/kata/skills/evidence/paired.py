"""Two candidates on the same seeds: the difference of their rates, and whether it is chance.

Sources: Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10; McNemar, Psychometrika
12 (1947), exact by the binomial law.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import ConfigError

from .interval import bounds, check_level


@dataclass(frozen=True, slots=True)
class PairedOutcomes:
    """How often both candidates succeeded on a seed, only a, only b, and neither.

    Raises ConfigError for a negative count.
    """

    both: int
    only_a: int
    only_b: int
    neither: int

    def __post_init__(self) -> None:
        counts = (self.both, self.only_a, self.only_b, self.neither)
        if min(counts) < 0:
            raise ConfigError("a negative count of pairs", expected="0 or more", got=f"{counts}")

    @classmethod
    def of(cls, a: Sequence[bool], b: Sequence[bool]) -> PairedOutcomes:
        """Counts of outcomes, pair by pair. Raises ConfigError for unequal lengths."""
        if len(a) != len(b):
            raise ConfigError(
                "outcomes that are not in pairs",
                expected="one of a and one of b for each seed",
                got=f"{len(a)} of a, {len(b)} of b",
            )
        pairs = [(bool(one), bool(other)) for one, other in zip(a, b, strict=True)]
        order = ((True, True), (True, False), (False, True), (False, False))
        return cls(*(pairs.count(kind) for kind in order))

    @property
    def trials(self) -> int:
        """Number of pairs."""
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def successes_a(self) -> int:
        """How often a succeeded."""
        return self.both + self.only_a

    @property
    def successes_b(self) -> int:
        """How often b succeeded."""
        return self.both + self.only_b

    @property
    def difference(self) -> float:
        """Rate of a less rate of b; 0 without pairs."""
        return (self.only_a - self.only_b) / self.trials if self.trials else 0.0

    def newcombe(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the difference, for a number of pairs that was fixed beforehand.

        Wilson's intervals of both rates, joined with the correlation that the pairs show. Without
        pairs it is (-1, 1). Raises ConfigError for an impossible level.
        """
        check_level(level)
        n = self.trials
        if not n:
            return (-1.0, 1.0)
        rate_a, rate_b = self.successes_a / n, self.successes_b / n
        low_a, high_a = bounds(self.successes_a, n, level, "wilson")
        low_b, high_b = bounds(self.successes_b, n, level, "wilson")
        phi = self._correlation()
        below = _joined(rate_a - low_a, high_b - rate_b, phi)
        above = _joined(high_a - rate_a, rate_b - low_b, phi)
        return (max(self.difference - below, -1.0), min(self.difference + above, 1.0))

    def mcnemar(self) -> float:
        """Exact two-sided p-value of equal rates; 1 where no pair differs."""
        discordant = self.only_a + self.only_b
        if not discordant:
            return 1.0
        from scipy.stats import binomtest

        return float(binomtest(self.only_a, discordant, 0.5).pvalue)

    def swapped(self) -> PairedOutcomes:
        """The same pairs with a and b exchanged."""
        return PairedOutcomes(self.both, self.only_b, self.only_a, self.neither)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "trials": self.trials,
            "both": self.both,
            "only_a": self.only_a,
            "only_b": self.only_b,
            "neither": self.neither,
            "difference": round(self.difference, 6),
        }

    def _correlation(self) -> float:
        """Correlation of the outcomes, a positive one with Newcombe's continuity correction."""
        n, a, b = self.trials, self.successes_a, self.successes_b
        margins = a * (n - a) * b * (n - b)
        if not margins:
            return 0.0
        product = self.both * self.neither - self.only_a * self.only_b
        if product > 0:
            return max(product - n / 2, 0.0) / math.sqrt(margins)
        return product / math.sqrt(margins)


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(one**2 - 2 * phi * one * other + other**2, 0.0))
