"""Several candidates: p-values that allow for all comparisons, and letters for the result.

Sources: Holm, Scandinavian Journal of Statistics 6 (1979), by statsmodels; Piepho, Journal of
Computational and Graphical Statistics 13 (2004), insert and absorb.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from kata.datasets.types import ConfigError, UnknownNameError

Pair = tuple[str, str]
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def holm(p_values: Mapping[Pair, float]) -> Mapping[Pair, float]:
    """Adjusted p-values: each may be held against the level of the whole family.

    Raises:
        ConfigError: a p-value outside 0 to 1.
    """
    for pair, value in p_values.items():
        if math.isnan(value) or not 0 <= value <= 1:
            raise ConfigError(
                "not a p-value", where=" and ".join(pair), expected="0 to 1", got=f"{value}"
            )
    if not p_values:
        return {}
    from statsmodels.stats.multitest import multipletests

    adjusted = multipletests(list(p_values.values()), method="holm")[1]
    return {pair: float(value) for pair, value in zip(p_values, adjusted, strict=True)}


def letters(names: Sequence[str], different: Collection[Pair]) -> dict[str, str]:
    """A compact letter display: two names share a letter unless they are different.

    Args:
        names: of the candidates, the best first; it gets the first letter.
        different: pairs that were found to differ, in either order.

    Raises:
        ConfigError: a name twice, a name that differs from itself, or no more letters.
        UnknownNameError: a pair names something else.
    """
    if len(set(names)) != len(names):
        raise ConfigError("a name that comes twice", got=", ".join(names))
    order = {name: i for i, name in enumerate(names)}
    columns = [frozenset(order.values())] if names else []
    for pair in sorted(_indices(order, pair) for pair in different):
        columns = _absorbed([part for column in columns for part in _split(column, pair)])
    columns = _swept(columns)
    if len(columns) > len(_ALPHABET):
        raise ConfigError(
            "too many groups for letters",
            expected=f"at most {len(_ALPHABET)}",
            got=f"{len(columns)}",
        )
    named = list(zip(_ALPHABET, sorted(columns, key=sorted), strict=False))
    return {
        name: "".join(letter for letter, column in named if i in column)
        for name, i in order.items()
    }


def _indices(order: Mapping[str, int], pair: Pair) -> tuple[int, int]:
    for name in pair:
        if name not in order:
            raise UnknownNameError("candidate", name, order, where="a pair that differs")
    first, second = sorted(order[name] for name in pair)
    if first == second:
        raise ConfigError("a name that differs from itself", got=pair[0])
    return first, second


def _split(column: frozenset[int], pair: tuple[int, int]) -> list[frozenset[int]]:
    """The column, or two of it where it holds both of a pair that differs."""
    return [column - {name} for name in pair] if column.issuperset(pair) else [column]


def _absorbed(columns: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Without columns that lie in another, each once."""
    unique = list(dict.fromkeys(columns))
    return [column for column in unique if not any(column < other for other in unique)]


def _swept(columns: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Without columns whose every pair stands together in another one too."""
    kept = list(columns)
    for column in sorted(columns, key=lambda c: (len(c), sorted(c))):
        others = [other for other in kept if other != column]
        pairs = [{i, j} for i in column for j in column]
        if all(any(other.issuperset(pair) for other in others) for pair in pairs):
            kept = others
    return kept
