"""From a chunk's numbers to where they lead: the tool's poses in the world, differentiable.

Legend: `B` chunks, `H` actions of a chunk, `A` width of an action, `P` points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kata.datasets.types import Array, Pose


@dataclass(frozen=True, slots=True)
class Motion:
    """Where the tool is after each action: `position` (B, H, 3) in m, `quaternion` (B, H, 4).

    `start` (3,) is where it is before the first one.
    """

    position: Tensor
    quaternion: Tensor
    start: Tensor

    def points(self, local: Tensor) -> Tensor:
        """Points (P, 3) of the tool's frame in the world: (B, H, P, 3)."""
        turned = rotate(self.quaternion[..., None, :], local)
        return self.position[..., None, :] + turned


Forward = Callable[[Tensor], Motion]
"""Chunks (B, H, A) to the motion that they ask for; of joint chunks a model's own."""


@dataclass(frozen=True, slots=True)
class ToolForward:
    """The motion of chunks in frame `tool`, relative to a `reference` (`pose_world_tool`)."""

    reference: Pose

    def __call__(self, chunks: Tensor) -> Motion:
        """Chunks (B, H, A): position and rotation vector come first in an action."""
        place = tensor_like(self.reference.position, chunks)
        turn = tensor_like(self.reference.quaternion, chunks)
        position = place + rotate(turn, chunks[..., :3])
        return Motion(position, multiply(turn, exponential(chunks[..., 3:6])), place)


def tensor_like(values: Array | Sequence[float], like: Tensor) -> Tensor:
    """Numbers of any shape as a tensor of the type of another one, on its device."""
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)


def rotate(quaternion: Tensor, vector: Tensor) -> Tensor:
    """Vectors (..., 3) turned by unit quaternions (..., 4), w first."""
    w, u = quaternion[..., :1], quaternion[..., 1:]
    t = 2.0 * _cross(u, vector)
    return vector + w * t + _cross(u, t)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    ax, ay, az = a.unbind(-1)
    bx, by, bz = b.unbind(-1)
    return torch.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], dim=-1)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product of quaternions (..., 4)."""
    aw, av, bw, bv = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    w = aw * bw - (av * bv).sum(-1, keepdim=True)
    return torch.cat([w, aw * bv + bw * av + _cross(av, bv)], dim=-1)


def exponential(vector: Tensor) -> Tensor:
    """Unit quaternions (..., 4) of rotation vectors (..., 3) in rad, smooth at zero."""
    square = (vector * vector).sum(-1, keepdim=True)
    tiny = square < 1e-8
    angle = torch.where(tiny, torch.ones_like(square), square).sqrt()
    share = torch.where(tiny, 0.5 - square / 48.0, torch.sin(0.5 * angle) / angle)
    w = torch.where(tiny, 1.0 - square / 8.0, torch.cos(0.5 * angle))
    return torch.cat([w, share * vector], dim=-1)
