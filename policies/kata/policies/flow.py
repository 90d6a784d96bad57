"""Conditional flow matching on chunks: straight ways from noise to a chunk, a few Euler steps.

Sources: Lipman et al., Flow Matching, arXiv:2210.02747, section 4.1 with the optimal-transport way;
Liu et al., Rectified Flow, arXiv:2209.03003.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from .denoisers import DenoiserSettings
from .sampling import SampledPolicy, Step
from .settings import check_range


@dataclass(frozen=True, slots=True)
class FlowSettings(DenoiserSettings):
    """Network of a flow policy.

    Attributes:
        steps: Euler steps of a chunk.
    """

    steps: int = 4

    def __post_init__(self) -> None:
        DenoiserSettings.__post_init__(self)
        check_range("steps", self.steps, 1, 1000)


class FlowPolicy(SampledPolicy):
    """Follows a velocity from noise at time 0 to a chunk at time 1."""

    name: ClassVar[str] = "flow"
    Settings: ClassVar[type[FlowSettings]] = FlowSettings

    def loss(self, network: nn.Module, features: Tensor, actions: Tensor, seed: int) -> Tensor:
        """Mean squared error () of the velocity at one random time a row."""
        generator = torch.Generator().manual_seed(seed)
        time = torch.rand(len(actions), generator=generator).to(self.device)
        noise = torch.randn(actions.shape, generator=generator).to(self.device)
        between = torch.lerp(noise, actions, time[:, None, None])
        velocity: Tensor = network(features, between, time)
        return nn.functional.mse_loss(velocity, actions - noise)

    def plan(self) -> Sequence[Step]:
        """Equal steps of time; the clean estimate is where the velocity would lead by time 1."""
        count = self.settings.steps
        steps = []
        for i in range(count):
            time, pull = i / count, 1.0 / (count - i)
            steps.append(Step(time, time, 1.0 - time, 1.0, 1.0 - time, 1.0 - pull, pull))
        return steps
