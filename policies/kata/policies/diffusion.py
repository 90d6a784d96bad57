"""Chunk diffusion that predicts the clean chunk, sampled with DDIM in any number of steps.

Sources: Ho et al., DDPM, arXiv:2006.11239; Song et al., DDIM, arXiv:2010.02502; Chi et al.,
Diffusion Policy, arXiv:2303.04137. Predicting the clean chunk rather than the noise keeps one
step usable and gives costs and prefixes something to act on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .networks import ResidualMLP, level_embedding
from .policy import ChunkPolicy, Cost, Frozen, steered
from .settings import check_range


@dataclass(frozen=True, slots=True)
class DiffusionSettings:
    """Network and noise schedule of a diffusion policy.

    Attributes:
        levels: noise levels in training.
        steps: DDIM steps of a chunk, 1 to `levels`.
        embedding: width of the noise level's embedding.
    """

    hidden: int = 256
    blocks: int = 3
    levels: int = 100
    steps: int = 4
    embedding: int = 32

    def __post_init__(self) -> None:
        check_range("hidden", self.hidden, 8, 1024)
        check_range("blocks", self.blocks, 1, 16)
        check_range("levels", self.levels, 2, 1000)
        check_range("steps", self.steps, 1, self.levels)
        check_range("embedding", self.embedding, 2, 256)


class _Denoiser(nn.Module):
    """Clean chunk from features, noised chunk and noise level."""

    def __init__(self, features: int, chunk: int, settings: DiffusionSettings) -> None:
        super().__init__()
        self.embedding = settings.embedding - settings.embedding % 2
        inputs = features + chunk + self.embedding
        self.body = ResidualMLP(inputs, chunk, settings.hidden, settings.blocks)

    def forward(self, features: Tensor, noised: Tensor, level: Tensor) -> Tensor:
        """(B, F), (B, H * A) and levels (B,) in [0, 1] to (B, H * A)."""
        clean: Tensor = self.body(
            torch.cat([features, noised, level_embedding(level, self.embedding)], dim=-1)
        )
        return clean


class DiffusionPolicy(ChunkPolicy):
    """Samples chunks. A prefix is inpainted: frozen at its noise level in every step."""

    name: ClassVar[str] = "diffusion"
    Settings: ClassVar[type[DiffusionSettings]] = DiffusionSettings

    def build(self) -> nn.Module:
        """The denoiser."""
        chunk = self.chunk_spec.horizon * self.chunk_spec.width
        return _Denoiser(self.card.encoder.size, chunk, self.settings)

    def loss(self, network: nn.Module, features: Tensor, actions: Tensor, seed: int) -> Tensor:
        """Mean squared error () of the clean chunk at one random noise level a row."""
        generator = torch.Generator().manual_seed(seed)
        count = len(actions)
        level = torch.randint(0, self.settings.levels, (count,), generator=generator)
        noise = torch.randn(actions.shape, generator=generator)
        level, noise = level.to(self.device), noise.to(self.device)
        noised = self._scheduler.add_noise(actions, noise, level)
        clean: Tensor = network(features, noised.flatten(1), self._share(level))
        return nn.functional.mse_loss(clean, actions.flatten(1))

    def predict(
        self,
        features: Tensor,
        seeds: Sequence[int],
        frozen: Frozen | None = None,
        costs: Sequence[Cost | None] = (),
    ) -> Tensor:
        """Normalised chunks (B, H, A)."""
        shape = (self.chunk_spec.horizon, self.chunk_spec.width)
        noise = torch.stack(
            [torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds]
        ).to(self.device)
        sample, scheduler = noise, self._scheduler
        for level in scheduler.timesteps:
            levels = level.repeat(len(sample)).to(self.device)
            if frozen is not None:
                known = scheduler.add_noise(frozen.values, noise, levels)
                sample = torch.where(frozen.mask, known, sample)
            clean = self.network(features, sample.flatten(1), self._share(levels))
            clean = steered(clean.unflatten(1, shape), costs, self.decode)
            if frozen is not None:
                clean = torch.where(frozen.mask, frozen.values, clean)
            sample = scheduler.step(clean, level, sample).prev_sample
        return sample

    @cached_property
    def _scheduler(self) -> Any:
        # Here, not above: diffusers takes seconds to import and only this policy needs it.
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler

        scheduler = DDIMScheduler(
            num_train_timesteps=self.settings.levels,
            beta_schedule="squaredcos_cap_v2",
            prediction_type="sample",
            timestep_spacing="trailing",  # few steps must begin at pure noise
            clip_sample=True,
            clip_sample_range=self.card.actions.clip,
        )
        scheduler.set_timesteps(self.settings.steps)
        return scheduler

    def _share(self, level: Tensor) -> Tensor:
        """Noise level as a share in [0, 1]."""
        share: Tensor = level / (self.settings.levels - 1)
        return share
