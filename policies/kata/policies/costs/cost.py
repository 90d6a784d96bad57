"""A cost as a request for a chunk takes it: terms with weights, bound to an observation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from kata.datasets.types import ConfigError, Observation, SpecError

from .motion import Forward, ToolForward
from .terms import Term


@dataclass(frozen=True, slots=True)
class Total:
    """Terms with weights; `Total.of(a, b) + 2.0 * Total.of(c)`."""

    terms: tuple[tuple[float, Term], ...] = ()

    @classmethod
    def of(cls, *terms: Term) -> Total:
        """These terms, each with weight 1."""
        return cls(tuple((1.0, term) for term in terms))

    def __add__(self, other: Total) -> Total:
        return Total(self.terms + other.terms)

    def __mul__(self, weight: float) -> Total:
        if not (np.isfinite(weight) and weight >= 0):
            raise ConfigError("not a weight", where="cost", expected="0 or more", got=f"{weight:g}")
        return Total(tuple((weight * own, term) for own, term in self.terms))

    __rmul__ = __mul__


@dataclass(frozen=True, slots=True)
class BoundCost:
    """A total on chunks of one frame, from one observation: the `cost` of a `ChunkRequest`.

    Attributes:
        frame: of the chunks that it rates; a policy of another one refuses it.
        forward: where these chunks lead.
    """

    total: Total
    frame: Literal["joint", "tool"]
    forward: Forward

    def __call__(self, chunks: Tensor) -> Tensor:
        """Costs (B,) of chunks (B, H, A) in SI units."""
        motion = self.forward(chunks)
        out = chunks.new_zeros(len(chunks))
        for weight, term in self.total.terms:
            if weight:
                out = out + weight * term(motion)
        return out


def bind(
    total: Total | Term,
    observation: Observation,
    *,
    hand: str = "",
    frame: Literal["joint", "tool"] = "tool",
    forward: Mapping[str, Forward] | Forward | None = None,
) -> BoundCost:
    """The cost of chunks that start from an observation.

    Args:
        total: what is rated.
        observation: of which the chunks shall be asked.
        hand: whose tool moves; "" is the robot's first.
        frame: of the chunks; `joint` needs `forward`.
        forward: where chunks in joints lead; differentiable.

    Raises SpecError for joint chunks without a forward map, UnknownNameError for another hand.
    """
    whole = total if isinstance(total, Total) else Total.of(total)
    if frame == "tool":
        return BoundCost(whole, frame, ToolForward(observation.tool(hand)))
    if not callable(forward):
        raise SpecError(
            "a cost on chunks in joints needs to know where they lead",
            expected="forward: chunks (B, H, D) to the tool's motion, differentiable",
            hint="give forward=..., or use a policy with control: tool",
        )
    return BoundCost(whole, frame, forward)
