"""`press`: down on the cap with closed fingers until it latches, then up."""

from __future__ import annotations

import numpy as np

from .sight import UP, Sight, Target

_LATCHED = 0.84
_DEPTH_M = 0.006
_TRAVEL_M = 0.14
_AWAY_M = 0.15


def press(sight: Sight) -> Target:
    """Slots: the button."""
    cap = sight.slots[0]
    if cap.articulation > _LATCHED:
        up = np.array([sight.tool[0], sight.tool[1], _AWAY_M])
        return Target("retreat", up, sight.yaw, 0.0, axis=UP)
    goal = cap.pose.position - UP * _DEPTH_M
    yaw = sight.turn(sight.yaw, 1, goal)
    return Target("press", goal, yaw, 0.0, _TRAVEL_M, speed=0.4)
