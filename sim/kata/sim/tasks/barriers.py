"""Obstacles are stood in the way of a task: between the tool and where the call leads it."""

from __future__ import annotations

import numpy as np

from kata.datasets.types import Array

from ..scene.fixtures import OBSTACLE
from ..world import TableWorld

_APART_M = 0.14
"""An obstacle is at least so far from both ends of the way: a hand is as wide to either side."""

_OBJECT_M = 0.075
_ASIDE_M = 0.015
_CLEAR_M = 0.015
_BEYOND_M = 0.05
"""By how much it may stand outside the objects' area, where fixtures begin."""

_DRAWS = 20


def bar(world: TableWorld, rng: np.random.Generator, tool: Array, goal: Array) -> bool:
    """Stand every obstacle on the straight way of a tool (3,) to a goal (3,); False: no room."""
    names = [entity.name for entity in world.entities if OBSTACLE in entity.tags]
    return all(_stand(world, rng, name, tool[:2], goal[:2]) for name in names)


def _stand(
    world: TableWorld, rng: np.random.Generator, name: str, start: Array, end: Array
) -> bool:
    way = end - start
    length = float(np.hypot(*way))
    if length < 2.0 * _APART_M:
        return False
    along = way / length
    across = np.array([-along[1], along[0]])
    for _ in range(_DRAWS):
        share = rng.uniform(_APART_M, length - _APART_M)
        place = start + share * along + rng.uniform(-_ASIDE_M, _ASIDE_M) * across
        if _is_free(world, name, place):
            world.stand(name, (*place, 0.0))
            if world.clearance_m(world.commanded) > _CLEAR_M:
                return True
    return False


def _is_free(world: TableWorld, name: str, place: Array) -> bool:
    """Nothing lies there: fixtures stand outside the objects' area, obstacles apart."""
    x0, x1, y0, y1 = world.config.area
    low, high = np.array([x0, y0]) - _BEYOND_M, np.array([x1, y1]) + _BEYOND_M
    if (place < low).any() or (place > high).any():
        return False
    others = [
        seen.pose.position[:2]
        for other, seen in world.observe().entities.items()
        if other != name and seen.tags & {"object", OBSTACLE}
    ]
    return all(float(np.hypot(*(place - other))) > _OBJECT_M for other in others)
