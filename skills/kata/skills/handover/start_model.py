"""The start model: how likely a skill succeeds from here, learned from rollouts, calibrated.

It learns from failures, so it predicts failure and not novelty: a start unlike all seen ones gets
what the nearest leaves say. Legend: `N` samples, `F` features, `M` members of the ensemble.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array

from .boosting import Trees, fit_trees
from .calibration import calibrated, mean_logits, sigmoid
from .features import Start, StartSample, encode, feature_names
from .sections import Parts, finite, read_quality, rounded
from .start_features import encode_relative, relative_names

LEAST_SAMPLES = 20
"""With fewer rollouts, or only one kind of outcome, the model is the success rate itself."""

ENCODING = 2
"""Of the features of new models; see `StartModel.encoding`."""

_MEMBERS = 3
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class StartQuality:
    """How good the predictions are on rollouts that were held out.

    Attributes:
        brier_skill: 1 is perfect, 0 is no better than the success rate, below 0 worse.
        calibration_error: expected |predicted - observed| over ten bins of equal count.
    """

    samples: int
    rate: float
    brier: float
    brier_skill: float
    calibration_error: float

    def to_data(self) -> dict[str, float]:
        """Plain data for a file."""
        return rounded(asdict(self))

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> StartQuality:
        """Inverse of `to_data`. Raises KeyError, TypeError or ValueError."""
        names = ("rate", "brier", "brier_skill", "calibration_error")
        return cls(int(data["samples"]), *read_quality(data, names))


@dataclass(frozen=True, slots=True)
class StartModel:
    """Mean log-odds of M boosted ensembles, then `scale * x + shift`.

    Attributes:
        grippers: columns of D that open and close, by hand.
        encoding: which features the trees look at: 1 as files of format 1, 2 `start_features`.
    """

    members: tuple[Trees, ...]
    scale: float
    shift: float
    quality: StartQuality
    grippers: tuple[int, ...] = ()
    encoding: int = ENCODING

    def features(self, starts: Sequence[Start]) -> Array:
        """(N, F) what the trees look at."""
        return encode(starts) if self.encoding == 1 else encode_relative(starts, self.grippers)

    def names(self, joints: int, slots: int, numbers: int) -> tuple[str, ...]:
        """Names of the F features for D joints, S slots and P numbers."""
        if self.encoding == 1:
            return feature_names(joints, slots)
        return relative_names(joints, slots, numbers)

    def probability(self, starts: Sequence[Start]) -> Array:
        """Predicted success (N,)."""
        return self.of_features(self.features(starts)) if len(starts) else np.zeros(0)

    def of_features(self, features: Array) -> Array:
        """Predicted success (N,) from features (N, F)."""
        return sigmoid(self.scale * mean_logits(self.members, features) + self.shift)

    def to_parts(self) -> Parts:
        """Card and arrays; members may have different numbers of trees."""
        card = {
            "base": [trees.base for trees in self.members],
            "rounds": [len(trees.feature) for trees in self.members],
            "scale": self.scale,
            "shift": self.shift,
            "quality": self.quality.to_data(),
            "grippers": list(self.grippers),
            "encoding": self.encoding,
        }
        names = ("feature", "threshold", "leaf")
        return card, {
            name: np.concatenate([getattr(trees, name) for trees in self.members]) for name in names
        }

    @classmethod
    def of_parts(cls, card: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> StartModel:
        """Inverse of `to_parts`. Raises KeyError, TypeError or ValueError."""
        feature = np.asarray(tensors["feature"])
        threshold = finite(tensors, "threshold", (None, 3))
        leaf = finite(tensors, "leaf", (len(threshold), 4))
        if feature.dtype != np.int64 or feature.shape != threshold.shape:
            raise ValueError(f"feature: expected integers {threshold.shape}, got {feature.shape}")
        bases, rounds = [float(x) for x in card["base"]], [int(x) for x in card["rounds"]]
        counts = bool(bases) and min(rounds) >= 0 and sum(rounds) == len(leaf)
        if len(bases) != len(rounds) or not counts or (feature < 0).any():
            raise ValueError(f"rounds: expected {len(leaf)} in all, got {rounds} of {len(bases)}")
        ends = np.cumsum(rounds)
        parts = [slice(end - count, end) for end, count in zip(ends, rounds, strict=True)]
        members = tuple(
            Trees(base, feature[part], threshold[part], leaf[part])
            for base, part in zip(bases, parts, strict=True)
        )
        quality = StartQuality.from_data(card["quality"])
        scale, shift = float(card["scale"]), float(card["shift"])
        if not np.isfinite([scale, shift, *bases]).all() or card["encoding"] not in (1, ENCODING):
            raise ValueError("expected finite numbers and a known encoding")
        grippers = tuple(int(column) for column in card.get("grippers", ()))
        if min(grippers, default=0) < 0:
            raise ValueError(f"grippers: expected columns of joints, got {grippers}")
        return cls(members, scale, shift, quality, grippers, int(card["encoding"]))

    def widest(self) -> int:
        """Least number of features that every tree finds what it looks at in."""
        return 1 + max((int(t.feature.max()) for t in self.members if len(t.feature)), default=-1)


def fit_start_model(
    samples: Sequence[StartSample], seed: int, grippers: Sequence[int] = ()
) -> StartModel:
    """Fit, calibrate on held-out predictions, and measure; equal seeds give equal models."""
    labels = np.array([sample.success for sample in samples], dtype=bool)
    count, rate = len(labels), float((labels.sum() + 1.0) / (len(labels) + 2.0))
    starts = [sample.start for sample in samples]
    features = encode_relative(starts, grippers) if count else np.zeros((0, 1))
    hands = tuple(int(column) for column in grippers)
    if count < LEAST_SAMPLES or min(labels.sum(), count - labels.sum()) < 5:
        base = float(np.log(rate / (1.0 - rate)))
        empty = Trees(base, np.zeros((0, 3), np.int64), np.zeros((0, 3)), np.zeros((0, 4)))
        quality = _quality(np.full(count, rate), labels)
        return StartModel((empty,), 1.0, 0.0, quality, hands)
    fold = _folds(labels, seed)
    held_out = np.zeros(count)
    for k in range(_FOLDS):
        members = _members(features[fold != k], labels[fold != k], seed)
        held_out[fold == k] = mean_logits(members, features[fold == k])
    # Calibration is itself fitted without the fold that it is measured on.
    predicted = np.zeros(count)
    for k in range(_FOLDS):
        a, b = calibrated(held_out[fold != k], labels[fold != k])
        predicted[fold == k] = sigmoid(a * held_out[fold == k] + b)
    scale, shift = calibrated(held_out, labels)
    members = _members(features, labels, seed)
    return StartModel(members, scale, shift, _quality(predicted, labels), hands)


def brier_skill(predicted: Array, labels: NDArray[np.bool_]) -> float:
    """1 - Brier score over that of always saying the rate; 0 if there is only one outcome."""
    if not len(labels):
        return 0.0
    spread = float(np.var(labels.astype(float)))
    brier = float(np.mean((predicted - labels) ** 2))
    return 1.0 - brier / spread if spread > 0 else 0.0


def calibration_error(predicted: Array, labels: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error over bins of equal count. Source: Nguyen and O'Connor, 2015."""
    if not len(labels):
        return 0.0
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    gaps = [abs(predicted[part].mean() - labels[part].mean()) * len(part) for part in parts]
    return float(np.sum(gaps) / len(labels))


def _quality(predicted: Array, labels: NDArray[np.bool_]) -> StartQuality:
    brier = float(np.mean((predicted - labels) ** 2)) if len(labels) else 0.0
    measured = StartQuality(
        len(labels),
        float(labels.mean()) if len(labels) else 0.0,
        brier,
        brier_skill(predicted, labels),
        calibration_error(predicted, labels),
    )
    # As a file has it, so that a boundary says the same before and after.
    return StartQuality.from_data(measured.to_data())


def _members(features: Array, labels: NDArray[np.bool_], seed: int) -> tuple[Trees, ...]:
    return tuple(fit_trees(features, labels, seed * 1000 + m) for m in range(_MEMBERS))


def _folds(labels: NDArray[np.bool_], seed: int) -> NDArray[np.int64]:
    """Fold (N,) of each sample, both outcomes spread evenly."""
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(labels), dtype=np.int64)
    for value in (False, True):
        members = rng.permutation(np.flatnonzero(labels == value))
        fold[members] = np.arange(len(members)) % _FOLDS
    return fold
