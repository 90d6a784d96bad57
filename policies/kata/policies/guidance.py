"""Real-time chunking: a sampler is guided by what already runs while it computes.

Source: Black, Galliker & Levine, "Real-Time Execution of Action Chunking Flow Policies",
arXiv:2506.07339, equations 2 to 5; pseudo-inverse guidance of Song et al., ICLR 2023. They give it
for flows; here it acts on the clean estimate, for any sampler whose sample is
x = signal * chunk + noise * unit noise.

Guidance adds c * g to the estimate, where g is the weighted difference of what runs and the
estimate, times the Jacobian of the estimate by x (a vector-Jacobian product). By Tweedie's formula
a score s of x moves the estimate by noise² / signal * s, and pseudo-inverse guidance has the score
g / r², where r² = noise² / (signal² + noise²) is the variance of a unit Gaussian chunk given x. So

    c = (signal² + noise²) / signal, at most beta * noise.

For a flow, with signal = time, noise = 1 - time and the velocity (estimate - x) / noise, that is
their equation 2 with its clipped weight beta; for diffusion, whose signal² + noise² = 1, it is
1 / signal, and the bound is the one that the flow on x / (signal + noise) has.
Legend: `B` batch, `H` actions of a chunk, `A` width of an action.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

BETA = 5.0
"""Greatest weight of the guidance of a flow's velocity, as published."""

_SAME, _NEAR = 1e-4, 0.05
"""Normalised difference below which chunks are equal, and the one more from which they differ."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What already runs, where `weights` (B, H, 1) is not 0: `values` (B, H, A), normalised.

    Committed actions have weight 1, and others less.
    """

    weights: Tensor
    values: Tensor

    @property
    def mask(self) -> Tensor:
        """Which actions (B, H, 1) are committed."""
        return self.weights >= 1.0


def strength(signal: float, noise: float, *, last: bool = False) -> float:
    """The factor c of a step of the sampler; see the module.

    At most 1 in the last step, after which nothing mends what goes beyond what runs.
    """
    most = min(BETA * noise, 1.0) if last else BETA * noise
    return min(most, (signal**2 + noise**2) / signal) if signal > 0.0 else most


def guided(
    estimate: Callable[[Tensor], Tensor],
    x: Tensor,
    frozen: Frozen,
    factor: float,
    clip: float | Tensor,
) -> Tensor:
    """The clean estimate (B, H, A) of x, moved towards what runs; rows act on themselves alone."""
    most = torch.as_tensor(clip, dtype=x.dtype, device=x.device)
    with torch.enable_grad():
        free = x.detach().requires_grad_()
        raw = estimate(free)
    clean = raw.detach().clamp(-most, most)
    missing = frozen.weights * (frozen.values - clean)
    if not raw.requires_grad:  # a network that does not look at its sample cannot be moved by it
        return clean
    (gradient,) = torch.autograd.grad(raw, free, missing, allow_unused=True, materialize_grads=True)
    return (clean + factor * gradient).clamp(-most, most)


def between(free: Tensor, bound: Tensor, frozen: Frozen) -> Tensor:
    """Chunks (B, H, A): the guided ones, but free ones that agree with what runs are untouched.

    A sampler's early estimates differ from its chunk, so that guidance would change a chunk that
    needs no change. From one to the other it goes without a jump.
    """
    gap = (frozen.weights * (frozen.values - free)).abs().amax(dim=(1, 2), keepdim=True)
    share = ((gap - _SAME) / _NEAR).clamp(0.0, 1.0)
    return torch.where(share > 0.0, free + share * (bound - free), free)
