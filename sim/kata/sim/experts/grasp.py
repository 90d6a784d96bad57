"""`pick`: above the object, down, close, and up once the fingers have settled on it."""

from __future__ import annotations

import numpy as np

from kata.datasets.types import EntityState
from kata.datasets.types.pose import Array

from .sight import UP, Sight, Target, lying_yaw, width, wrap

OPENING_M = 0.068
"""Around an object before the grasp; neighbours leave no room for more."""

TRAVEL_M = 0.16
LIFT_M = 0.19
_BELOW_TOP_M = 0.014
_SQUEEZE_M = 0.012
_SETTLED_M_S = 0.01
_ALIGNED_M, _ALIGNED_RAD = 0.008, 0.12


def squeeze(thing: EntityState) -> float:
    """Opening to ask for while an object is held: a little less than its width."""
    return max(0.0, width(thing) - _SQUEEZE_M)


def held(sight: Sight, thing: EntityState) -> bool:
    """The fingers are about the object and stand at its width."""
    apart = np.abs(thing.pose.position - sight.tool)
    return bool(apart.max() < 0.03 and sight.opening < width(thing) + 0.004)


def pick(sight: Sight) -> Target:
    """Slots: the object."""
    thing = sight.slots[0]
    place = thing.pose.position
    if held(sight, thing) and sight.closing < _SETTLED_M_S:
        up = np.array([sight.tool[0], sight.tool[1], LIFT_M])
        return Target("lift", up, sight.yaw, squeeze(thing), axis=UP)
    goal = place + UP * (float(thing.half_extents[2]) - _BELOW_TOP_M)
    yaw = sight.turn(lying_yaw(thing), 4, place)
    closing = _is_at(sight, goal, yaw, 2.0 if sight.opening < OPENING_M - 0.01 else 1.0)
    if closing:
        return Target("grasp", goal, yaw, squeeze(thing), TRAVEL_M)
    return Target("reach", goal, yaw, OPENING_M, TRAVEL_M)


def _is_at(sight: Sight, goal: Array, yaw: float, slack: float) -> bool:
    apart = float(np.abs(sight.tool - goal).max())
    return apart < slack * _ALIGNED_M and abs(wrap(yaw - sight.yaw)) < slack * _ALIGNED_RAD
