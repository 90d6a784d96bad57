"""One number for a start that sums up many features: log-odds of success by boosted trees.

It is a feature beside the others: where success depends on several of them at once, trials of a
like score tell more than trials that are alike in any one. A trial's own score comes from trees
that have not seen it. Legend: `N` trials, `Q` queries, `F` features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array
from kata.skills.handover.boosting import Trees, fit_trees

_FOLDS, _MEMBERS = 5, 2
_TOLD = 3


@dataclass(frozen=True, slots=True)
class Score:
    """Trees that learned from all trials, and what others said of each without having seen it.

    Attributes:
        members: ensembles; their mean counts.
        held_out: (N,) log-odds of the trials.
    """

    members: tuple[Trees, ...]
    held_out: Array

    def of(self, features: Array) -> Array:
        """Log-odds (Q,) of queries (Q, F)."""
        return _mean(self.members, features)

    def features(self) -> list[int]:
        """The features of F that its trees look at most, at most three."""
        used = Counter(int(f) for trees in self.members for f in trees.feature[:, 0])
        return [feature for feature, _ in used.most_common(_TOLD)]

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "held_out": np.round(self.held_out, 5).tolist(),
            "members": [
                {
                    "base": trees.base,
                    "feature": trees.feature.tolist(),
                    "threshold": np.round(trees.threshold, 7).tolist(),
                    "leaf": np.round(trees.leaf, 7).tolist(),
                }
                for trees in self.members
            ],
        }


def fit_score(features: Array, labels: NDArray[np.bool_]) -> Score:
    """Learn from trials (N, F) with outcomes (N,); equal trials give equal scores."""
    random, fold = np.random.default_rng(0), np.zeros(len(labels), dtype=int)
    for value in (False, True):
        members = random.permutation(np.flatnonzero(labels == value))
        fold[members] = np.arange(len(members)) % _FOLDS
    held_out = np.zeros(len(labels))
    for k in range(_FOLDS):
        held_out[fold == k] = _mean(
            _members(features[fold != k], labels[fold != k]), features[fold == k]
        )
    return Score(_members(features, labels), held_out)


def score_of(data: Mapping[str, Any], trials: int, width: int) -> Score:
    """The score of such data; ValueError, KeyError or TypeError for data that is not sound."""
    members = tuple(
        Trees(
            float(one["base"]),
            np.array(one["feature"], dtype=np.int64).reshape(-1, 3),
            np.array(one["threshold"], dtype=float).reshape(-1, 3),
            np.array(one["leaf"], dtype=float).reshape(-1, 4),
        )
        for one in data["members"]
    )
    held_out = np.array(data["held_out"], dtype=float)
    sound = bool(members) and held_out.shape == (trials,) and bool(np.isfinite(held_out).all())
    for trees in members:
        sound &= len(trees.feature) == len(trees.threshold) == len(trees.leaf)
        sound &= bool(np.isfinite(trees.leaf).all()) and bool(np.isfinite(trees.base))
        sound &= not trees.feature.size or bool(
            ((trees.feature >= 0) & (trees.feature < width)).all()
        )
    if not sound:
        raise ValueError("a score that does not fit its trials")
    return Score(members, held_out)


def _members(features: Array, labels: NDArray[np.bool_]) -> tuple[Trees, ...]:
    return tuple(fit_trees(features, labels, seed) for seed in range(_MEMBERS))


def _mean(members: tuple[Trees, ...], features: Array) -> Array:
    return np.asarray(np.mean([trees.logits(features) for trees in members], axis=0))
