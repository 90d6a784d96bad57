"""While a transition goes on: does what it aims at stay, is the way free, does the robot follow?

What is asked when, and what follows from it, in this order:

| asked | when | follows |
|---|---|---|
| is everything in focus still seen? | each frame | abort |
| are the joints where they are sent? | each frame | abort |
| is it there? | from the promised end on | arrived; abort after `slack_s` |
| has it taken too long, new aims included? | each frame | abort |
| has what is in focus moved or turned? | every `aim_s` | new aim |
| is the rest of the way free? | every `recheck_s` | abort |

Legend: `D` joints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from kata.datasets.types import Array, Observation, Place, Pose

from .transition import Move, Mover

LOST_S = 0.5
"""For how long a thing that matters may be unseen."""

Kind = Literal["going", "arrived", "moved", "aimed", "aborted"]
"""`moved`: what it aims at has moved; `aimed`: the move has been changed for that."""


@dataclass(frozen=True, slots=True)
class PursuitOptions:
    """What a move bears.

    Attributes:
        moved_m, turned_rad: more than this of what is in focus asks for a new aim.
        aim_s, recheck_s: least time between two aims, and between two looks at the way.
        slack_s: how much longer than promised it may take.
        lost_s: for how long a thing in focus may be unseen.
        lag_rad: how far a joint may be behind its command on the way; more is an obstacle.
        there_rad: how near to the goal each joint has to be.
        room_share: of the clearance that moves keep; with less ahead, the way is not free.
    """

    moved_m: float = 0.005
    turned_rad: float = np.deg2rad(3.0)
    aim_s: float = 0.1
    recheck_s: float = 0.1
    slack_s: float = 0.5
    lost_s: float = LOST_S
    lag_rad: float = 0.25
    there_rad: float = 0.05
    room_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """How a move goes, why, and numbers for the log."""

    kind: Kind
    reason: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)


_GOING = Finding("going")


class Pursuit:
    """Watches one move after the other, each with what it was made for."""

    def __init__(self, mover: Mover, options: PursuitOptions | None = None) -> None:
        self.mover, self.options = mover, options or PursuitOptions()
        robot = mover.robot
        self._arms = [i for p in robot.parts if p.kind == "arm" for i in range(p.start, p.stop)]
        self._own: list[int] = []
        self._move: Move | None = None
        self._aims: dict[str, Pose] = {}
        self._things: list[str] = []
        self._limit_s = self._aimed_s = self._checked_s = 0.0

    def keep_to(self, columns: Sequence[int]) -> None:
        """Whether other joints than these are where they are sent is not asked."""
        self._arms = [i for i in self._arms if i in columns]

    def begin(self, move: Move, seen: Observation, now_s: float) -> None:
        """Watch a move that begins now, from `seen` with its call's focus."""
        self._limit_s = now_s + self.mover.options.longest_s + self.options.slack_s
        self.aim(move, seen, now_s)

    def aim(self, move: Move, seen: Observation, now_s: float) -> None:
        """Watch the move that takes its place; the time limit stays that of the first."""
        self._move, self._aimed_s, self._checked_s = move, now_s, now_s
        # Joints that it does not move may be another lane's, and go where that one sends them.
        moved = np.ptp(move.trajectory.position, axis=0) > 0.0
        self._own = [i for i in self._arms if moved[i]]
        own = {name: _thing(name, seen) for name in seen.focus}
        self._things = list(dict.fromkeys(own[n] for n in own if own[n] not in move.carried))
        self._aims = {n: pose for n, pose in _poses(seen).items() if own[n] in self._things}

    def look(self, seen: Observation, now_s: float) -> Finding:
        """How it goes now. A `moved` move is to be followed by `aim`, or to be left."""
        assert self._move is not None
        lost = self._lost(seen)
        if lost:
            return Finding("aborted", lost)
        arrived = self._arrived(self._move, seen, now_s)
        if arrived is not None:
            return arrived
        if now_s > self._limit_s:
            return Finding("aborted", "takes longer than a transition may")
        if now_s - self._aimed_s >= self.options.aim_s - 1e-9:
            moved = self._moved(seen)
            if moved is not None:
                return moved
        if now_s - self._checked_s >= self.options.recheck_s - 1e-9:
            self._checked_s = now_s
            return self._barred(self._move, now_s)
        return _GOING

    def _lost(self, seen: Observation) -> str:
        for name in self._things:
            entity = seen.entities.get(name)
            if entity is None or not entity.valid:
                return f"the aim is lost: {name} is not seen"
            if entity.age_s > self.options.lost_s:
                return f"the aim is lost: {name} was seen {entity.age_s:.1f} s ago"
        return ""

    def _arrived(self, move: Move, seen: Observation, now_s: float) -> Finding | None:
        """Whether the robot is there, or has been held up; None on the way."""
        joint, lag = self._lag(seen.position, move.trajectory.at(now_s).position)
        late_s = now_s - move.trajectory.end_s
        strays = self.strays(seen, move.trajectory.at(now_s).position)
        if strays:
            return Finding("aborted", strays, {"lag": lag})
        # Half a millisecond: clocks add up.
        if late_s < -5e-4:
            return None
        if lag <= self.options.there_rad:
            return Finding("arrived", "at the chosen start", {"lag": lag})
        if late_s <= self.options.slack_s:
            return _GOING
        reason = f"not there {late_s:.1f} s after its time, {joint} {lag:.2f} away"
        return Finding("aborted", reason, {"lag": lag})

    def strays(self, seen: Observation, commanded: Array) -> str:
        """Which joint that the move moved is not where it is sent (D,), in words; empty if none."""
        joint, lag = self._lag(seen.position, commanded)
        return f"{joint} does not follow, {lag:.2f} behind" if lag > self.options.lag_rad else ""

    def _lag(self, position: Array, commanded: Array) -> tuple[str, float]:
        """The joint that is furthest from where it is sent, and by how much."""
        behind = np.abs(position - commanded)
        worst = max(self._own, key=lambda i: float(behind[i]), default=0)
        return self.mover.robot.joints[worst], float(behind[worst]) if self._own else 0.0

    def _moved(self, seen: Observation) -> Finding | None:
        options = self.options
        poses = _poses(seen)
        for name, before in self._aims.items():
            pose = poses[name]
            way_m = float(np.linalg.norm(pose.position - before.position))
            same = min(1.0, abs(float(pose.quaternion @ before.quaternion)))
            turn_rad = 2.0 * float(np.arccos(same))
            if way_m > options.moved_m or turn_rad > options.turned_rad:
                reason = (
                    f"{name} has moved by {way_m * 1000:.0f} mm, {np.rad2deg(turn_rad):.0f} deg"
                )
                return Finding("moved", reason, {"moved_m": way_m, "turned_rad": turn_rad})
        return None

    def _barred(self, move: Move, now_s: float) -> Finding:
        """The rest of the way against the world as it is now."""
        room = self.mover.room(move.carried)
        if room is None:
            return _GOING
        margin_m = self.options.room_share * room.margin_m
        near = replace(room, margin_m=margin_m).along(move.trajectory, now_s)
        if near.hit_s is None:
            return _GOING
        ahead_s = max(0.0, near.hit_s - now_s)
        millimetres = near.clearance_m * 1000
        reason = f"the way is not free any more: {millimetres:.0f} mm in {ahead_s:.1f} s"
        return Finding("aborted", reason, {"clearance_m": near.clearance_m, "ahead_s": ahead_s})


def _thing(name: str, seen: Observation) -> str:
    """What is to be seen for something in focus: itself, or what a place is given by."""
    return Place.parse(name).frame if name in seen.targets else name


def _poses(seen: Observation) -> dict[str, Pose]:
    """Where what is in focus is, places among it."""
    return {name: thing.pose for name, thing in zip(seen.focus, seen.focused(), strict=True)}
