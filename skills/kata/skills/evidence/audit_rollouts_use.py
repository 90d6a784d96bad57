"""What a call used, in one rollout, of what its contract says that it may.

Legend: `T` servo periods, `F` frames, `D` joints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kata.datasets.types import (
    FRAME_S,
    Array,
    Command,
    Episode,
    Facts,
    Kinematics,
    Observation,
    RobotSpec,
    TrialWorld,
    World,
)
from kata.skills.contract.call import Call, arm_of
from kata.skills.execution.log import RunLog

MOVED = 1e-3
"""A joint of a part that is not claimed and moves by more than this (rad or m) has moved."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The greatest of one measure in a rollout, and when it was."""

    value: float
    time_s: float

    def to_data(self) -> list[float]:
        """As `[value, time_s]`."""
        return [round(self.value, 6), round(self.time_s, 4)]


@dataclass(frozen=True, slots=True)
class Used:
    """One rollout of one call.

    Attributes:
        call: what ran; `after` is the call before it, empty where it ran alone.
        outcome: `done` or how else it ended, with the reason.
        seconds: how long it had the robot.
        speed_m_s: of the commanded tool, over a frame.
        outside_m: of the tool, commanded or measured, outside the declared workspace.
        force_n: net contact force on an arm, its mean over a frame, or measured wrench; None where
            nobody can tell. A simulated blow of one step is as hard as the solver makes it.
        moved: parts that the call does not claim, and how far a joint of them was moved.
        refused: why chunks were refused, by how often.
    """

    call: str
    seed: int
    outcome: str
    reason: str
    seconds: float
    speed_m_s: Peak
    outside_m: Peak
    force_n: Peak | None
    moved: Mapping[str, Peak] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    after: str = ""

    def to_data(self) -> dict[str, Any]:
        """Plain data; `from_data` reads it back to an equal one."""
        return {
            "call": self.call,
            "after": self.after,
            "seed": self.seed,
            "outcome": self.outcome,
            "reason": self.reason,
            "seconds": round(self.seconds, 4),
            "speed_m_s": self.speed_m_s.to_data(),
            "outside_m": self.outside_m.to_data(),
            "force_n": None if self.force_n is None else self.force_n.to_data(),
            "moved": {name: peak.to_data() for name, peak in self.moved.items()},
            "refused": dict(self.refused),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Used:
        """Inverse of `to_data`."""
        plain = ("call", "after", "seed", "outcome", "reason", "seconds", "refused")
        return cls(
            **{name: data[name] for name in plain},
            speed_m_s=Peak(*data["speed_m_s"]),
            outside_m=Peak(*data["outside_m"]),
            force_n=Peak(*data["force_n"]) if data["force_n"] else None,
            moved={name: Peak(*peak) for name, peak in data["moved"].items()},
        )


class MeteredWorld:
    """A world that keeps how hard it was touched; everything else is the world's own."""

    episode: Episode

    def __init__(self, world: TrialWorld) -> None:
        self._world = world
        self.robot: RobotSpec = world.robot
        self.kinematics: Kinematics = world.kinematics
        self.period_s = world.period_s
        self.forces: list[float] = []
        self._force = getattr(world, "contact_force_n", None)

    def reset(self, seed: int) -> Observation:
        """Start anew."""
        observation = self._world.reset(seed)
        self.episode = self._world.episode
        return observation

    def observe(self) -> Observation:
        """What is known now."""
        return self._world.observe()

    def facts(self) -> Facts:
        """What holds now."""
        return self._world.facts()

    def apply(self, command: Command) -> None:
        """Send a command, and look at the force while it is that of this period."""
        self._world.apply(command)
        if self._force is not None:
            self.forces.append(float(self._force()))

    def clearance_m(self, position_rad: Array, carried: Sequence[str] = ()) -> float:
        """Least distance of the robot, with what it carries, from everything else."""
        return self._world.clearance_m(position_rad, carried)

    def snapshot(self) -> bytes:
        """The world's whole state."""
        return self._world.snapshot()

    def restore(self, state: bytes) -> None:
        """Return to a snapshot."""
        self._world.restore(state)

    def wrench_n(self) -> float | None:
        """Size of the measured force; None where there is no such sensor."""
        wrench = self.observe().wrench
        return None if wrench is None else float(np.linalg.norm(wrench[:3]))


def used(call: Call, log: RunLog, world: MeteredWorld, wrenches: Array, seed: int) -> Used:
    """What a run of one call used; `wrenches` (F,) as measured, empty without a sensor.

    A tool's speed is the way of its commands over one frame: that of a single period would be
    that of the servo's steps. The forces of the world are those since `world.forces` was emptied.
    """
    window = max(1, round(FRAME_S / world.period_s))
    span = next((each for each in log.spans if each.kind == "call"), None)
    commands = log.commands
    speed, outside = tool_use(call, commands, world)
    measured = _outside(call, log.motion.tool, world.robot.hand().name, world.robot)
    outside = max(outside, _peak(measured, FRAME_S), key=lambda peak: peak.value)
    forces = [_peak(_smooth(world.forces, window), world.period_s)] if world.forces else []
    forces += [_peak(wrenches, FRAME_S)] if len(wrenches) else []
    refusals = [e.reason for e in log.events if e.kind == "refused"]
    return Used(
        call=str(call),
        seed=seed,
        outcome=span.outcome if span else "refused",
        reason=log.reason,
        seconds=span.end_s - span.start_s if span else 0.0,
        speed_m_s=speed,
        outside_m=outside,
        force_n=max(forces, key=lambda peak: peak.value, default=None),
        moved=moved_parts(call, commands, world),
        refused={reason: refusals.count(reason) for reason in sorted(set(refusals))},
    )


def tool_use(call: Call, commands: Array, world: World) -> tuple[Peak, Peak]:
    """Greatest speed of the tools that commands (T, D) move, and how far outside they lead."""
    window = max(1, round(FRAME_S / world.period_s))
    fastest, farthest = Peak(0.0, 0.0), Peak(0.0, 0.0)
    # The robot may use hands that the call does not: those count too, where they move.
    for hand in world.robot.hands:
        arm = world.robot.part(hand.arm).slice
        if not len(commands) or not np.ptp(commands[:, arm], axis=0).any():
            continue
        forward = world.kinematics.forward
        places = np.array([forward(row, hand.name).position for row in commands])
        ways = np.linalg.norm(places[window:] - places[:-window], axis=1)
        speed = _peak(ways / (window * world.period_s), world.period_s)
        outside = _peak(_outside(call, places, hand.name, world.robot), world.period_s)
        fastest = max(fastest, speed, key=lambda peak: peak.value)
        farthest = max(farthest, outside, key=lambda peak: peak.value)
    return fastest, farthest


def _outside(call: Call, places: Array, hand: str, robot: RobotSpec) -> Array:
    """How far (n,) places (n, 3) of a hand's tool are outside the declared workspace, in m."""
    box = call.contract.limits.workspace
    if box is None or not len(places):
        return np.zeros(0)
    local = places - np.array(robot.hand(hand).base_m)
    beyond = np.maximum(np.array(box.low) - local, local - np.array(box.high))
    return np.asarray(np.linalg.norm(np.maximum(beyond, 0.0), axis=1))


def moved_parts(call: Call, commands: Array, world: World) -> dict[str, Peak]:
    """Parts that commands (T, D) move and the call does not claim: how far a joint of each went."""
    claimed = parts_of(call, world.robot)
    found = {}
    for part in world.robot.parts:
        if part.name in claimed or not len(commands):
            continue
        way = np.abs(commands[:, part.slice] - commands[0, part.slice]).max(axis=1)
        if float(way.max()) > MOVED:
            found[part.name] = _peak(way, world.period_s)
    return found


def parts_of(call: Call, robot: RobotSpec) -> frozenset[str]:
    """The robot's parts that a call claims: an arm comes with its gripper."""
    names = set(call.resources)
    for hand in robot.hands:
        if arm_of(hand.name) in call.resources or hand.arm in call.resources:
            names |= {hand.arm, hand.gripper}
    return frozenset(names)


def _smooth(values: Sequence[float], window: int) -> Array:
    """Means over so many values each; the mean of all where there are fewer."""
    rows = np.array(values)
    if len(rows) < window:
        return np.array([rows.mean()])
    sums = np.cumsum(np.concatenate([[0.0], rows]))
    return np.asarray((sums[window:] - sums[:-window]) / window)


def _peak(values: Array, period_s: float) -> Peak:
    if not len(values):
        return Peak(0.0, 0.0)
    at = int(np.argmax(values))
    return Peak(float(values[at]), at * period_s)


def worst(uses: Iterable[Used], measure: str) -> tuple[Peak, Used] | None:
    """The rollout in which a measure was greatest; None where nobody could tell."""
    known = [(peak, each) for each in uses if (peak := getattr(each, measure)) is not None]
    return max(known, key=lambda pair: pair[0].value, default=None)
