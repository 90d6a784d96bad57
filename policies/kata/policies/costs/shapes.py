"""Shapes to keep away from, and the spheres that stand for the hand.

Legend: `...` any batch shape, `P` spheres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from kata.datasets.types import Array, ConfigError, Pose

from .motion import rotate, tensor_like


def _check(what: str, numbers: list[float], fits: bool) -> None:
    if not fits or not np.isfinite(numbers).all():
        raise ConfigError(
            f"not a {what}", where="cost", expected="finite numbers, sizes in m above 0",
            got=str([round(float(n), 4) for n in numbers]),
        )  # fmt: skip


class Shape(Protocol):
    """A solid thing in the world."""

    @property
    def centre(self) -> Array:
        """(3,) m."""

    def distance(self, points: Tensor) -> Tensor:
        """Signed distance (...,) in m of points (..., 3); negative inside."""


@dataclass(frozen=True, slots=True)
class Sphere:
    """A ball: `centre` (3,) and `radius_m`."""

    centre: Array
    radius_m: float

    def __post_init__(self) -> None:
        _check("sphere", [*np.ravel(self.centre), self.radius_m], self.radius_m > 0)

    def distance(self, points: Tensor) -> Tensor:
        """Signed distance (...,) of points (..., 3)."""
        away: Tensor = torch.linalg.vector_norm(points - tensor_like(self.centre, points), dim=-1)
        return away - self.radius_m


@dataclass(frozen=True, slots=True)
class Box:
    """A box: `pose` (`pose_world_box`) of its middle, `half` (3,) extents in m."""

    pose: Pose
    half: Array

    def __post_init__(self) -> None:
        positive = bool((np.asarray(self.half) > 0).all())
        _check("box", [*self.pose.array(), *np.ravel(self.half)], positive)

    @property
    def centre(self) -> Array:
        """(3,) m."""
        return self.pose.position

    def distance(self, points: Tensor) -> Tensor:
        """Signed distance (...,) of points (..., 3); exact outside, to the nearest face inside."""
        turn = tensor_like(self.pose.quaternion, points) * tensor_like(
            [1.0, -1.0, -1.0, -1.0], points
        )
        local = rotate(turn, points - tensor_like(self.centre, points))
        over = local.abs() - tensor_like(self.half, points)
        outside: Tensor = torch.linalg.vector_norm(over.clamp(min=0.0), dim=-1)
        return outside + over.amax(dim=-1).clamp(max=0.0)


@dataclass(frozen=True, slots=True)
class Body:
    """What moves with the tool, as spheres: `points` (P, 3) in its frame, `radii` (P,), in m."""

    points: Array
    radii: Array

    def __post_init__(self) -> None:
        points, radii = np.asarray(self.points), np.asarray(self.radii)
        fits = points.ndim == 2 and points.shape == (len(radii), 3) and bool((radii > 0).all())
        _check("body", [*points.ravel(), *radii.ravel()], fits)

    def __add__(self, other: Body) -> Body:
        return Body(
            np.concatenate([self.points, other.points]), np.concatenate([self.radii, other.radii])
        )


POINT = Body(np.zeros((1, 3)), np.full(1, 0.02))
"""The tool's tip and nothing else."""

HAND = Body(
    np.array(
        [
            *([0.0, y, -0.02] for y in (-0.045, 0.0, 0.045)),
            *([0.0, y, -0.08] for y in (-0.07, -0.035, 0.0, 0.035, 0.07)),
            [0.0, 0.0, -0.15],
            [0.0, 0.0, -0.22],
        ]
    ),
    np.array([0.02] * 3 + [0.036] * 5 + [0.055, 0.065]),
)
"""A parallel gripper of the Franka hand's size with its wrist: fingers open along y, the tool
points along z."""
