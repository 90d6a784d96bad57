"""A small transformer over the actions of a chunk, with tokens for what is known before them.

Sources: Vaswani et al., arXiv:1706.03762; layer norm before each part as in Xiong et al.,
arXiv:2002.04745; actions as tokens as in Chi et al., Diffusion Policy, arXiv:2303.04137.
Every token sees every other: a chunk is denoised as a whole, so no action comes before another.
Legend: `B` batch, `F` features, `T` tokens, `W` width of a token, `H` actions of a chunk, `A`
width of an action.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .networks import begin_small, level_embedding

_EXPANSION = 4
_KNOWN = 2
"""Tokens before the actions: the features and the noise level."""


class AttentionBlock(nn.Module):
    """Attention of all tokens to all, then two linear layers for each token."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.look_norm = nn.LayerNorm(width)
        self.look = nn.Linear(width, 3 * width)
        self.seen = nn.Linear(width, width)
        self.think_norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, _EXPANSION * width)
        self.outer = nn.Linear(_EXPANSION * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, W) to (B, T, W)."""
        parts = self.look(self.look_norm(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()
        seen = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.seen(seen.transpose(1, 2).flatten(2))
        inner = nn.functional.gelu(self.inner(self.think_norm(x)))
        y: Tensor = x + self.outer(inner)
        return y


class ActionTransformer(nn.Module):
    """From features, a noised chunk and its level to a chunk of at most `horizon` actions.

    Args:
        features: F.
        horizon: the greatest H.
        width: A.
        hidden: W, a multiple of `heads`.
        blocks: of attention.
        heads: of attention.
        embedding: of the level.
    """

    def __init__(
        self,
        features: int,
        horizon: int,
        width: int,
        hidden: int,
        blocks: int,
        heads: int,
        embedding: int,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.features = nn.Linear(features, hidden)
        self.level = nn.Linear(embedding, hidden)
        self.enter = nn.Linear(width, hidden)
        self.place = nn.Parameter(0.02 * torch.randn(_KNOWN + horizon, hidden))
        self.blocks = nn.ModuleList(AttentionBlock(hidden, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(hidden)
        self.leave = nn.Linear(hidden, width)
        begin_small(self.leave)

    def forward(self, features: Tensor, noised: Tensor, level: Tensor) -> Tensor:
        """(B, F), (B, H, A) and levels (B,) in [0, 1] to (B, H, A)."""
        embedded = level_embedding(level, self.embedding)
        known = torch.stack([self.features(features), self.level(embedded)], dim=1)
        x = torch.cat([known, self.enter(noised)], dim=1)
        x = x + self.place[: x.shape[1]]
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.leave(self.norm(x[:, _KNOWN:]))
        return y
