"""Transitions: a velocity-matched move from where the last skill left off to a good start.

The move starts with the joints' own position, velocity and acceleration and ends at rest. Where the
tool is low, or the straight way would touch something, it goes up, over and down; where that too is
barred, around.
Legend: `D` joints, `W` points of a way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

import numpy as np

from kata.datasets.types import (
    Array,
    Command,
    ConfigError,
    ExecutionError,
    Kinematics,
    Limits,
    Observation,
    Pose,
    RobotSpec,
    Trajectory,
)
from kata.datasets.types.pose import pose_compose, pose_relative

from .collision import Clearance, Room
from .detour import detour
from .grips import goal_of, gripping, kept
from .legs import beyond, joined, moving_leg, stopping_leg, straight_leg
from .profile import scaled

Via = Callable[[], Sequence[Array]]
"""Gives joints (D,) to pass, the goal last, such as demonstrated states; none where it knows no
way."""

SPENT = "no distances are left to ask for"
"""Why a way is not looked for."""

_STILL = 1e-6


@dataclass(frozen=True, slots=True)
class TransitionOptions:
    """How a transition moves.

    Attributes:
        velocity_share, acceleration_share, jerk_share: of the robot's limits, a leg of the arm;
            two legs that are joined without a stop add up.
        low_m: a tool below this height above the robot's base goes up before anything else.
        lift_m: how far up it goes; less, where that is out of reach.
        clearance_m: distance to keep where there is a clearance.
        longest_s: a transition that would take longer is not made.
        checks: distances that the search for a way around may ask for; 0: there is none.
        budget: distances that may be asked for in all until a move is found, for all its ways and
            for all starts that are tried.

    Raises ConfigError for values that no motion can keep.
    """

    velocity_share: float = 0.5
    acceleration_share: float = 0.25
    jerk_share: float = 0.03
    low_m: float = 0.18
    lift_m: float = 0.14
    clearance_m: float = 0.01
    longest_s: float = 6.0
    checks: int = 1500
    budget: int = 3000

    def __post_init__(self) -> None:
        for name in ("velocity_share", "acceleration_share", "jerk_share"):
            self._must(name, "above 0, at most 1", 0.0 < getattr(self, name) <= 1.0)
        for name in ("lift_m", "clearance_m", "checks", "budget"):
            self._must(name, "0 or more", 0.0 <= getattr(self, name) < inf)
        self._must("longest_s", "above 0", 0.0 < self.longest_s < inf)
        self._must("low_m", "a number", isfinite(self.low_m))

    def _must(self, name: str, expected: str, true: bool) -> None:
        if not true:
            got = str(getattr(self, name))
            raise ConfigError("no transition can be so", where=name, expected=expected, got=got)


@dataclass(frozen=True, slots=True)
class Move:
    """A transition: its trajectory, the way it takes and why.

    Attributes:
        way: `straight`, `over`, `stones` or `around`.
        clearance_m: the least distance that was measured; NaN where there is no clearance.
        carried: what the hand holds on the way.
        queries: distances that were asked for.
    """

    trajectory: Trajectory
    way: str
    clearance_m: float
    carried: tuple[str, ...] = ()
    queries: int = 0


def imagine(
    observation: Observation, at: Command, kinematics: Kinematics, carried: Sequence[str] = ()
) -> Observation:
    """The observation with the robot at rest at `at`, what it carries moved along."""
    tools: Mapping[str, Pose] = {
        hand: kinematics.forward(at.position, hand) for hand in observation.tools
    }
    hand = next((name for name in (*observation.hands, *tools) if name in tools), "")
    before, after = observation.tool(hand).array(), tools[hand].array()
    entities = dict(observation.entities)
    for name in carried:
        entity = entities[name]
        held = pose_relative(before, entity.pose.array())
        pose = Pose.from_array(pose_compose(after, held))
        spot = entity.spot + pose.position - entity.pose.position
        entities[name] = replace(entity, pose=pose, spot=spot)
    return replace(
        observation,
        position=at.position,
        velocity=np.zeros_like(at.position),
        tools=tools,
        entities=entities,
    )


@dataclass(frozen=True, slots=True)
class Mover:
    """Makes transitions for one robot.

    Attributes:
        clearance: where the world can tell; without it only the lift protects.
    """

    robot: RobotSpec
    kinematics: Kinematics
    options: TransitionOptions = TransitionOptions()
    clearance: Clearance | None = None

    def to(
        self,
        now: Command,
        goal: Array,
        now_s: float,
        carried: Sequence[str] = (),
        measured: Array | None = None,
        via: Via | None = None,
    ) -> Move | str:
        """A move to `goal` (D,) at rest, or why there is none.

        Args:
            now: the commanded state that the move goes on from.
            goal: where to; a gripper that is NaN there stays as it is commanded.
            now_s: when it begins.
            carried: what the hand holds: grippers stay, and it must not touch anything either.
            measured: joints (D,) as they are. A gripper that is kept open by what it has between
                its fingers stays as it is, whoever knows of it.
            via: asked where neither the straight way nor the one from above is free.

        Raises SpecError for a goal of another width, or an arm's joint that is not finite.
        """
        room = self.room(carried)
        move = self.direct(now, goal, now_s, room, carried, measured)
        if isinstance(move, Move):
            return move
        other = self.roundabout(now, goal, now_s, room, carried, measured, via)
        return other if isinstance(other, Move) else "; ".join(filter(None, (move, other)))

    def direct(
        self,
        now: Command,
        goal: Array,
        now_s: float,
        room: Room | None,
        carried: Sequence[str] = (),
        measured: Array | None = None,
    ) -> Move | str:
        """As `to`, by the straight way or the one from above, in a room with distances left."""
        goal = goal_of(self.robot, now, goal, carried, measured)
        low = self.kinematics.forward(now.position).position[2] < self.options.low_m
        reasons = []
        for way in ("over", "straight") if low else ("straight", "over"):
            points = [goal] if way == "straight" else self._over(now.position, goal)
            move = self._along(now, points, now_s, way, room, carried)
            if isinstance(move, Move):
                return move
            reasons.append(move)
        return "; ".join(reasons)

    def roundabout(
        self,
        now: Command,
        goal: Array,
        now_s: float,
        room: Room | None,
        carried: Sequence[str] = (),
        measured: Array | None = None,
        via: Via | None = None,
    ) -> Move | str:
        """As `to`, by stones or by a search around; empty where neither is to be had."""
        goal = goal_of(self.robot, now, goal, carried, measured)
        reasons = []
        points = [kept(self.robot, now, point) for point in via()] if via is not None else []
        if points:
            move = self._along(now, [*points[:-1], goal], now_s, "stones", room, carried)
            if isinstance(move, Move):
                return move
            reasons.append(move)
        if room is not None and self.options.checks > 0:
            move = self._around(now, goal, now_s, room)
            if isinstance(move, Move):
                return move
            reasons.append(move)
        return "; ".join(reasons)

    def stop(self, now: Command, now_s: float, carried: Sequence[str] = ()) -> Trajectory:
        """To rest from a motion, with bounded jerk: gently, or as hard as the robot may.

        Hard is where a gentle stop would touch something, or leave the limits of a joint. Raises
        ExecutionError where there is no such stop.
        """
        return self._stop(now, now_s, self.room(carried))

    def through(
        self, now: Command, points: Sequence[Array], now_s: float, carried: Sequence[str] = ()
    ) -> Move | str:
        """A move over these joints (D,), the last one at rest, or why there is none.

        Grippers stay as they are commanded.
        """
        way = [kept(self.robot, now, point) for point in points]
        return self._along(now, way, now_s, "stones", self.room(carried), carried)

    def room(self, carried: Sequence[str] = ()) -> Room | None:
        """What a motion must keep clear of; None where the world cannot tell."""
        if self.clearance is None:
            return None
        return Room(
            self.robot,
            self.kinematics,
            self.clearance,
            self.options.clearance_m,
            carried=tuple(carried),
            most=self.options.budget,
        )

    # ---------------------------------------------------------------- where to

    def _over(self, start: Array, goal: Array) -> list[Array]:
        """Up from the start, above the goal, the goal; a point out of reach is left out."""
        high = max(
            self.kinematics.forward(start).position[2] + self.options.lift_m,
            self.kinematics.forward(goal).position[2],
        )
        above = [self._raised(start, high, start), self._raised(goal, high, goal)]
        return [point for point in above if point is not None] + [goal]

    def _raised(self, position: Array, high: float, seed: Array) -> Array | None:
        tool = self.kinematics.forward(position)
        for share in (1.0, 0.6, 0.3):
            height = tool.position[2] + share * (high - tool.position[2])
            if height < tool.position[2] + 0.01:
                return None
            lifted = Pose(np.array([*tool.position[:2], height]), tool.quaternion)
            point = self.kinematics.solve(lifted, seed)
            if point is not None and np.abs(point - position).max() < 1.2:
                return self.robot.limits.clip(point)
        return None

    def _around(self, now: Command, goal: Array, now_s: float, room: Room) -> Move | str:
        """By a search from where the robot comes to rest, or from above if that is too near."""
        origin = now.position
        try:
            stop = self._stop(now, now_s, room) if _moves(now) else None
        except ExecutionError as error:
            return f"around: {error.got or error.what}"
        if room.left < 2:
            return f"around: {SPENT}"
        if stop is not None:
            origin = self.robot.limits.clip(stop.position[-1])
        first: list[Array] = []
        here = room.everyone(origin[None], np.array([now_s]))[0]
        if room.distance(here) < room.margin_m:
            high = self.kinematics.forward(origin).position[2] + self.options.lift_m
            above = self._raised(origin, high, origin)
            if above is not None:
                origin = above
                first.append(above)
        before = room.counted[0]
        # It makes its way shorter with as many again.
        checks = min(self.options.checks, int(room.left / 2))
        if checks < 1:
            return f"around: {SPENT}"
        points = detour(room, origin, goal, now_s, checks=checks)
        if isinstance(points, str):
            return points
        move = self._along(now, [*first, *points], now_s, "around", room, room.carried, stop)
        if isinstance(move, Move):
            return replace(move, queries=room.counted[0] - before)
        return move

    def _stop(self, now: Command, now_s: float, room: Room | None) -> Trajectory:
        """See `stop`."""
        gently = stopping_leg(now, self._limits(), now_s)
        inside = not beyond(gently, self.robot.limits)
        if inside and (room is None or room.along(gently, now_s).hit_s is None):
            return gently
        return stopping_leg(now, self._hardest(), now_s)

    # ---------------------------------------------------------------- how

    def _along(
        self,
        now: Command,
        points: Sequence[Array],
        now_s: float,
        way: str,
        room: Room | None,
        carried: Sequence[str],
        stop: Trajectory | None = None,
    ) -> Move | str:
        """A move by these points (W of D,), from a stop on if there is one; or why not.

        Without stops in between if that may be.
        """
        try:
            legs = self._legs(now, gripping(self.robot, now, points), now_s, stop)
        except ExecutionError as error:
            return f"{way}: {error.got or error.what}"
        reason = ""
        for stops in (False, True) if len(legs) > 1 else (True,):
            path = joined(legs, stops=stops)
            length_s = path.end_s - now_s
            if length_s > self.options.longest_s:
                return reason or f"{way}: would take {length_s:.1f} s"
            reason = beyond(path, self.robot.limits)
            if reason:
                reason = f"{way}: {reason}"
                continue
            if room is None:
                return Move(path, way, float("nan"), tuple(carried))
            if room.left < 1:
                return f"{way}: {SPENT}"
            near = room.along(path, now_s)
            if near.hit_s is None:
                return Move(path, way, near.clearance_m, room.carried, near.queries)
            reason = f"{way}: comes as near as {near.clearance_m * 1000:.0f} mm"
        return reason

    def _legs(
        self, now: Command, points: Sequence[Array], now_s: float, stop: Trajectory | None
    ) -> list[Trajectory]:
        """The first leg goes on from the present motion, the others are straight, from rest."""
        limits, legs, start = self._limits(), [], now.position
        if stop is not None:
            legs, start = [stop], stop.position[-1]
        elif _moves(now):
            legs = [moving_leg(now, points[0], limits, now_s)]
            start, points = points[0], points[1:]
            if beyond(legs[0], self.robot.limits):
                # Fast towards a joint's end: first stop as hard as the robot may.
                stop = stopping_leg(now, self._hardest(), now_s)
                legs = [stop, straight_leg(stop.position[-1], start, limits, now_s)]
        for point in points:
            legs.append(straight_leg(start, point, limits, now_s))
            start = point
        return [leg for leg in legs if len(leg.times_s) > 1] or legs[:1]

    def _hardest(self) -> Limits:
        """Of a stop that cannot be gentle; the leg after it may still add to it."""
        return scaled(self.robot.limits, 1.0, 0.7, 0.3)

    def _limits(self) -> Limits:
        """The shares of the arm's limits; a gripper, which nothing hangs on, has all of its own."""
        options, full = self.options, self.robot.limits
        limits = scaled(
            full, options.velocity_share, options.acceleration_share, options.jerk_share
        )
        for part in self.robot.parts:
            if part.kind == "gripper":
                for name in ("velocity", "acceleration", "jerk"):
                    getattr(limits, name)[part.slice] = 0.5 * getattr(full, name)[part.slice]
        return limits


def _moves(now: Command) -> bool:
    return bool((np.abs(now.velocity) > _STILL).any() or (np.abs(now.acceleration) > _STILL).any())
