"""What a robot is to the rest of the house: named parts, limits, a home and its hands.

Legend: `D` all commanded joints of the robot, part after part.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import SpecError, UnknownNameError
from .pose import Array


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds a joint, arrays (D,); SI units (rad or m, per s, s^2, s^3)."""

    lower: Array
    upper: Array
    velocity: Array
    acceleration: Array
    jerk: Array

    def __post_init__(self) -> None:
        shapes = {a.shape for a in (self.lower, self.upper, self.velocity, self.jerk)}
        if len(shapes) != 1 or self.acceleration.shape not in shapes:
            raise SpecError(
                "limits of unequal length", expected="five arrays (D,)", got=str(shapes)
            )
        rates = np.concatenate([self.velocity, self.acceleration, self.jerk])
        if not (np.all(self.lower < self.upper) and np.all(rates > 0)):
            raise SpecError(
                "limits leave no room to move", expected="lower < upper; velocity and so on > 0"
            )

    def clip(self, position: Array) -> Array:
        """Positions (..., D) moved inside the position limits."""
        return np.clip(position, self.lower, self.upper)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a robot that is commanded together.

    `kind` is `arm`, `gripper`, `base` or `legs`; `start` and `stop` its slice of D.
    A gripper is one number: the opening between its fingers in m.
    """

    name: str
    kind: str
    joints: tuple[str, ...]
    start: int

    @property
    def stop(self) -> int:
        """One past the part's last index in D."""
        return self.start + len(self.joints)

    @property
    def slice(self) -> slice:
        """The part's place in an array (..., D)."""
        return slice(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Hand:
    """A hand: the arm that carries it, its gripper and the name that atoms use.

    `base_m` is where the arm stands, in the world's frame.
    """

    name: str
    arm: str
    gripper: str
    base_m: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class RobotSpec:
    """A robot: parts in the order of D, limits, home (D,) and hands."""

    name: str
    parts: tuple[Part, ...]
    limits: Limits
    home: Array
    hands: tuple[Hand, ...]

    def __post_init__(self) -> None:
        at = 0
        for part in self.parts:
            if part.start != at:
                raise SpecError(
                    f"part '{part.name}' is out of place",
                    where=self.name,
                    expected=f"start {at}, after the parts before it",
                    got=str(part.start),
                )
            at = part.stop
        sizes = (at, *self.home.shape, *self.limits.lower.shape)
        if sizes != (at, at, at):
            raise SpecError(
                "parts, home and limits of unequal length",
                where=self.name,
                expected="D of each",
                got=", ".join(map(str, sizes)),
            )
        for hand in self.hands:
            self.part(hand.arm)
            self.part(hand.gripper)

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of all D joints, in order."""
        return tuple(joint for part in self.parts for joint in part.joints)

    @property
    def size(self) -> int:
        """D."""
        return len(self.home)

    def part(self, name: str) -> Part:
        """The part of that name. Raises UnknownNameError."""
        for part in self.parts:
            if part.name == name:
                return part
        raise UnknownNameError("robot part", name, [p.name for p in self.parts], where=self.name)

    def hand(self, name: str = "") -> Hand:
        """The hand of that name; without a name, the first."""
        for hand in self.hands:
            if name in ("", hand.name):
                return hand
        raise UnknownNameError("hand", name, [h.name for h in self.hands], where=self.name)

    def fingerprint(self) -> str:
        """Hex digest of what a dataset or a policy depends on: names, order and limits."""
        body: dict[str, Any] = {
            "name": self.name,
            "joints": self.joints,
            "parts": [(p.name, p.kind, p.start) for p in self.parts],
            "lower": np.round(self.limits.lower, 6).tolist(),
            "upper": np.round(self.limits.upper, 6).tolist(),
        }
        bases = {h.name: [round(x, 6) for x in h.base_m] for h in self.hands if any(h.base_m)}
        if bases:
            body["bases"] = bases
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
