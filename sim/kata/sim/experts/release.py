"""`place`, `stack`, `place_in`: over the spot, down, open, and up once the object is free."""

from __future__ import annotations

import numpy as np

from kata.datasets.types import EntityState
from kata.datasets.types.pose import Array

from .grasp import OPENING_M, TRAVEL_M, held, squeeze
from .sight import UP, Sight, Target, heading, lying_yaw, width, wrap

_AWAY_M = 0.17
_TOUCH_M = 0.004
_AIM_M = 0.001
_CENTRED_M = 0.010
_DROP_M = 0.020
_DROP_TRAVEL_M = 0.20
_NARROW_M = 0.014
"""By how much the fingers open in a container, whose walls are near."""


def place(sight: Sight) -> Target:
    """Slots: the held object, the surface."""
    thing, surface = sight.slots
    return _put(sight, thing, surface.spot, sight.yaw, _AIM_M, OPENING_M - 0.008, TRAVEL_M)


def stack(sight: Sight) -> Target:
    """Slots: the held object, the object below; edges are aligned."""
    thing, base = sight.slots
    turn = _edge_turn(sight, thing, lying_yaw(base))
    return _put(sight, thing, base.spot, turn, _AIM_M, OPENING_M - 0.008, TRAVEL_M)


def place_in(sight: Sight) -> Target:
    """Slots: the held object, the container; the fingers open along its longer side."""
    thing, container = sight.slots
    long, short = container.half_extents[:2]
    across = float(np.pi / 2) if long > 1.3 * short else 0.0
    yaw = sight.turn(heading(container) + across, 2, container.spot)
    opening = width(thing) + _NARROW_M
    return _put(sight, thing, container.spot, yaw, _DROP_M, opening, _DROP_TRAVEL_M)


def _edge_turn(sight: Sight, thing: EntityState, edge: float) -> float:
    """Heading of the tool at which the held object's edges have heading `edge`, or a quarter on."""
    rest = wrap(4.0 * (edge - lying_yaw(thing))) / 4.0
    return sight.yaw + rest


def _put(
    sight: Sight,
    thing: EntityState,
    spot: Array,
    yaw: float,
    drop_m: float,
    opening: float,
    travel: float,
) -> Target:
    centre = thing.pose.position
    if not held(sight, thing):
        # Free of it, or dropped on the way: up, and stay there.
        up = np.array([sight.tool[0], sight.tool[1], _AWAY_M])
        return Target("retreat", up, sight.yaw, opening, axis=UP)
    goal = spot + UP * (float(thing.half_extents[2]) + drop_m)
    rest = goal - centre
    let_go = np.hypot(rest[0], rest[1]) < _CENTRED_M and -rest[2] < _TOUCH_M
    loose = sight.opening > width(thing) + 0.001 and -rest[2] < 2 * _TOUCH_M
    target = sight.tool + rest
    height = max(travel, float(target[2]) + 0.05)
    if let_go or loose:
        return Target("release", target, sight.yaw, opening)
    return Target("carry", target, yaw, squeeze(thing), height)
