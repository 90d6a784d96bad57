"""`push`: down behind the object, then along the line to the target, steering by the line."""

from __future__ import annotations

import numpy as np

from .sight import UP, Sight, Target, wrap

_OPENING_M = 0.020
"""Two finger tips side by side: a fork that a face or a corner of the object rests in."""

_BEHIND_M = 0.056
_HEIGHT_M = 0.018
_STOP_GAP_M = 0.026
_LANE_M = 0.016
_SPEED_M_S = 0.2
_TRAVEL_M = 0.12
_AWAY_M = 0.15


def push(sight: Sight) -> Target:
    """Slots: the object, the one to push it to."""
    thing, other = sight.slots
    place = thing.pose.position
    way = (other.pose.position - place) * [1.0, 1.0, 0.0]
    distance = float(np.linalg.norm(way))
    forward = way / max(distance, 1e-6)
    near = distance - _STOP_GAP_M - float(min(thing.half_extents[:2]) + min(other.half_extents[:2]))
    if near < 0.002:
        up = np.array([sight.tool[0], sight.tool[1], _AWAY_M])
        return Target("retreat", up, sight.yaw, _OPENING_M, axis=UP)
    yaw = sight.turn(float(np.arctan2(forward[1], forward[0])), 2, place)
    ground = np.array([place[0], place[1], place[2] - thing.half_extents[2] + _HEIGHT_M])
    rest = sight.tool - ground
    along, aside = float(rest @ forward), abs(float(forward[0] * rest[1] - forward[1] * rest[0]))
    low = abs(rest[2]) < 0.012 and abs(wrap(yaw - sight.yaw)) < 0.3
    if low and -_BEHIND_M - 0.03 < along < -0.015 and aside < _LANE_M:
        goal = ground + forward * (along + near + 0.004 + max(0.0, -along - 0.034))
        return Target("push", goal, yaw, _OPENING_M, axis=forward, speed=_SPEED_M_S)
    return Target("reach", ground - forward * _BEHIND_M, yaw, _OPENING_M, _TRAVEL_M)
