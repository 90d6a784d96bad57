"""Which trials tell something about a start: those near it in the features that matter.

Features are added one by one as long as they make left-out trials more likely by more than the
number of choices that were open, so that with none that matter every trial counts the same.
Sources: Nadaraya (1964) and Watson (1964), the weights; Goetschalckx, Poupart and Hoey,
"Continuous correlated Beta processes", IJCAI 2011, weighted outcomes as counts of a Beta law.
Legend: `N` trials, `Q` queries, `F` features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kata.datasets.types import Array

WIDTHS = (0.25, 0.5, 1.0, 2.0)
"""Widths that are tried, in standard deviations of a feature."""

_MOST_FEATURES = 4

Likelihood = Callable[[Array], float]
"""From weights (N, N), none of a trial for itself, to the log-likelihood of the left-out trials."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A Gaussian in some features; without any, every trial weighs 1.

    Attributes:
        features: indices of F.
        width: in standard deviations of each.
    """

    features: tuple[int, ...] = ()
    width: float = 1.0

    def weights(self, trials: Array, queries: Array) -> Array:
        """Weight (Q, N) in [0, 1] of each trial (N, F) for each query (Q, F)."""
        total = np.zeros((len(queries), len(trials)))
        for feature in self.features:
            total += (queries[:, None, feature] - trials[None, :, feature]) ** 2
        return np.asarray(np.exp(-0.5 * total / self.width**2))

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {"features": list(self.features), "width": self.width}


def fit_kernel(trials: Array, likelihood: Likelihood) -> Kernel:
    """The kernel under which left-out trials are most likely, found greedily.

    Args:
        trials: (N, F) features, standardised.
        likelihood: of the left-out trials.
    """
    usable = [f for f in range(trials.shape[1]) if np.ptp(trials[:, f]) > 0]
    price = math.log(max(len(usable) * len(WIDTHS), 1))
    best, score = Kernel(), likelihood(_without_self(np.zeros((len(trials),) * 2), 1.0))
    distance = np.zeros((len(trials),) * 2)
    while len(best.features) < _MOST_FEATURES:
        found = best
        for feature in (f for f in usable if f not in best.features):
            gap = distance + (trials[:, None, feature] - trials[None, :, feature]) ** 2
            for width in WIDTHS:
                gain = likelihood(_without_self(gap, width))
                needed = price if found is best else 0.0
                if gain > score + needed:
                    found, score = Kernel((*best.features, feature), width), gain
        if found is best:
            return best
        best, added = found, found.features[-1]
        distance += (trials[:, None, added] - trials[None, :, added]) ** 2
    return best


def _without_self(distance: Array, width: float) -> Array:
    weights = np.exp(-0.5 * distance / width**2)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)
