"""One error budget for repeated attempts: who tries again and again must show more each time.

Source: the union bound; shares that fall like alpha spending over an open end (Foster and Stine,
"Alpha-investing", JRSS B 70 (2008), discuss richer rules).
"""

from __future__ import annotations

from kata.datasets.types import ConfigError


def attempt_alpha(attempt: int, total: float = 0.05) -> float:
    """Error that the attempt of this number, from 1, may spend.

    Half of the budget, then a sixth, a twelfth, ...: `total / (attempt (attempt + 1))`. All of
    them sum to `total`, and after attempt k there is `total / (k + 1)` left. Thus the chance that
    candidates no better than the present one are ever taken for better is at most `total`,
    however many there are and whatever was learned from the attempts before.

    Raises:
        ConfigError: an attempt below 1 or a budget outside (0, 1).
    """
    if attempt < 1:
        raise ConfigError("no such attempt", expected="1 or more", got=f"{attempt}")
    if not 0 < total < 1:
        raise ConfigError("not an error budget", expected="between 0 and 1", got=f"{total}")
    return total / (attempt * (attempt + 1))
