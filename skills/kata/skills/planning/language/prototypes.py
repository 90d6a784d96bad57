"""What a part of a sentence is: the label of the nearest example, if it is near enough.

Nearest neighbours over sentence embeddings (Reimers and Gurevych 2019, arXiv 1908.10084), with a
refusal where the nearest example is far or another label is as near.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .examples import TextEncoder, embed, shipped


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest label of a text.

    Attributes:
        label: of the nearest example; empty where it is too far, or not far enough ahead.
        best: label of the nearest example in any case.
        likeness: its cosine, -1 to 1.
        ahead: by how much it is nearer than the nearest example of another label.
        example: the nearest one.
    """

    label: str
    best: str
    likeness: float
    ahead: float
    example: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How near an example must be, and how far ahead of other labels."""

    least: float
    ahead: float


class Prototypes:
    """Labelled examples of one kind; embedded when the first text is read.

    Args:
        examples: texts by label.
        limits: when to believe the nearest.
    """

    def __init__(
        self, examples: Mapping[str, Sequence[str]], limits: Limits, encoder: TextEncoder
    ) -> None:
        self._pairs = [(label, text) for label, texts in examples.items() for text in texts]
        self._limits, self._encoder = limits, encoder
        self._exact = {text: label for label, text in reversed(self._pairs)}
        self._vectors: NDArray[np.float32] | None = None

    def has(self, text: str, label: str) -> bool:
        """Whether the text itself is an example of a label."""
        return self._exact.get(text) == label

    def texts(self, label: str) -> tuple[str, ...]:
        """The examples of a label."""
        return tuple(text for found, text in self._pairs if found == label)

    def nearest(self, text: str, among: Sequence[str] = ()) -> Nearest:
        """The label of a text; `among` narrows the labels, by default to all."""
        if text in self._exact and (not among or self._exact[text] in among):
            return Nearest(self._exact[text], self._exact[text], 1.0, 1.0, text)
        if self._vectors is None:
            self._vectors = embed([text for _, text in self._pairs], self._encoder)
        likeness = self._vectors @ self._encoder.encode([text], keep=False)[0]
        best: dict[str, tuple[float, str]] = {}
        for (label, example), value in zip(self._pairs, likeness, strict=True):
            if not among or label in among:
                best[label] = max(best.get(label, (-1.0, "")), (float(value), example))
        first, *others = sorted(best, key=lambda label: -best[label][0])
        value, example = best[first]
        ahead = value - (best[others[0]][0] if others else -1.0)
        sure = value >= self._limits.least and ahead >= self._limits.ahead
        return Nearest(first if sure else "", first, value, ahead, example)


def prototypes(kind: str, encoder: TextEncoder) -> Prototypes:
    """The examples of one kind in `prototypes.yaml`: opening, aside, proviso, ending or link."""
    data = shipped("prototypes")
    return Prototypes(data[kind], Limits(**data["limits"][kind]), encoder)
