"""How new a start is: a p-value by split conformal prediction, which never decides alone.

The score is the mean distance to the nearest known starts among scaled features. Half of the
rollouts are the known ones, the other half say how great the score of a usual start is. If a start
is drawn as they were, its p-value is at most `a` with a chance of at most `a`, for every `a` and
any number of rollouts. Source: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
World", 2005, section 2.2; Papadopoulos et al., 2002 (the split). Legend: `N` starts, `F` features,
`K` known starts, `C` calibration scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array

from .sections import Parts, finite

LEAST = 20
"""With fewer starts nothing is said about novelty."""

_MOST_KNOWN = 400
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Novelty:
    """Known starts and the scores of usual ones.

    Attributes:
        known: (K, F) features, scaled.
        centre, scale: (F,) of the scaling.
        scores: (C,) of the calibration half, ascending.
    """

    known: Array
    centre: Array
    scale: Array
    scores: Array

    def score(self, features: Array) -> Array:
        """(N,) mean distance to the nearest known starts for features (N, F)."""
        return _score((features - self.centre) / self.scale, self.known)

    def p_value(self, features: Array) -> Array:
        """(N,) in (0, 1]: small where a start is unlike the known ones."""
        above = len(self.scores) - np.searchsorted(self.scores, self.score(features), side="left")
        return np.asarray((above + 1.0) / (len(self.scores) + 1.0))

    def to_parts(self) -> Parts:
        """Card and arrays."""
        arrays = {name: getattr(self, name) for name in ("known", "centre", "scale", "scores")}
        return {"neighbours": _NEIGHBOURS}, arrays

    @classmethod
    def of_parts(cls, card: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Novelty:
        """Inverse of `to_parts`. Raises KeyError or ValueError."""
        if card["neighbours"] != _NEIGHBOURS:
            raise ValueError(f"neighbours: expected {_NEIGHBOURS}, got {card['neighbours']!r}")
        known = finite(tensors, "known", (None, None))
        width = known.shape[1]
        centre, scale = (finite(tensors, name, (width,)) for name in ("centre", "scale"))
        scores = finite(tensors, "scores", (None,))
        if len(known) < 1 or (scale <= 0.0).any() or (np.diff(scores) < 0.0).any():
            raise ValueError("expected known starts, scales above 0 and ascending scores")
        return cls(known, centre, scale, scores)


def fit_novelty(features: Array, seed: int) -> Novelty | None:
    """From the features (N, F) of rollouts' starts; None for fewer than `LEAST`."""
    if len(features) < LEAST:
        return None
    order = np.random.default_rng(seed).permutation(len(features))
    half = min(len(order) // 2, _MOST_KNOWN)
    # The scaling is fitted on the known half alone: calibration must be as new to it as a start.
    known, usual = features[order[:half]], features[order[half:]]
    centre, spread = known.mean(axis=0), known.std(axis=0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    scaled = (known - centre) / scale
    scores = np.sort(_score((usual - centre) / scale, scaled))
    return Novelty(scaled, centre, scale, scores)


def _score(scaled: Array, known: Array) -> Array:
    """(N,) mean distance of rows (N, F) to their nearest rows of (K, F)."""
    squares = (scaled**2).sum(axis=1)[:, None] + (known**2).sum(axis=1)[None]
    distance = np.sqrt(np.maximum(squares - 2.0 * scaled @ known.T, 0.0))
    count = min(_NEIGHBOURS, len(known))
    return np.asarray(np.partition(distance, count - 1, axis=1)[:, :count].mean(axis=1))
