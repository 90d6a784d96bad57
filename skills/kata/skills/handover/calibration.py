"""Log-odds of ensembles as probabilities, calibrated.

Legend: `N` samples or frames, `F` features, `M` members of an ensemble.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array

from .boosting import Trees


def mean_logits(members: Sequence[Trees], features: Array) -> Array:
    """Mean log-odds (N,) of M members for features (N, F)."""
    return np.asarray(np.mean([trees.logits(features) for trees in members], axis=0))


def sigmoid(x: Array | float) -> Array:
    """Probability of log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0))))


def calibrated(logits: Array, labels: NDArray[np.bool_]) -> tuple[float, float]:
    """Scale and shift of log-odds (N,), drawn weakly towards 1 and 0 (a few samples' prior).

    Source: Platt, "Probabilistic outputs for support vector machines", 1999; by Newton steps.
    """
    theta, prior = np.array([1.0, 0.0]), np.array([2.0, 1.0])
    design = np.column_stack([logits, np.ones_like(logits)])
    for _ in range(30):
        chance = sigmoid(design @ theta)
        slope = design.T @ (chance - labels) + prior * (theta - [1.0, 0.0])
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(prior)
        theta = theta - np.linalg.solve(curve, slope)
    return float(np.clip(theta[0], 0.05, 3.0)), float(theta[1])
