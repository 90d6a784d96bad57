"""How many paired trials a comparison needs, by the exact power of McNemar's test.

Sources: Connor, Biometrics 43 (1987), for where to begin; the exact power sums over the number of
pairs that differ, as in Duffy, Biometrics 40 (1984).
"""

from __future__ import annotations

import math

from kata.datasets.types import ConfigError

_MOST_EXACT = 20_000
"""Above this many pairs the normal approximation is good to a fraction of a per cent."""


def paired_power(
    rate_a: float,
    rate_b: float,
    trials: int,
    alpha: float = 0.05,
    agreement: float | None = None,
) -> float:
    """Chance that the exact test of McNemar finds these rates different, in the right direction.

    Args:
        rate_a: true rate of a.
        rate_b: true rate of b.
        trials: pairs.
        alpha: two-sided level of the test.
        agreement: share of the seeds on which both have one outcome; that of independent
            outcomes if it is left out, which equal seeds seldom are.

    Raises:
        ConfigError: rates, a level or an agreement that cannot be.
    """
    import numpy as np
    from scipy.stats import binom

    differing = _differing(rate_a, rate_b, agreement)
    _check_share("an alpha", alpha)
    if trials < 0:
        raise ConfigError("no number of trials", expected="0 or more", got=f"{trials}")
    if not differing:
        return 0.0
    better = (differing + abs(rate_a - rate_b)) / 2 / differing
    pairs = np.arange(trials + 1)
    # The least count of wins whose upper tail is at most alpha / 2.
    least = binom.isf(alpha / 2, pairs, 0.5) + 1
    found = binom.sf(least - 1, pairs, better)
    return float(np.sum(binom.pmf(pairs, trials, differing) * found))


def trials_needed(
    rate_a: float,
    rate_b: float,
    power: float = 0.8,
    alpha: float = 0.05,
    agreement: float | None = None,
) -> int:
    """Pairs for which the exact test of McNemar finds the difference with this chance.

    Arguments as for `paired_power`. Above 20 000 pairs it is Connor's approximation.

    Raises:
        ConfigError: equal rates, or rates, a level, a power or an agreement that cannot be.
    """
    differing = _differing(rate_a, rate_b, agreement)
    _check_share("an alpha", alpha)
    _check_share("a power", power)
    if rate_a == rate_b:
        raise ConfigError(
            "equal rates, which no number of trials tells apart",
            expected="the least difference that matters to you",
            got=f"{rate_a} and {rate_b}",
        )
    high = _connor(abs(rate_a - rate_b), differing, power, alpha)
    if high > _MOST_EXACT:
        return high

    def enough(trials: int) -> bool:
        return paired_power(rate_a, rate_b, trials, alpha, agreement) >= power

    while not enough(high):
        high += max(high // 8, 1)
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _connor(difference: float, differing: float, power: float, alpha: float) -> int:
    from scipy.stats import norm

    wanted = float(norm.isf(alpha / 2)) * math.sqrt(differing)
    wanted += float(norm.ppf(power)) * math.sqrt(max(differing - difference**2, 0.0))
    return max(math.ceil((max(wanted, 0.0) / difference) ** 2), 1)


def _differing(rate_a: float, rate_b: float, agreement: float | None) -> float:
    """Share of pairs that differ, checked against what the rates allow."""
    for name, rate in (("rate_a", rate_a), ("rate_b", rate_b)):
        if not 0 <= rate <= 1:
            raise ConfigError("not a rate", where=name, expected="0 to 1", got=f"{rate}")
    if agreement is None:
        return rate_a * (1 - rate_b) + rate_b * (1 - rate_a)
    least = abs(rate_a + rate_b - 1)
    most = 1 - abs(rate_a - rate_b)
    if not least - 1e-9 <= agreement <= most + 1e-9:
        raise ConfigError(
            "an agreement that these rates cannot have",
            expected=f"{least:.3f} to {most:.3f}",
            got=f"{agreement}",
        )
    return 1 - agreement


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ConfigError(f"not {name}", expected="between 0 and 1", got=f"{value}")
