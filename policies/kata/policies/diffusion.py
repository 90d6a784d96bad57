"""Chunk diffusion that predicts the clean chunk, sampled with DDIM in any number of steps.

Sources: Ho et al., DDPM, arXiv:2006.11239; Song et al., DDIM, arXiv:2010.02502; Chi et al.,
Diffusion Policy, arXiv:2303.04137. Predicting the clean chunk rather than the noise keeps one
step usable and gives costs and prefixes something to act on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from .denoisers import DenoiserSettings
from .sampling import SampledPolicy, Step
from .settings import check_range


@dataclass(frozen=True, slots=True)
class DiffusionSettings(DenoiserSettings):
    """Network and noise schedule of a diffusion policy.

    Attributes:
        levels: noise levels in training.
        steps: DDIM steps of a chunk, 1 to `levels`.
    """

    levels: int = 100
    steps: int = 4

    def __post_init__(self) -> None:
        DenoiserSettings.__post_init__(self)
        check_range("levels", self.levels, 2, 1000)
        check_range("steps", self.steps, 1, self.levels)


class DiffusionPolicy(SampledPolicy):
    """Denoises a chunk."""

    name: ClassVar[str] = "diffusion"
    Settings: ClassVar[type[DiffusionSettings]] = DiffusionSettings

    def loss(self, network: nn.Module, features: Tensor, actions: Tensor, seed: int) -> Tensor:
        """Mean squared error () of the clean chunk at one random noise level a row."""
        generator = torch.Generator().manual_seed(seed)
        level = torch.randint(0, self.settings.levels, (len(actions),), generator=generator)
        noise = torch.randn(actions.shape, generator=generator).to(self.device)
        kept = self._kept[level].to(self.device)[:, None, None]
        noised = kept.sqrt() * actions + (1.0 - kept).sqrt() * noise
        share = (level / (self.settings.levels - 1)).to(self.device)
        clean: Tensor = network(features, noised, share)
        return nn.functional.mse_loss(clean, actions)

    def plan(self) -> Sequence[Step]:
        """DDIM without new noise; the levels end at the noisiest, where sampling begins."""
        levels, count = self.settings.levels, self.settings.steps
        way = [round(levels * (count - i) / count) - 1 for i in range(count)]
        kept = [float(self._kept[level]) for level in way] + [1.0]
        steps = []
        for i, level in enumerate(way):
            signal, noise = math.sqrt(kept[i]), math.sqrt(1.0 - kept[i])
            stay = math.sqrt(1.0 - kept[i + 1]) / noise
            pull = math.sqrt(kept[i + 1]) - stay * signal
            steps.append(Step(level / (levels - 1), signal, noise, 0.0, 1.0, stay, pull))
        return steps

    @cached_property
    def _kept(self) -> Tensor:
        return kept_share(self.settings.levels)


def kept_share(levels: int) -> Tensor:
    """Share (levels,) of the chunk's variance that each noise level keeps, falling to almost 0.

    The squared cosine of Nichol & Dhariwal, arXiv:2102.09672, section 3.2.
    """
    place = torch.arange(levels + 1, dtype=torch.float64) / levels
    whole = torch.cos((place + 0.008) / 1.008 * math.pi / 2) ** 2
    lost = (1.0 - whole[1:] / whole[:-1]).clamp(max=0.999)
    return torch.cumprod(1.0 - lost, dim=0).float()
