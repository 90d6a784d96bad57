"""Chunked L1 regression: the median chunk in one pass of a residual MLP.

Source: the L1 loss on chunks of Zhao et al., ACT, arXiv:2304.13705, without its transformer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from .guidance import Frozen
from .guidance_cost import Cost
from .networks import ResidualMLP
from .policy import ChunkPolicy
from .settings import check_range


@dataclass(frozen=True, slots=True)
class RegressionSettings:
    """Network of a regression policy."""

    hidden: int = 256
    blocks: int = 3

    def __post_init__(self) -> None:
        check_range("hidden", self.hidden, 8, 1024)
        check_range("blocks", self.blocks, 1, 16)


class RegressionPolicy(ChunkPolicy):
    """Deterministic: seeds change nothing. It goes on from a prefix by least squares alone."""

    name: ClassVar[str] = "regression"
    Settings: ClassVar[type[RegressionSettings]] = RegressionSettings

    def build(self) -> nn.Module:
        """Features (F) to chunk (H * A)."""
        spec, settings = self.chunk_spec, self.settings
        outputs = spec.horizon * spec.width
        return ResidualMLP(self.card.encoder.size, outputs, settings.hidden, settings.blocks)

    def loss(self, network: nn.Module, features: Tensor, actions: Tensor, seed: int) -> Tensor:
        """Mean absolute error () of normalised chunks."""
        chunks: Tensor = network(features)
        return (chunks - actions.flatten(1)).abs().mean()

    def predict(
        self,
        features: Tensor,
        seeds: Sequence[int],
        frozen: Frozen | None = None,
        costs: Sequence[Cost | None] = (),
    ) -> Tensor:
        """Normalised chunks (B, H, A)."""
        spec = self.chunk_spec
        chunks = self.answer(features).view(-1, spec.horizon, spec.width)
        steer = self.steering(costs, frozen)
        return chunks if steer is None else steer(chunks)
