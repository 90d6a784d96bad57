"""Boosted trees of depth two for a few hundred samples, on numpy alone.

Source: Friedman, "Greedy function approximation", 2001; Newton steps as in Chen and Guestrin,
arXiv:1603.02754. Legend: `N` samples, `F` features, `R` trees, `B` bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array

_BINS = 24
_LEAST_WEIGHT = 1.0
_RIDGE = 2.0


@dataclass(frozen=True, slots=True)
class Trees:
    """R trees; node 0 is the root, nodes 1 and 2 its children, then four leaves.

    Attributes:
        base: log-odds without any tree.
        feature: (R, 3) which feature a node looks at.
        threshold: (R, 3) left where the feature is at most this.
        leaf: (R, 4) log-odds that each leaf adds.
    """

    base: float
    feature: NDArray[np.int64]
    threshold: Array
    leaf: Array

    def logits(self, features: Array) -> Array:
        """Log-odds (N,) of success for features (N, F)."""
        if not len(self.feature):
            return np.full(len(features), self.base)
        right = features[:, self.feature[:, 0]] > self.threshold[:, 0]
        child = np.where(right, self.feature[:, 2], self.feature[:, 1])
        bound = np.where(right, self.threshold[:, 2], self.threshold[:, 1])
        deeper = np.take_along_axis(features, child, axis=1) > bound
        index = 2 * right + deeper
        rows = np.arange(len(self.feature))
        return np.asarray(self.base + self.leaf[rows, index].sum(axis=1))


def fit_trees(
    features: Array,
    labels: NDArray[np.bool_] | Array,
    seed: int,
    *,
    rounds: int = 80,
    rate: float = 0.08,
    share: float = 0.7,
    edges: Sequence[Array] | None = None,
) -> Trees:
    """Trees for labels or shares (N,), each on a random part of samples and of features.

    `edges` of bins, for each feature, say what is told apart; without them, those of `edges_of`.
    """
    rng = np.random.default_rng(seed)
    count, width = features.shape
    base = float(np.log((labels.sum() + 1.0) / (count - labels.sum() + 1.0)))
    edges = edges_of(features) if edges is None else edges
    bins = 1 + max(len(inner) for inner in edges)
    binned = np.stack([np.searchsorted(edges[f], features[:, f]) for f in range(width)], axis=1)
    logits = np.full(count, base)
    nodes = np.zeros((rounds, 3), dtype=np.int64)
    bounds, leaves = np.zeros((rounds, 3)), np.zeros((rounds, 4))
    for r in range(rounds):
        chance = 1.0 / (1.0 + np.exp(-logits))
        weight = (rng.random(count) < share) * 1.0
        slope, curve = weight * (labels - chance), weight * chance * (1.0 - chance)
        allowed = rng.random(width) < share
        allowed[rng.integers(width)] = True
        right = np.zeros(count, dtype=bool)
        index: NDArray[np.int64] = np.zeros(count, dtype=np.int64)
        for node, side in ((0, None), (1, False), (2, True)):
            inside = np.ones(count, dtype=bool) if side is None else right == side
            f, b = _split(binned, bins, slope * inside, curve * inside, allowed)
            nodes[r, node], bounds[r, node] = f, edges[f][min(b, len(edges[f]) - 1)]
            over = features[:, f] > bounds[r, node]
            if side is None:
                right = over
            else:
                index = np.where(inside, 2 * int(side) + over, index)
        for k in range(4):
            here = index == k
            step = slope[here].sum() / (curve[here].sum() + _RIDGE)
            leaves[r, k] = rate * float(np.clip(step, -4.0, 4.0))
        logits = logits + leaves[r, index]
    return Trees(base, nodes, bounds, leaves)


def edges_of(features: Array, bins: int = _BINS) -> list[Array]:
    """Inner edges of bins for each feature of (N, F), at quantiles; one at least."""
    inner = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    return [np.unique(np.quantile(column, inner)) for column in features.T]


def _split(
    binned: NDArray[np.int64],
    bins: int,
    slope: Array,
    curve: Array,
    allowed: NDArray[np.bool_],
) -> tuple[int, int]:
    """Feature and edge of the best split of these samples."""
    width = binned.shape[1]
    flat = (binned + np.arange(width) * bins).ravel()
    size = width * bins
    g = np.bincount(flat, np.repeat(slope, width), size).reshape(width, bins).cumsum(axis=1)
    h = np.bincount(flat, np.repeat(curve, width), size).reshape(width, bins).cumsum(axis=1)
    whole_g, whole_h = g[:, -1:], h[:, -1:]
    gain = g**2 / (h + _RIDGE) + (whole_g - g) ** 2 / (whole_h - h + _RIDGE)
    small = (h < _LEAST_WEIGHT) | (whole_h - h < _LEAST_WEIGHT)
    gain = np.where(small | ~allowed[:, None], -1.0, gain)
    best = int(gain.argmax())
    return best // bins, best % bins
