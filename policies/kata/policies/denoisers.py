"""The networks of policies that sample: one interface, three kinds, the same settings.

A denoiser maps features (B, F), a noised chunk (B, H, A) and its level (B,) in [0, 1] to (B, H, A).
Legend: `B` batch, `F` features, `H` actions of a chunk, `A` width of an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from kata.datasets.types import ConfigError, UnknownNameError

from .networks import ResidualMLP, level_embedding
from .settings import check_range
from .transformer import ActionTransformer
from .unet import ConditionalUNet

NETWORKS = ("mlp", "unet", "transformer")


@dataclass(frozen=True, slots=True)
class DenoiserSettings:
    """Network of a policy that samples.

    Attributes:
        network: `mlp`, the fastest; `unet`, convolutions along the chunk; `transformer`, actions
            as tokens.
        hidden: numbers in the widest layer: of the MLP, of the U-Net's coarsest stride (each finer
            one has half of it), of a transformer's token.
        blocks: of the MLP or transformer; strides of the U-Net.
        embedding: width of the noise level's embedding.
        kernel: places that a convolution of the U-Net sees, odd.
        groups: of the U-Net's group norms.
        heads: of the transformer's attention.
    """

    network: str = "mlp"
    hidden: int = 256
    blocks: int = 3
    embedding: int = 32
    kernel: int = 5
    groups: int = 8
    heads: int = 4

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise UnknownNameError("network", self.network, NETWORKS)
        check_range("hidden", self.hidden, 8, 2048)
        check_range("blocks", self.blocks, 1, 16)
        check_range("embedding", self.embedding, 2, 256)
        check_range("kernel", self.kernel, 1, 15)
        check_range("groups", self.groups, 1, 64)
        check_range("heads", self.heads, 1, 64)
        if self.network == "unet":
            self._check_unet()
        if self.network == "transformer" and self.hidden % self.heads:
            raise _unfit("hidden", f"a multiple of heads={self.heads}", self.hidden)

    def _check_unet(self) -> None:
        finest = 2 ** (self.blocks - 1) * self.groups
        if self.hidden % finest:
            wanted = f"a multiple of {finest}: groups={self.groups} at the finest of the strides"
            raise _unfit("hidden", wanted, self.hidden)
        if self.kernel % 2 == 0:
            raise _unfit("kernel", "an odd number", self.kernel)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the U-Net's strides, finest first."""
        return tuple(self.hidden >> i for i in reversed(range(self.blocks)))


def unet_settings(
    channels: Sequence[int], *, kernel: int = 5, groups: int = 8, embedding: int = 128
) -> dict[str, int | str]:
    """Settings of a U-Net with these channels, finest stride first.

    The defaults are those of Chi et al., arXiv:2303.04137, and of LeRobot's diffusion policy, whose
    network has as many weights as ours with the same numbers. Raises ConfigError unless each
    stride has twice the channels of the one before.
    """
    if not channels or any(2 * a != b for a, b in pairwise(channels)):
        expected = "each stride with twice the channels of the one before, such as 128, 256, 512"
        raise _unfit("channels", expected, list(channels))
    return {
        "network": "unet",
        "hidden": channels[-1],
        "blocks": len(channels),
        "kernel": kernel,
        "groups": groups,
        "embedding": embedding,
    }


def _unfit(name: str, expected: str, got: object) -> ConfigError:
    return ConfigError("setting does not fit", where=name, expected=expected, got=str(got))


class MLPDenoiser(nn.Module):
    """A residual MLP on everything side by side."""

    def __init__(self, features: int, chunk: int, settings: DenoiserSettings) -> None:
        super().__init__()
        self.embedding = _even(settings.embedding)
        inputs = features + chunk + self.embedding
        self.body = ResidualMLP(inputs, chunk, settings.hidden, settings.blocks)

    def forward(self, features: Tensor, noised: Tensor, level: Tensor) -> Tensor:
        """(B, F), (B, H, A) and levels (B,) in [0, 1] to (B, H, A)."""
        embedded = level_embedding(level, self.embedding)
        out: Tensor = self.body(torch.cat([features, noised.flatten(1), embedded], dim=-1))
        return out.view_as(noised)


def make_denoiser(
    settings: DenoiserSettings, features: int, horizon: int, width: int
) -> MLPDenoiser | ConditionalUNet | ActionTransformer:
    """A fresh network for F features and chunks (H, A)."""
    even = _even(settings.embedding)
    if settings.network == "unet":
        return ConditionalUNet(
            features, width, settings.channels, even, settings.kernel, settings.groups
        )
    if settings.network == "transformer":
        return ActionTransformer(
            features, horizon, width, settings.hidden, settings.blocks, settings.heads, even
        )
    return MLPDenoiser(features, horizon * width, settings)


def _even(width: int) -> int:
    """As many sines as cosines."""
    return width - width % 2
