"""`open`, `close`: hook both fingers over the handle and slide it; then up and away.

The fingers stand on both sides of the bar without closing on it, so that nothing has to be let go.
"""

from __future__ import annotations

import numpy as np

from kata.datasets.types.pose import quat_rotate

from .sight import UP, Sight, Target, heading, wrap

_OPENING_M = 0.034
_OVER_M = 0.004
"""Height of the tool above the bar: the tips reach below it, the hand clears the front."""

_TRAVEL_M = 0.16
_AWAY_M = 0.19
_SLIDE_M = 0.16
"""Typical way of a drawer; only how early the tool slows down depends on it."""

_PAST_M = 0.012
_OPENED, _SHUT = 0.97, 0.99
"""Shares of the way at which the tool leaves; shutting is judged to some millimetres, so that who
imitates it must not leave early."""

_SPEED_M_S = 0.3
_OUT = np.array([0.0, -1.0, 0.0])
"""Where a drawer slides to when it opens, in the frame of its handle."""


def open_container(sight: Sight) -> Target:
    """Slots: what slides open."""
    return _slide(sight, 1.0)


def close_container(sight: Sight) -> Target:
    """Slots: what slides shut."""
    return _slide(sight, -1.0)


def _slide(sight: Sight, way: float) -> Target:
    handle = sight.slots[0]
    share = handle.articulation if way > 0 else 1.0 - handle.articulation
    if share > (_OPENED if way > 0 else _SHUT):
        up = np.array([sight.tool[0], sight.tool[1], _AWAY_M])
        return Target("retreat", up, sight.yaw, _OPENING_M, axis=UP)
    forward = way * quat_rotate(handle.pose.quaternion, _OUT)
    goal = handle.pose.position + UP * _OVER_M
    yaw = sight.turn(heading(handle), 2, goal)
    rest = sight.tool - goal
    across = float(rest @ forward)
    along_bar = abs(float(np.cross(forward, rest)[2]))
    hooked = abs(rest[2]) < 0.012 and abs(across) < 0.024 and along_bar < 0.035
    if hooked and abs(wrap(yaw - sight.yaw)) < 0.3:
        left = (1.0 - share) * _SLIDE_M + _PAST_M
        line = goal + forward * (across + left)
        return Target("slide", line, yaw, _OPENING_M, axis=forward, speed=_SPEED_M_S)
    return Target("reach", goal, yaw, _OPENING_M, _TRAVEL_M)
