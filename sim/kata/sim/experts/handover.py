"""`handover`: one hand brings the object to where both arms meet, the other takes it out of it.

The hands face each other in the air, the giver's fingers above and below the object, the taker's on
both sides, so that neither is in the other's way. One hand moves at a time, and both end on their
own side: the giver first, then the taker with the object.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kata.datasets.types import EntityState
from kata.datasets.types.pose import Array, quat_conjugate, quat_exp, quat_log, quat_multiply

from .grasp import OPENING_M, held, squeeze
from .sight import UP, Sight, Target, pointing_down, width

_REACH_M = 0.60
"""Both arms stretch this far to meet, if they stand close enough to each other."""

_HEIGHT_M, _READY_M = 0.40, 0.36
_BEFORE_M = 0.13
"""How far before the object the taker turns to it."""

_TILT_M = 0.25
"""Nearer than this to where it is going, a tool is turned to the other one."""

_AWAY_M = 0.14
"""How far the giver draws back before it turns away."""

_SIDE_M = 0.24
"""A tool this far from the meeting, on its own side, is in nobody's way."""

_TAKER_RAD = np.pi / 2
"""The taker's hand is turned by this about its axis, against the giver's."""

_THERE_M, _THERE_RAD = 0.012, 0.08
_ALIGNED_M, _ALIGNED_RAD = 0.008, 0.12
_ASIDE_M = 0.012
_SETTLED_M_S = 0.01
_SPEED_M_S = 0.25


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Where and how two hands meet.

    Attributes:
        place: (3,) m of both tools; `across` (3,) the horizontal way from the giver's arm to the
            taker's, `forward` (3,) from the line between the arms to the place.
    """

    place: Array
    across: Array
    forward: Array

    @classmethod
    def of(cls, giver: Sight, taker: Sight) -> _Meeting:
        way = (taker.base - giver.base) * [1.0, 1.0, 0.0]
        apart = float(np.linalg.norm(way))
        across = way / max(apart, 1e-6)
        forward = np.cross(UP, across)
        middle = (giver.base + taker.base) / 2
        if float((giver.tool + taker.tool - 2 * middle) @ forward) < 0.0:
            forward = -forward
        ahead = np.sqrt(max(0.0, _REACH_M**2 - (apart / 2) ** 2))
        return cls(middle + forward * ahead + UP * _HEIGHT_M, across, forward)

    @property
    def heading(self) -> float:
        """Of `forward`, in rad."""
        return float(np.arctan2(self.forward[1], self.forward[0]))

    @property
    def giving(self) -> Array:
        """Orientation (4,) of the giver's tool: to the taker, fingers one above the other."""
        return _tilted(self.heading, self.across)

    @property
    def taking(self) -> Array:
        """Orientation (4,) of the taker's tool: to the giver, fingers side by side."""
        return _tilted(self.heading + _TAKER_RAD, -self.across)

    def side(self, sight: Sight) -> float:
        """How far in m a tool is from the meeting, on its own arm's side."""
        sign = np.sign(float((sight.base - self.place) @ self.across))
        return float(sign * ((sight.tool - self.place) @ self.across))

    def towards(
        self, sight: Sight, phase: str, place: Array, opening: float, *, giving: bool
    ) -> Target:
        """Up and to a place (3,), tilted only near it: far out the arm is too short for both."""
        yaw = sight.turn(self.heading + (0.0 if giving else _TAKER_RAD), 1, place)
        tilted = self.giving if giving else self.taking
        far = float(np.linalg.norm((place - sight.tool)[:2])) > _TILT_M
        return Target(
            phase, place, yaw, opening, float(place[2]), orientation=None if far else tilted,
            hand=sight.hand,
        )  # fmt: skip

    def ready(self, sight: Sight, phase: str, opening: float, turn_rad: float) -> Target:
        """Before its own arm, pointing down, headed forward but for a turn."""
        ahead = float((self.place - sight.base) @ self.forward)
        place = sight.base + self.forward * ahead + UP * _READY_M
        return Target(phase, place, self.heading + turn_rad, opening, hand=sight.hand)


def handover(giver: Sight, taker: Sight) -> Target:
    """Slots: the object. Hands: who holds it, who gets it."""
    thing = giver.slots[0]
    meeting = _Meeting.of(giver, taker)
    if held(taker, thing) and taker.closing < _SETTLED_M_S:
        return _part(giver, taker, thing, meeting)
    if held(giver, thing):
        return _meet(giver, taker, thing, meeting)
    # Nobody has it firmly: the taker goes on closing, or it fell.
    return Target(
        "hold", taker.tool, 0.0, squeeze(thing), orientation=taker.orientation, hand=taker.hand
    )


def _meet(giver: Sight, taker: Sight, thing: EntityState, meeting: _Meeting) -> Target:
    """The giver has it: bring it, then reach for it."""
    goal, into = thing.pose.position, -meeting.across
    rest = goal - taker.tool
    ahead = float(rest @ into)
    aside = float(np.linalg.norm(rest - ahead * into))
    turned = _apart(taker.orientation, meeting.taking)
    reaching = aside < _ASIDE_M and -0.02 < ahead < _BEFORE_M + 0.02 and turned < _ALIGNED_RAD
    slack = 2.0 if reaching else 1.0
    there = (
        float(np.linalg.norm(giver.tool - meeting.place)) < slack * _THERE_M
        and _apart(giver.orientation, meeting.giving) < slack * _THERE_RAD
    )
    if not there:
        if meeting.side(taker) < _SIDE_M:
            return meeting.ready(taker, "clear", OPENING_M, _TAKER_RAD)
        return meeting.towards(giver, "bring", meeting.place, squeeze(thing), giving=True)
    closing = taker.opening < OPENING_M - 0.01
    if np.abs(rest).max() < (2.0 if closing else 1.0) * _ALIGNED_M and turned < _ALIGNED_RAD:
        closed = squeeze(thing)
        return Target("take", goal, 0.0, closed, orientation=meeting.taking, hand=taker.hand)
    if reaching:
        return Target(
            "reach", goal, 0.0, OPENING_M, axis=into, speed=_SPEED_M_S,
            orientation=meeting.taking, hand=taker.hand,
        )  # fmt: skip
    return meeting.towards(taker, "approach", goal - into * _BEFORE_M, OPENING_M, giving=False)


def _part(giver: Sight, taker: Sight, thing: EntityState, meeting: _Meeting) -> Target:
    """The taker has it: let go, draw back, and carry it away."""
    away = meeting.side(giver)
    if away < _AWAY_M:
        free = giver.opening >= width(thing) + 0.02
        back = giver.tool - meeting.across * (_AWAY_M + 0.02 - away)
        return Target(
            "leave" if free else "release", back if free else giver.tool, 0.0, OPENING_M,
            axis=meeting.across if free else None, orientation=meeting.giving, hand=giver.hand,
        )  # fmt: skip
    if away < _SIDE_M:
        return meeting.ready(giver, "leave", OPENING_M, 0.0)
    return meeting.ready(taker, "carry", squeeze(thing), _TAKER_RAD)


def _tilted(heading: float, towards: Array) -> Array:
    """Orientation (4,) of a tool that pointed down with a heading and was tilted by a quarter."""
    tilt = np.cross(-UP, towards) * (np.pi / 2)
    return quat_multiply(quat_exp(tilt), pointing_down(heading))


def _apart(a: Array, b: Array) -> float:
    """Angle in rad between two orientations."""
    return float(np.linalg.norm(quat_log(quat_multiply(b, quat_conjugate(a)))))
