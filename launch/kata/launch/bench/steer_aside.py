"""Scenes in which the pillar stands beside the way: in reach of the cost, and in nobody's way.

Each is made of how the unguided skill goes in that scene while no pillar is near.
Legend: `T` frames of a way; seen from above; lengths in m.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kata.datasets.types import Array, Observation, Pose
from kata.datasets.types.pose import yaw_quat

GAP_M = (0.006, 0.014)
"""Free distance from the hand as it goes by: more than a touch, less than the cost's 2 cm."""

AWAY = (1.5, 1.5)
"""Where a pillar is near nothing."""

_ALONG = (0.25, 0.75)
"""Where beside the way it stands, as shares of its frames."""

_DRAWS, _STEP_M, _MOST_M = 24, 0.004, 0.2
_OBJECT_M, _CLEAR_M = 0.075, 0.015
_HELD_M = 0.026


def pillar_of(seen: Observation) -> str:
    """Name of the scene's only obstacle."""
    (name,) = [each.name for each in seen.entities.values() if "obstacle" in each.tags]
    return name


def place_beside(trial: Any, way: Sequence[Pose], seed: int) -> Array | None:
    """Where (2,) the pillar of a posed trial is passed within `GAP_M`; None without room.

    `way` (T) is the tool's, unguided.
    """
    seen = trial.observe()
    pillar, rng = pillar_of(seen), np.random.default_rng((seed, 13))
    others = [e.pose.position[:2] for e in seen.entities.values() if "object" in e.tags]
    half = seen.entities[pillar].half_extents
    for _ in range(_DRAWS):
        place = _passed(way, half, rng)
        if place is None or any(np.hypot(*(place - other)) < _OBJECT_M for other in others):
            continue
        trial.world.stand(pillar, (*place, 0.0))
        if trial.clearance_m(trial.world.commanded) > _CLEAR_M:
            return place
    return None


def _passed(way: Sequence[Pose], half: Array, rng: np.random.Generator) -> Array | None:
    """A place beside the way that the hand passes by within `GAP_M`."""
    at = round(rng.uniform(*_ALONG) * (len(way) - 1))
    ahead = way[min(at + 3, len(way) - 1)].position[:2] - way[max(at - 3, 0)].position[:2]
    length = float(np.hypot(*ahead))
    if length < 1e-3:
        return None
    across = rng.choice([-1.0, 1.0]) * np.array([-ahead[1], ahead[0]]) / length
    for off in np.arange(0.05, _MOST_M, _STEP_M):
        place: Array = way[at].position[:2] + off * across
        if (gap := _gap_m(way, place, half)) >= GAP_M[0]:
            return place if gap <= GAP_M[1] else None
    return None


def _gap_m(way: Sequence[Pose], place: Array, half: Array) -> float:
    """The least distance of the hand, with what it holds, from a pillar at (2,)."""
    import torch

    from kata.policies.costs import HAND, Body, Box

    body = HAND + Body(np.zeros((1, 3)), np.full(1, _HELD_M))
    points = np.array([pose.apply(body.points) for pose in way])
    box = Box(Pose(np.array([*place, half[2]]), yaw_quat(0.0)), half)
    distance = box.distance(torch.as_tensor(points)) - torch.as_tensor(body.radii)
    return float(distance.min())
