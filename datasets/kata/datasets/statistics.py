"""Statistics of columns that ignore and count frames with NaN, and merge without the data.

Legend: `F` frames, `W` numbers a frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .types import Array, DatasetError

QUANTILES: Mapping[str, float] = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
"""LeRobot's quantiles by the names of its statistics."""

_MOMENTS = ("min", "max", "mean", "std", *QUANTILES)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of frames (F, W); each array is (W,).

    Attributes:
        frames: F, of which `bad_frames` have a value that is not finite.
        count: finite values; where there is none, the others are 0.
    """

    frames: int
    bad_frames: int
    count: NDArray[np.int64]
    min: Array
    max: Array
    mean: Array
    std: Array
    q01: Array
    q10: Array
    q50: Array
    q90: Array
    q99: Array

    @classmethod
    def of(cls, values: NDArray[Any]) -> Statistics:
        """Of an array (F, ...); the axes after the first are flattened to W."""
        values = np.asarray(values)
        flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
        if not len(flat):
            none = np.zeros(flat.shape[1])
            return cls(0, 0, none.astype(np.int64), *[none] * len(_MOMENTS))
        finite = np.isfinite(flat)
        bad = int((~finite.all(axis=1)).sum())
        rows = np.ascontiguousarray(flat.T, dtype=np.float64)
        if bad:
            rows[~finite.T] = np.nan
        rows.sort(axis=1)  # NaN goes to the end
        count = finite.sum(axis=0)
        some = np.maximum(count, 1)
        known = np.nan_to_num(rows) if bad else rows
        mean = known.sum(axis=1) / some
        spread = (known - mean[:, None]) ** 2
        if bad:
            spread[np.arange(rows.shape[1]) >= count[:, None]] = 0.0
        out = {
            "min": rows[:, 0],
            "max": np.take_along_axis(rows, some[:, None] - 1, axis=1)[:, 0],
            "mean": mean,
            "std": np.sqrt(spread.sum(axis=1) / some),
        }
        out |= {name: _quantile(rows, some, q) for name, q in QUANTILES.items()}
        empty = count == 0
        out = {name: np.where(empty, 0.0, value) for name, value in out.items()}
        return cls(len(flat), bad, count.astype(np.int64), **out)

    def merge(self, other: Statistics) -> Statistics:
        """Of both sets of frames; quantiles are weighted means, as LeRobot merges them."""
        total = self.count + other.count
        weight = other.count / np.maximum(total, 1)
        none, nothing = self.count == 0, other.count == 0
        out = {
            name: getattr(self, name) + weight * (getattr(other, name) - getattr(self, name))
            for name in ("mean", *QUANTILES)
        }
        gap = other.mean - self.mean
        variance = (1 - weight) * self.std**2 + weight * other.std**2
        out["std"] = np.sqrt(variance + weight * (1 - weight) * gap**2)
        for name, pick in (("min", np.minimum), ("max", np.maximum)):
            mine, theirs = getattr(self, name), getattr(other, name)
            out[name] = np.where(none, theirs, np.where(nothing, mine, pick(mine, theirs)))
        return Statistics(
            self.frames + other.frames, self.bad_frames + other.bad_frames, total, **out
        )

    def part(self, start: int, stop: int) -> Statistics:
        """Of the numbers `start` to `stop` of W; `bad_frames` is then a lower bound."""
        arrays = {name: getattr(self, name)[start:stop] for name in ("count", *_MOMENTS)}
        bad = int(self.frames - arrays["count"].min()) if stop > start else 0
        return Statistics(self.frames, bad, **arrays)

    @classmethod
    def join(cls, parts: Sequence[Statistics]) -> Statistics:
        """Side by side: the inverse of `part` for all parts of the same frames."""
        arrays = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("count", *_MOMENTS)
        }
        frames = max((part.frames for part in parts), default=0)
        return cls(frames, max((part.bad_frames for part in parts), default=0), **arrays)

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back to equal numbers."""
        return {
            f.name: value.tolist() if isinstance(value, np.ndarray) else value
            for f in fields(self)
            for value in (getattr(self, f.name),)
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Statistics:
        """Inverse of `to_json`. Raises DatasetError."""
        try:
            arrays = {name: np.array(data[name], dtype=float) for name in _MOMENTS}
            count = np.array(data["count"], dtype=np.int64)
            return cls(int(data["frames"]), int(data["bad_frames"]), count, **arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError("not statistics", got=repr(error)) from error

    def to_lerobot(self, shape: tuple[int, ...] | None = None) -> dict[str, Any]:
        """LeRobot's form: lists of the feature's shape, and the number of frames."""
        out: dict[str, Any] = {}
        for name in _MOMENTS:
            value = getattr(self, name)
            out[name] = (value if shape is None else value.reshape(shape)).tolist()
        out["count"] = [self.frames]
        return out

    @classmethod
    def from_lerobot(cls, data: Mapping[str, Any]) -> Statistics:
        """From LeRobot's form, which does not know of bad frames. Raises DatasetError."""
        try:
            arrays = {
                name: np.ravel(np.array(data.get(name, data["mean"]), dtype=float))
                for name in _MOMENTS
            }
            frames = int(np.ravel(data["count"])[0])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DatasetError("not statistics", where="stats.json", got=repr(error)) from error
        return cls(frames, 0, np.full(len(arrays["mean"]), frames, dtype=np.int64), **arrays)

    @classmethod
    def of_histogram(cls, counts: NDArray[np.int64], frames: int) -> Statistics:
        """Of pixels in [0, 1] from counts (channels, 256) of their 8-bit values."""
        total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        levels = np.arange(256) / 255.0
        share = counts / total
        mean = share @ levels
        std = np.sqrt(np.maximum(share @ levels**2 - mean**2, 0.0))
        seen = np.cumsum(share, axis=1)
        quantiles = {
            name: levels[np.minimum((seen < q - 1e-12).sum(axis=1), 255)]
            for name, q in QUANTILES.items()
        }
        low = levels[np.argmax(counts > 0, axis=1)]
        high = levels[255 - np.argmax(counts[:, ::-1] > 0, axis=1)]
        count = np.full(len(counts), frames, dtype=np.int64)
        return cls(frames, 0, count, low, high, mean, std, **quantiles)


def _quantile(rows: Array, count: NDArray[np.int64], q: float) -> Array:
    """Linear interpolation in sorted rows (W, F) of which `count` (W,) are finite."""
    at = q * (count - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, count - 1)
    below = np.take_along_axis(rows, low[:, None], axis=1)[:, 0]
    above = np.take_along_axis(rows, high[:, None], axis=1)[:, 0]
    return np.asarray(below + (at - low) * (above - below))
