"""Learned progress: how far a skill has come, and whether it is there, from what is seen alone.

Two boosted ensembles make a hurdle model (Cragg, "Some statistical models for limited dependent
variables", 1971): one says whether `achieves` holds, the other which share of the way lies behind
where it does not; progress is the expected share, `there + (1 - there) * share`.
Legend: `T` frames, `F` features, `M` members of an ensemble.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, Observation
from kata.skills.contract.call import Call

from .boosting import Trees
from .calibration import mean_logits, sigmoid
from .sections import read_quality, rounded

MOST_ON_THE_WAY = 0.95
"""Greatest share of the way of a state in which `achieves` does not hold."""

BAND = 0.05
"""Progress that stays within this of what it was has not changed."""

_SMOOTHING = 0.15
"""Weight of a new frame in smoothed progress: what trembles gets nowhere."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call is.

    Attributes:
        value: from 0 to 1.
        there: how probably `achieves` holds now.
        patience_s: for how long a call may stay as far as it is.
    """

    value: float
    there: float
    patience_s: float


class Stay:
    """For how long smoothed progress has been within `BAND` of what it was."""

    def __init__(self, value: float, now_s: float) -> None:
        self._smooth = self._anchor = value
        self._since_s = now_s

    def add(self, value: float, now_s: float) -> float:
        """Take the next frame; for how long, in s, there has been no change."""
        self._smooth += _SMOOTHING * (value - self._smooth)
        if abs(self._smooth - self._anchor) > BAND:
            self._anchor, self._since_s = self._smooth, now_s
        return now_s - self._since_s


@runtime_checkable
class Progressing(Protocol):
    """A boundary that can tell how far a call is."""

    def how_far(self, call: Call, observation: Observation) -> Progress | None:
        """How far it is; None where that is not known."""


@dataclass(frozen=True, slots=True)
class ProgressQuality:
    """How good it is on rollouts that were held out.

    Attributes:
        ways: rollouts and demonstrations it was fitted to.
        reached: those that got there.
        error: mean |progress - share of the way| of those.
        calibration_error: expected |predicted - observed| of `there`, over frames.
        false_done, missed_done: share of rollouts ended wrongly, or not ended, without any facts.
    """

    ways: int
    reached: int
    error: float
    calibration_error: float
    false_done: float
    missed_done: float

    def to_data(self) -> dict[str, float]:
        """Plain data for a file."""
        return rounded(asdict(self))

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> ProgressQuality:
        """Inverse of `to_data`. Raises KeyError, TypeError or ValueError."""
        names = ("error", "calibration_error", "false_done", "missed_done")
        return cls(int(data["ways"]), int(data["reached"]), *read_quality(data, names))


@dataclass(frozen=True, slots=True)
class ProgressModel:
    """How far a state is on the way of a skill.

    Attributes:
        share: (M,) ensembles for the share of the way.
        there: (M,) ensembles for whether `achieves` holds.
        scale, shift: calibrate the log-odds of `there`.
        enter, leave: `there` from which on a call counts as done, and below which no more.
        patience_s: a call whose progress has not changed for so long has stalled.
        width: F.
    """

    share: tuple[Trees, ...]
    there: tuple[Trees, ...]
    scale: float
    shift: float
    enter: float
    leave: float
    patience_s: float
    width: int
    quality: ProgressQuality

    def of(self, features: Array) -> tuple[Array, Array]:
        """Progress (T,) and `there` (T,) of features (T, F)."""
        there = sigmoid(self.scale * mean_logits(self.there, features) + self.shift)
        share = MOST_ON_THE_WAY * sigmoid(mean_logits(self.share, features))
        return there + (1.0 - there) * share, there

    def at(self, features: Array) -> Progress | None:
        """Of one frame (1, F); None where it is not of this model's width."""
        if features.shape != (1, self.width):
            return None
        value, there = self.of(features)
        return Progress(float(value[0]), float(there[0]), self.patience_s)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Card and arrays of the boundary's section `progress`."""
        card = {
            "members": [len(self.share), len(self.there)],
            "base": [trees.base for trees in (*self.share, *self.there)],
            "scale": self.scale,
            "shift": self.shift,
            "enter": self.enter,
            "leave": self.leave,
            "patience_s": self.patience_s,
            "width": self.width,
            "quality": self.quality.to_data(),
        }
        tensors: dict[str, NDArray[Any]] = {}
        for m, trees in enumerate((*self.share, *self.there)):
            for name in ("feature", "threshold", "leaf"):
                tensors[f"{m}.{name}"] = getattr(trees, name)
        return card, tensors

    @classmethod
    def of_parts(
        cls, card: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
    ) -> ProgressModel:
        """Inverse of `to_parts`. Raises KeyError, TypeError or ValueError."""
        first, second = (int(count) for count in card["members"])
        width = int(card["width"])
        if first < 1 or second < 1 or len(card["base"]) != first + second:
            raise ValueError("members must be counts of two ensembles, with a base for each")
        trees = [_trees(card["base"][m], tensors, m, width) for m in range(first + second)]
        names = ("scale", "shift", "enter", "leave", "patience_s")
        numbers = [float(card[name]) for name in names]
        scale, shift, enter, leave, patience = numbers
        if not np.isfinite(numbers).all():
            raise ValueError("numbers must be finite")
        if not 0.0 < leave <= enter < 1.0 or patience <= 0.0:
            raise ValueError("0 < leave <= enter < 1 and patience_s > 0 must hold")
        quality = ProgressQuality.from_data(card["quality"])
        parts = tuple(trees[:first]), tuple(trees[first:])
        return cls(*parts, scale, shift, enter, leave, patience, width, quality)


def _trees(base: Any, tensors: Mapping[str, NDArray[Any]], m: int, width: int) -> Trees:
    """Trees of a member. Raises KeyError, TypeError or ValueError."""
    feature, threshold, leaf = (tensors[f"{m}.{name}"] for name in ("feature", "threshold", "leaf"))
    rounds = len(feature)
    shapes = feature.shape, threshold.shape, leaf.shape
    if shapes != ((rounds, 3), (rounds, 3), (rounds, 4)):
        raise ValueError(f"trees {m} of shapes {shapes}")
    whole = np.issubdtype(feature.dtype, np.integer)
    if not whole or (rounds and not 0 <= int(feature.min()) <= int(feature.max()) < width):
        raise ValueError(f"trees {m} look at features that are not there")
    if not np.isfinite([float(base), *threshold.ravel(), *leaf.ravel()]).all():
        raise ValueError(f"trees {m} with numbers that are not finite")
    return Trees(float(base), feature, threshold, leaf)
