"""The residual MLP, and how a network is told the noise level. Legend: `B` batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Pre-norm residual block of two linear layers (He et al., arXiv:1603.05027)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width) to (B, width)."""
        inner = nn.functional.silu(self.inner(self.norm(x)))
        y: Tensor = x + self.outer(inner)
        return y


class ResidualMLP(nn.Module):
    """Linear layer in, residual blocks, norm, linear layer out."""

    def __init__(self, inputs: int, outputs: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, hidden)
        self.blocks = nn.ModuleList(ResidualBlock(hidden) for _ in range(blocks))
        self.norm = nn.LayerNorm(hidden)
        self.leave = nn.Linear(hidden, outputs)
        begin_small(self.leave)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs) to (B, outputs)."""
        x = self.enter(x)
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.leave(nn.functional.silu(self.norm(x)))
        return y


def begin_small(last: nn.Linear | nn.Conv1d) -> None:
    """Start at the mean action: a small last layer saves the first hundred steps."""
    nn.init.normal_(last.weight, std=1e-2)
    if last.bias is not None:
        nn.init.zeros_(last.bias)


def level_embedding(level: Tensor, width: int) -> Tensor:
    """Sines and cosines (B, width) of noise levels (B,) in [0, 1].

    Vaswani et al., arXiv:1706.03762, section 3.5, with frequencies from 1 to 1000.
    """
    half = width // 2
    ladder = torch.arange(half, dtype=level.dtype, device=level.device) / max(half - 1, 1)
    angle = level[:, None] * torch.exp(ladder * math.log(1000.0))
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)
