"""Costs on a motion: each 0 where it is content, and counted in its own tolerance beyond.

A tolerance makes costs comparable: 1 is one action off by one tolerance. They are summed with
weights by `+` and `*` (`cost.py`). Legend: `B` chunks, `H` actions, `P` spheres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from kata.datasets.types import Array, ConfigError

from .motion import Motion, rotate, tensor_like
from .shapes import POINT, Body, Shape

_LEVEL_M = 0.05
"""A way that is flatter than this has a heading worth going around something for."""


class Term(Protocol):
    """Anything that rates motions; differentiable, finite, and of each chunk alone."""

    def __call__(self, motion: Motion) -> Tensor:
        """Costs (B,), 0 or more."""


@dataclass(frozen=True, slots=True)
class KeepAway:
    """Every sphere of `body` stays `margin_m` from a shape.

    Straight distance alone stops a motion in front of what it runs into. With `around`, what is too
    near is counted by how far it still is from passing: to that side of the shape, seen along the
    motion, on which the motion is already; at a draw to its left. Its slope holds the way, the
    side and what counts as too near as they are.
    """

    shape: Shape
    body: Body = POINT
    margin_m: float = 0.02
    tolerance_m: float = 0.02
    around: bool = True

    def __post_init__(self) -> None:
        _positive("keep_away", margin_m=self.margin_m + 1e-9, tolerance_m=self.tolerance_m)

    def __call__(self, motion: Motion) -> Tensor:
        """Costs (B,)."""
        points = motion.points(tensor_like(self.body.points, motion.position))
        radii = tensor_like(self.body.radii, points)
        short = (radii + self.margin_m - self.shape.distance(points)).clamp(min=0.0)
        cost = _squares(short / self.tolerance_m)
        if self.around:
            cost = cost + _squares(self._to_pass(motion, points, radii, short) / self.tolerance_m)
        return cost

    def _to_pass(self, motion: Motion, points: Tensor, radii: Tensor, short: Tensor) -> Tensor:
        """Metres (B, H, P) that what is too near lacks to the side on which it passes."""
        start, end = motion.start, motion.position[:, -1].detach()
        way = (end - start)[:, :2]
        length = torch.linalg.vector_norm(way, dim=-1, keepdim=True)
        along = way / length.clamp(min=1e-6)
        left = torch.stack([-along[:, 1], along[:, 0]], dim=-1)
        centre = tensor_like(self.shape.centre[:2], points)
        middle = motion.position.detach().mean(dim=1)[:, :2]
        side = torch.where(((middle - centre) * left).sum(-1) < 0.0, -1.0, 1.0)
        reach = side[:, None] * left
        aside = ((points[..., :2] - centre) * reach[:, None, None, :]).sum(-1)
        wide = self._half_width(centre, reach, points)
        lacking = (wide[:, None, None] + radii + self.margin_m - aside).clamp(min=0.0)
        # Only what is too near has to pass, the more the nearer; what moves upright need not.
        near = (short.detach() / self.tolerance_m).clamp(max=1.0)
        level = (length / _LEVEL_M).clamp(max=1.0)[..., None]
        out: Tensor = lacking * near * level
        return out

    def _half_width(self, centre: Tensor, reach: Tensor, points: Tensor) -> Tensor:
        """Half width (B,) of the shape towards `reach` (B, 2), at its middle."""
        height = tensor_like(self.shape.centre[2:], points)
        probe = torch.cat([centre + reach, height.expand(len(reach), 1)], dim=-1)
        return 1.0 - self.shape.distance(probe).detach()


@dataclass(frozen=True, slots=True)
class KeepUpright:
    """An axis of the tool (3,) stays within `free_rad` of a direction (3,) of the world."""

    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    direction: tuple[float, float, float] = (0.0, 0.0, -1.0)
    free_rad: float = 0.05
    tolerance_rad: float = 0.1

    def __post_init__(self) -> None:
        _positive("keep_upright", tolerance_rad=self.tolerance_rad)
        for name, vector in (("axis", self.axis), ("direction", self.direction)):
            if not abs(np.linalg.norm(vector) - 1.0) < 1e-6:
                raise ConfigError(
                    "not a unit vector", where=f"keep_upright.{name}", got=str(vector)
                )

    def __call__(self, motion: Motion) -> Tensor:
        """Costs (B,)."""
        like = motion.quaternion
        axis = rotate(like, tensor_like(self.axis, like))
        wanted = tensor_like(self.direction, like).expand_as(axis)
        across = torch.linalg.vector_norm(torch.linalg.cross(axis, wanted), dim=-1)
        off = torch.atan2(across, (axis * wanted).sum(-1))
        return _squares((off - self.free_rad).clamp(min=0.0) / self.tolerance_rad)


@dataclass(frozen=True, slots=True)
class Reach:
    """The motion ends at a place (3,) m."""

    place: Array
    tolerance_m: float = 0.02

    def __post_init__(self) -> None:
        _positive("reach", tolerance_m=self.tolerance_m)
        _finite("reach.place", self.place, (3,))

    def __call__(self, motion: Motion) -> Tensor:
        """Costs (B,)."""
        goal = tensor_like(self.place, motion.position)
        return _squares((motion.position[:, -1:] - goal) / self.tolerance_m)


@dataclass(frozen=True, slots=True)
class KeepHeight:
    """The tool stays between two heights of the world, in m."""

    low_m: float = 0.0
    high_m: float = float("inf")
    tolerance_m: float = 0.02

    def __post_init__(self) -> None:
        _positive("keep_height", tolerance_m=self.tolerance_m)
        if not self.low_m < self.high_m:
            raise ConfigError(
                "no height is allowed", where="keep_height", expected="low_m < high_m",
                got=f"{self.low_m:g}, {self.high_m:g}",
            )  # fmt: skip

    def __call__(self, motion: Motion) -> Tensor:
        """Costs (B,)."""
        height = motion.position[..., 2]
        over = (height - self.high_m).clamp(min=0.0) + (self.low_m - height).clamp(min=0.0)
        return _squares(over / self.tolerance_m)


@dataclass(frozen=True, slots=True)
class KeepApart:
    """The tool stays `margin_m` from another motion, action by action: `path` (H, 3) in m.

    After the other motion's end its last place counts.
    """

    path: Array
    margin_m: float = 0.15
    tolerance_m: float = 0.02

    def __post_init__(self) -> None:
        _positive("keep_apart", margin_m=self.margin_m, tolerance_m=self.tolerance_m)
        _finite("keep_apart.path", self.path, (len(self.path), 3))

    def __call__(self, motion: Motion) -> Tensor:
        """Costs (B,)."""
        steps = np.minimum(np.arange(motion.position.shape[1]), len(self.path) - 1)
        other = tensor_like(np.asarray(self.path)[steps], motion.position)
        away = torch.linalg.vector_norm(motion.position - other, dim=-1)
        return _squares((self.margin_m - away).clamp(min=0.0) / self.tolerance_m)


def _squares(values: Tensor) -> Tensor:
    """Sum of squares (B,) of (B, ...)."""
    return (values * values).flatten(1).sum(-1)


def _positive(where: str, **values: float) -> None:
    for name, value in values.items():
        if not value > 0 or not np.isfinite(value):
            raise ConfigError(
                "not a size", where=f"{where}.{name}", expected="above 0", got=f"{value:g}"
            )


def _finite(where: str, values: Array, shape: tuple[int, ...]) -> None:
    if np.shape(values) != shape or not shape[0] or not np.isfinite(values).all():
        raise ConfigError("not a place", where=where, expected=f"finite {shape}",
                          got=str(np.shape(values)))  # fmt: skip
