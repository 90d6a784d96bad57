"""How much worse one of two candidates may be on the same seeds, tested against a margin.

Source: Tango, Statistics in Medicine 17 (1998) 891-908: the score of a given difference, its
variance by the discordance that is likeliest under that difference. The rates of the pairs enter
only through the pairs that differ, so the error does not grow where the rate falls, which that of
Newcombe's interval does. Half a count is subtracted for continuity: the error, enumerated exactly,
then stays below its level for 20 to 820 pairs and every discordance; without it, it is up to 1.3
times the level.
"""

from __future__ import annotations

import math

from .paired import PairedOutcomes

_HALVINGS = 40


def margin_p_value(outcomes: PairedOutcomes, margin: float) -> float:
    """One-sided p-value of a being worse than b by `margin` or more; 1 without pairs.

    Args:
        outcomes: the pairs.
        margin: difference of the rates, in (-1, 1); below 0 a has to be better by so much.
    """
    from scipy.stats import norm

    n, a, b = outcomes.trials, outcomes.only_a, outcomes.only_b
    if not n:
        return 1.0
    alone_a = _likeliest(a, b, n, margin)
    variance = n * (2 * alone_a + margin * (1 - margin))
    if variance <= 0:
        return 1.0
    return float(norm.sf((a - b + n * margin - 0.5) / math.sqrt(variance)))


def least_difference(outcomes: PairedOutcomes, alpha: float) -> float:
    """Lower bound of rate a less rate b, one-sided with confidence 1 - alpha; at least -1."""
    low, high = -1.0, 1.0
    while high - low > 2.0 ** (1 - _HALVINGS):
        middle = (low + high) / 2
        worse = margin_p_value(outcomes, middle) <= alpha
        low, high = (low, middle) if worse else (middle, high)
    return -high


def _likeliest(a: int, b: int, n: int, margin: float) -> float:
    """Share of the pairs on which only a succeeds that makes the counts likeliest.

    Under rate b = rate a + margin: the greater root of the derivative, a quadratic equation.
    """
    linear = a + b - margin * (2 * n + a - b)
    root = math.sqrt(max(linear**2 + 8 * n * a * margin * (1 - margin), 0.0))
    return max((linear + root) / (4 * n), -margin, 0.0)
