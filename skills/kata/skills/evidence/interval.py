"""Intervals of a success rate.

Sources: Wilson, JASA 22 (1927); Clopper and Pearson, Biometrika 26 (1934); both by scipy. Brown,
Cai and DasGupta, Statistical Science 16 (2001), section 4.1.1, beside 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from kata.datasets.types import ConfigError, UnknownNameError

Method = Literal["wilson", "clopper-pearson"]

_FEW = 50
"""Up to this many trials the bounds of two counts beside 0 and 1 are mended, above it of three."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A success rate with its interval, of 95 % unless another level was asked for."""

    successes: int
    trials: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        """Share of successes; 0 without trials."""
        return self.successes / self.trials if self.trials else 0.0

    @classmethod
    def of(
        cls, successes: int, trials: int, level: float = 0.95, method: Method = "wilson"
    ) -> Interval:
        """The interval of a count.

        Args:
            successes: out of `trials`; without trials nothing is known and it is from 0 to 1.
            trials: how many.
            level: in (0, 1).
            method: `wilson` holds its level on average over rates; a bound that faces 0 or 1 from
                up to three counts away is mended, or it would miss rates of 0.99 too often.
                `clopper-pearson` holds it at every rate and is wider for that.

        Raises:
            ConfigError: a count or level that cannot be.
            UnknownNameError: another method.
        """
        check_counts(successes, trials)
        check_level(level)
        if method not in get_args(Method):
            raise UnknownNameError("method", method, get_args(Method), where="an interval")
        if not trials:
            return cls(0, 0, 0.0, 1.0)
        low, high = bounds(successes, trials, level, method)
        if method == "wilson":
            low, high = _mended(successes, trials, level, low, high)
        return cls(successes, trials, low, high)

    def to_data(self) -> dict[str, Any]:
        """The keys that every `result.json` has for a rate."""
        return {
            "trials": self.trials,
            "successes": self.successes,
            "rate": round(self.rate, 6),
            "interval": [round(self.low, 6), round(self.high, 6)],
        }


def bounds(successes: int, trials: int, level: float, method: Method) -> tuple[float, float]:
    """The bounds as published, for at least one trial."""
    from scipy.stats import binomtest

    name = "exact" if method == "clopper-pearson" else "wilson"
    found = binomtest(successes, trials).proportion_ci(level, method=name)
    return float(found.low), float(found.high)


def check_counts(successes: int, trials: int) -> None:
    """Raise ConfigError unless 0 <= successes <= trials."""
    if not 0 <= successes <= trials:
        raise ConfigError(
            "successes and trials that cannot be",
            expected="0 <= successes <= trials",
            got=f"{successes} of {trials}",
        )


def check_level(level: float) -> None:
    """Raise ConfigError unless it lies between 0 and 1."""
    if not 0 < level < 1:
        raise ConfigError(
            "not a level of confidence", expected="between 0 and 1", got=f"{level}", hint="0.95"
        )


def _mended(
    successes: int, trials: int, level: float, low: float, high: float
) -> tuple[float, float]:
    """Wilson's bounds, those that face 0 or 1 from a few counts away taken from Poisson's law."""
    from scipy.stats import chi2

    near = 2 if trials <= _FEW else 3
    if 0 < successes <= near:
        low = min(low, float(chi2.ppf(1 - level, 2 * successes)) / 2 / trials)
    failures = trials - successes
    if 0 < failures <= near:
        high = max(high, 1 - float(chi2.ppf(1 - level, 2 * failures)) / 2 / trials)
    return low, high
