"""A conditional 1-D U-Net over a chunk: convolutions along the actions, in several strides.

Sources: Janner et al., Diffuser, arXiv:2205.09991, appendix C; Chi et al., Diffusion Policy,
arXiv:2303.04137, section III-A (conditioning by FiLM, Perez et al., arXiv:1709.07871).
Legend: `B` batch, `F` features, `E` embedding, `C` channels, `L` places along the chunk,
`H` actions of a chunk, `A` width of an action.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .networks import begin_small, level_embedding

_FEW_ROWS = 4
"""Up to here a product beats a convolution; beyond, a convolution's library is as fast."""

_EXPANSION = 4
"""How much wider than its input the hidden layer of the level's encoder is."""


class ChunkConv(nn.Conv1d):
    """A convolution (B, C, L) to (B, C', L') with an odd kernel, padded by half of it.

    Five times faster for one row of many channels.
    """

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int = 1) -> None:
        super().__init__(entering, leaving, kernel, stride, padding=kernel // 2)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """For few rows the library spends its time on sorting the weights; a product does not."""
        traced = torch.compiler.is_compiling()
        if traced or torch.is_grad_enabled() or len(input) > _FEW_ROWS:
            return super().forward(input)
        width = self.kernel_size[0]
        padded = nn.functional.pad(input, (width // 2, width // 2))
        places = padded.unfold(2, width, self.stride[0])
        rows, _, length, _ = places.shape
        seen = places.transpose(1, 2).reshape(rows * length, -1)
        out = nn.functional.linear(seen, self.weight.flatten(1), self.bias)
        return out.view(rows, length, -1).transpose(1, 2)


class FilmBlock(nn.Module):
    """Two convolutions with group norms; what is known scales and shifts each channel between."""

    def __init__(self, entering: int, leaving: int, known: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.first = ChunkConv(entering, leaving, kernel)
        self.first_norm = nn.GroupNorm(groups, leaving)
        self.film = nn.Linear(known, 2 * leaving)
        self.second = ChunkConv(leaving, leaving, kernel)
        self.second_norm = nn.GroupNorm(groups, leaving)
        self.around = ChunkConv(entering, leaving, 1) if entering != leaving else nn.Identity()
        # Begin without a condition: a scale of one and a shift of zero.
        nn.init.zeros_(self.film.bias[leaving:])
        nn.init.ones_(self.film.bias[:leaving])

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """(B, C, L) and activated (B, K) to (B, C', L)."""
        mish = nn.functional.mish
        scale, shift = self.film(known).unsqueeze(-1).chunk(2, dim=1)
        y = torch.addcmul(shift, scale, mish(self.first_norm(self.first(x))))
        out: Tensor = mish(self.second_norm(self.second(y))) + self.around(x)
        return out


class _Stage(nn.Module):
    """Two blocks at one stride."""

    def __init__(self, entering: int, leaving: int, known: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.enter = FilmBlock(entering, leaving, known, kernel, groups)
        self.go_on = FilmBlock(leaving, leaving, known, kernel, groups)

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        y: Tensor = self.go_on(self.enter(x, known), known)
        return y


class ConditionalUNet(nn.Module):
    """From features, a noised chunk and its level to a chunk; any H.

    A chunk whose length the strides do not divide is padded with its last action.

    Args:
        features: F.
        width: A.
        channels: C of each stride, finest first, each a multiple of `groups`.
        embedding: E of the level.
        kernel: places that a convolution sees, odd.
        groups: of the group norms.
    """

    def __init__(
        self,
        features: int,
        width: int,
        channels: Sequence[int],
        embedding: int,
        kernel: int = 5,
        groups: int = 8,
    ) -> None:
        super().__init__()
        known = embedding + features
        self.embedding = embedding
        self.stride = 2 ** (len(channels) - 1)
        self.level = nn.Sequential(
            nn.Linear(embedding, _EXPANSION * embedding),
            nn.Mish(),
            nn.Linear(_EXPANSION * embedding, embedding),
        )
        # What scales and shifts is two layers away from the features, and so no mere sum of them.
        self.features = nn.Linear(features, features)
        pairs = list(zip([width, *channels[:-1]], channels, strict=True))
        self.down = nn.ModuleList(_Stage(a, b, known, kernel, groups) for a, b in pairs)
        self.shrink = nn.ModuleList(ChunkConv(c, c, 3, stride=2) for c in channels[:-1])
        self.middle = _Stage(channels[-1], channels[-1], known, kernel, groups)
        back = pairs[:0:-1]
        self.up = nn.ModuleList(_Stage(2 * b, a, known, kernel, groups) for a, b in back)
        self.grow = nn.ModuleList(nn.ConvTranspose1d(a, a, 4, stride=2, padding=1) for a, _ in back)
        self.last = ChunkConv(channels[0], channels[0], kernel)
        self.last_norm = nn.GroupNorm(groups, channels[0])
        self.leave = ChunkConv(channels[0], width, 1)
        begin_small(self.leave)

    def forward(self, features: Tensor, noised: Tensor, level: Tensor) -> Tensor:
        """(B, F), (B, H, A) and levels (B,) in [0, 1] to (B, H, A)."""
        horizon = noised.shape[1]
        step = self.level(level_embedding(level, self.embedding))
        known = nn.functional.mish(torch.cat([step, self.features(features)], dim=-1))
        x = noised.transpose(1, 2)
        if horizon % self.stride:
            x = nn.functional.pad(x, (0, -horizon % self.stride), mode="replicate")
        seen = []
        for i, stage in enumerate(self.down):
            x = stage(x, known)
            seen.append(x)
            if i < len(self.shrink):
                x = self.shrink[i](x)
        x = self.middle(x, known)
        for stage, grow in zip(self.up, self.grow, strict=True):
            x = grow(stage(torch.cat([x, seen.pop()], dim=1), known))
        x = nn.functional.mish(self.last_norm(self.last(x)))
        y: Tensor = self.leave(x).transpose(1, 2)
        return y[:, :horizon]
