"""Observation encoders: raw keys in, a feature vector out; whole datasets at once.

A policy's configuration holds one encoder. `state` reads poses; an encoder of images (a network
that finds object poses, say) registers here under its own name and `composite` puts several side
by side, so that nothing downstream changes. Legend: `B` batch, `F` features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import FeatureSpec, SpecError, UnknownNameError

from .features import StateEncoder

Features = NDArray[np.float32]


class Encoder(Protocol):
    """What turns raw keys into features."""

    @property
    def spec(self) -> FeatureSpec:
        """The raw keys that it reads."""

    @property
    def size(self) -> int:
        """F."""

    def encode(self, values: Mapping[str, Any]) -> Features:
        """Features (B, F) of raw keys, each (B, ...); writes to none of them."""

    def to_json(self) -> dict[str, Any]:
        """Plain data from which `encoder_from_json` builds an equal encoder."""


@dataclass(frozen=True, slots=True)
class CompositeEncoder:
    """Encoders side by side: the features of one after those of the other."""

    parts: tuple[Encoder, ...]

    @property
    def spec(self) -> FeatureSpec:
        """The keys of all parts. Raises SpecError where two disagree on a key."""
        keys: dict[str, Any] = {}
        for part in self.parts:
            for key, spec in part.spec.items():
                if keys.setdefault(key, spec) != spec:
                    raise SpecError("encoders disagree", where=key, got=f"{keys[key]} and {spec}")
        return FeatureSpec.of(keys)

    @property
    def size(self) -> int:
        """F of all parts together."""
        return sum(part.size for part in self.parts)

    def encode(self, values: Mapping[str, Any]) -> Features:
        """Features (B, F) of raw keys, each (B, ...)."""
        return np.concatenate([part.encode(values) for part in self.parts], axis=-1)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "composite", "parts": [part.to_json() for part in self.parts]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CompositeEncoder:
        """Inverse of `to_json`."""
        return cls(tuple(encoder_from_json(part) for part in data["parts"]))


ENCODERS: dict[str, Callable[[Mapping[str, Any]], Encoder]] = {
    "state": StateEncoder.from_json,
    "composite": CompositeEncoder.from_json,
}
"""Every encoder by the `kind` of its plain data; the place to register another."""


def encoder_from_json(data: Mapping[str, Any]) -> Encoder:
    """The encoder of plain data. Raises UnknownNameError or SpecError."""
    kind = str(data.get("kind"))
    if kind not in ENCODERS:
        raise UnknownNameError("encoder", kind, ENCODERS)
    try:
        return ENCODERS[kind](data)
    except (KeyError, TypeError, ValueError) as error:
        raise SpecError("not an encoder's data", where=kind, got=repr(error)) from error
