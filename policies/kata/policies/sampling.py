"""What all policies that sample have in common: from noise to a chunk in a few steps.

In each step the network's answer is read as an estimate of the clean chunk; the estimate is
guided by what already runs, steered by the cost and set to the committed actions, and the sample
moves towards it. Diffusion and
flow matching differ only in the numbers of the steps and in what the network is trained to say.
Legend: `B` batch, `F` features, `H` actions of a chunk, `A` width of an action.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from .denoisers import make_denoiser
from .guidance import Frozen, between, guided, strength
from .guidance_cost import Cost, Steering
from .policy import ChunkPolicy


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sampler on a sample x.

    Attributes:
        level: what the network is told, in [0, 1].
        signal, noise: a frozen action stands in x as `signal * action + noise * its noise`.
        keep, gain: the clean estimate is `keep * x + gain * answer`.
        stay, pull: the next sample is `stay * x + pull * clean estimate`.
    """

    level: float
    signal: float
    noise: float
    keep: float
    gain: float
    stay: float
    pull: float

    @property
    def last(self) -> bool:
        """Whether the next sample is the clean estimate itself."""
        return (self.stay, self.pull) == (0.0, 1.0)

    def estimate(self, network: Callable[..., Tensor], features: Tensor, x: Tensor) -> Tensor:
        """The clean chunk (B, H, A) that a network sees in a sample x."""
        answer: Tensor = network(features, x, torch.full_like(features[:, 0], self.level))
        if (self.keep, self.gain) == (0.0, 1.0):
            return answer
        return self.keep * x + self.gain * answer


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a chunk comes out of noise: the steps, and the bound of a normalised number."""

    steps: tuple[Step, ...]
    clip: float

    def run(
        self,
        network: Callable[..., Tensor],
        features: Tensor,
        noise: Tensor,
        frozen: Frozen | None = None,
        steer: Steering | None = None,
    ) -> Tensor:
        """Normalised chunks (B, H, A) of features (B, F) and noise (B, H, A)."""
        x = noise
        for step in self.steps:
            if frozen is not None:
                known = step.signal * frozen.values + step.noise * noise
                x = torch.where(frozen.mask, known, x)
            estimate = partial(step.estimate, network, features)
            if frozen is None:
                clean = estimate(x).clamp(-self.clip, self.clip)
            else:
                factor = strength(step.signal, step.noise, last=step.last)
                clean = guided(estimate, x, frozen, factor, self.clip)
            if steer is not None:
                clean = steer(clean, step.noise)
            if frozen is not None:
                clean = torch.where(frozen.mask, frozen.values, clean)
            x = clean if step.last else step.stay * x + step.pull * clean
        return x


class SampledPolicy(ChunkPolicy):
    """Samples chunks, guided by a prefix; see `guidance`.

    Guidance needs gradients, which other engines have not: with a prefix the network itself
    answers beside the engine.

    A kind of its own gives `loss` and `plan`, and settings that are `DenoiserSettings`.
    """

    guide: ClassVar[float] = 0.0

    @abstractmethod
    def plan(self) -> Sequence[Step]:
        """The steps from pure noise to a chunk; the last one ends at the clean estimate."""

    def build(self) -> nn.Module:
        """The denoiser that the settings ask for."""
        spec = self.chunk_spec
        return make_denoiser(self.settings, self.card.encoder.size, spec.horizon, spec.width)

    def predict(
        self,
        features: Tensor,
        seeds: Sequence[int],
        frozen: Frozen | None = None,
        costs: Sequence[Cost | None] = (),
    ) -> Tensor:
        """Normalised chunks (B, H, A)."""
        noise = self._noise(seeds)
        free = self._sampling.run(self.answer, features, noise, None, self.steering(costs, frozen))
        if frozen is None:
            return free
        steer = self.steering(costs, frozen)
        bound = self._sampling.run(self.network, features, noise, frozen, steer)
        return between(free, bound, frozen)

    def _noise(self, seeds: Sequence[int]) -> Tensor:
        """Noise (B, H, A) of one seed a row, drawn on the CPU so that devices agree."""
        noise = torch.empty(len(seeds), self.chunk_spec.horizon, self.chunk_spec.width)
        generator = torch.Generator()
        for row, seed in zip(noise, seeds, strict=True):
            row.normal_(generator=generator.manual_seed(seed))
        return noise.to(self.device)

    @cached_property
    def _sampling(self) -> Sampling:
        return Sampling(tuple(self.plan()), self.card.actions.clip)
