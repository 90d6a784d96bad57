"""Affine normalisers: to zero mean and unit spread, with a floor under the spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import SpecError

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Normaliser:
    """`(x - center) / scale`, clipped; arrays of any one shape, float32.

    Attributes:
        clip: bound of an encoded number, so that one wild input cannot drive a network far out.
    """

    center: Floats
    scale: Floats
    clip: float

    def __post_init__(self) -> None:
        same = self.center.shape == self.scale.shape
        if not same or not np.isfinite(self.center).all() or not self.clip > 0:
            raise SpecError("normaliser", expected="finite center and scale of one shape")
        if not (np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise SpecError("normaliser", expected="scale > 0 and finite")

    @classmethod
    def fit(cls, values: Floats, floor: float | Floats, clip: float) -> Normaliser:
        """Mean and spread over the first axis of (B, ...).

        `floor`, one for all or broadcast to (...), keeps a number that hardly moves in the data
        from becoming huge elsewhere.
        """
        if not len(values):
            raise SpecError("nothing to fit a normaliser to", expected="at least one row")
        spread = np.maximum(values.std(axis=0, dtype=np.float64), floor)
        mean = values.mean(axis=0, dtype=np.float64)
        return cls(mean.astype(np.float32), spread.astype(np.float32), clip)

    def encode(self, values: Floats) -> Floats:
        """Normalised (B, ...), within +-clip."""
        return np.clip((values - self.center) / self.scale, -self.clip, self.clip)

    def decode(self, values: Floats) -> Floats:
        """Inverse of `encode` for what was not clipped."""
        return np.asarray(values * self.scale + self.center)

    def to_json(self) -> dict[str, Any]:
        """Plain data; a float32 survives it to the bit."""
        return {
            "center": self.center.astype(float).tolist(),
            "scale": self.scale.astype(float).tolist(),
            "clip": self.clip,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Normaliser:
        """Inverse of `to_json`. Raises SpecError for data of another form."""
        try:
            center, scale = (np.array(data[k], dtype=np.float32) for k in ("center", "scale"))
            return cls(center, scale, float(data["clip"]))
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError("not a normaliser's data", got=repr(error)) from error
