"""A world in miniature: a point robot that is where it is told, a cube, a drawer; no physics.

Executor tests run in milliseconds here and read as traces of ticks. Joints are the tool's x, y and
z in m and the gripper's opening. Legend: `D` = 4 joints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kata.datasets.types import (
    DEFAULT_HAND,
    ActionChunk,
    Array,
    Atom,
    AtomTable,
    Command,
    EntityState,
    Episode,
    Facts,
    Hand,
    Kinematics,
    Limits,
    Observation,
    Part,
    Pose,
    RobotSpec,
    SpecError,
    Trajectory,
    UnknownNameError,
)

DOWN = np.array([0.0, 1.0, 0.0, 0.0])
HANDLE_SHUT = np.array([0.4, -0.3, 0.05])
PULL_M = 0.15
"""How far the handle travels along -x from shut to open."""

_WIDE, _NARROW, _REACH = 0.05, 0.03, 0.03

TYPES: Mapping[str, frozenset[str]] = {
    "red_cube": frozenset({"cube", "object"}),
    "drawer": frozenset({"container", "openable", "fixture"}),
}

_TEXTS = (
    "gripper_empty()",
    "holding(red_cube)",
    "open(drawer)",
    "closed(drawer)",
    "in(red_cube, drawer)",
    "clear(red_cube)",
    "reachable(red_cube)",
)


def point_robot() -> RobotSpec:
    """Three axes and a gripper."""
    one = np.ones(4)
    limits = Limits(
        np.array([-1.0, -1.0, 0.0, 0.0]),
        np.array([1.0, 1.0, 1.0, 0.08]),
        2.0 * one,
        20.0 * one,
        2000.0 * one,
    )
    parts = (Part("arm", "arm", ("x", "y", "z"), 0), Part("gripper", "gripper", ("grip",), 3))
    home = np.array([0.3, 0.0, 0.3, 0.08])
    return RobotSpec("point", parts, limits, home, (Hand(DEFAULT_HAND, "arm", "gripper"),))


class PointKinematics:
    """The tool is where the joints say; chunks become Hermite curves."""

    def follow(self, chunk: ActionChunk, now: Command) -> Trajectory:
        """As `Kinematics.follow`; frame `joint`, width 4."""
        if chunk.values.shape[1] != 4:
            raise SpecError("chunk", expected="width 4", got=str(chunk.values.shape))
        count = len(chunk.values)
        times = chunk.start_s + chunk.step_s * np.arange(count + 1, dtype=float)
        position = np.vstack([now.position, chunk.values])
        velocity = np.gradient(position, chunk.step_s, axis=0)
        velocity[0], velocity[-1] = now.velocity, 0.0
        return Trajectory(times, position, velocity)

    def forward(self, position: Array, hand: str = "") -> Pose:
        """The tool at the first three joints, looking down."""
        return Pose(np.array(position[:3], dtype=float), DOWN.copy())

    def solve(self, pose: Pose, seed: Array, hand: str = "") -> Array | None:
        """Joints at a pose; None outside the unit box."""
        if np.abs(pose.position).max() > 1.0:
            return None
        return np.concatenate([pose.position, seed[3:]])


@dataclass
class FakeWorld:
    """A point robot over a cube and a drawer; implements `SimWorld` and `TrialWorld`.

    Attributes:
        drop_s: from this time on the held cube slips out of the hand, once; never, by default.
        jam: the drawer does not move.
    """

    period_s: float = 0.01
    drop_s: float = float("inf")
    jam: bool = False
    episode: Episode = field(
        default_factory=lambda: Episode("pick", {"object": "red_cube"}, "holding(red_cube)", 10.0)
    )

    def __post_init__(self) -> None:
        self.robot = point_robot()
        self.kinematics: Kinematics = PointKinematics()
        atoms = tuple(Atom.parse(text) for text in _TEXTS)
        self._table = AtomTable(atoms, TYPES)
        self.reset(0)

    def reset(self, seed: int) -> Observation:
        """Cube at a random place, drawer shut, robot near home."""
        rng = np.random.default_rng(seed)
        self._tick, self._slipped = 0, False
        self._joints = self.robot.home + np.append(rng.uniform(-0.05, 0.05, 3), 0.0)
        self._velocity = np.zeros(4)
        self._cube = np.array([*rng.uniform((0.2, 0.1), (0.5, 0.4)), 0.02])
        self._held, self._inside, self._opened_m = False, False, 0.0
        return self.observe()

    @property
    def time_s(self) -> float:
        """The world's clock."""
        return self._tick * self.period_s

    def handle(self) -> Array:
        """Where the drawer's handle is now, (3,)."""
        return np.asarray(HANDLE_SHUT - np.array([self._opened_m, 0.0, 0.0]))

    def apply(self, command: Command) -> None:
        """The robot is at once where the command says; what it carries comes along."""
        self._velocity = (command.position - self._joints) / self.period_s
        moved = command.position[:3] - self._joints[:3]
        at_handle = np.linalg.norm(self._joints[:3] - self.handle()) < _REACH
        self._joints = command.position.copy()
        self._tick += 1
        grip = self._joints[3]
        if at_handle and grip < _NARROW and not self.jam:
            self._opened_m = float(np.clip(self._opened_m - moved[0], 0.0, PULL_M))
        near = np.linalg.norm(self._joints[:3] - self._cube) < _REACH
        if self.time_s >= self.drop_s and not self._slipped:
            self._slipped, self._held = self._held, False
            self._cube[2] = 0.02
        elif self._held and grip > _WIDE:
            self._release()
        elif near and grip < _NARROW and not self._inside:
            self._held = True
        if self._held:
            self._cube = self._joints[:3].copy()

    def _release(self) -> None:
        self._held = False
        over = np.abs(self._cube[:2] - self.handle()[:2]).max() < 0.1
        self._inside = bool(over and self._opened_m > 0.5 * PULL_M)

    def observe(self) -> Observation:
        """Exact and up to date."""
        cube = EntityState(
            "red_cube", Pose(self._cube.copy(), np.array([1.0, 0, 0, 0])), self._cube.copy(),
            np.full(3, 0.02), symmetry=4,
        )  # fmt: skip
        handle = Pose(self.handle(), np.array([1.0, 0, 0, 0]))
        drawer = EntityState(
            "drawer", handle, handle.position + np.array([0.0, 0.0, 0.1]), np.full(3, 0.1),
            articulation=self._opened_m / PULL_M,
        )  # fmt: skip
        return Observation(
            self.time_s,
            self._joints.copy(),
            self._velocity.copy(),
            np.zeros(4),
            {DEFAULT_HAND: self.kinematics.forward(self._joints)},
            {"red_cube": cube, "drawer": drawer},
        )

    def facts(self) -> Facts:
        """Seven atoms, without hysteresis."""
        opened = self._opened_m > 0.9 * PULL_M
        shut = self._opened_m < 0.1 * PULL_M
        lifted = self._held and self._joints[2] > 0.1
        values = [not self._held, lifted, opened, shut, self._inside, True, True]
        truth = np.array(values, dtype=np.int8)
        return Facts(self._table, truth, np.where(truth > 0, 2.0, -2.0), self.time_s)

    def clearance_m(self, position_rad: Array, carried: Sequence[str] = ()) -> float:
        """Height above a wall between cube and drawer, and above the table; less a cube carried."""
        for name in carried:
            if name != "red_cube":
                raise UnknownNameError("object to carry", name, ["red_cube"], where="clearance")
        _, y, z = position_rad[:3]
        wall = max(abs(y + 0.1) - 0.05, z - 0.2)
        return float(min(z, wall)) - 0.02 * len(carried)

    def snapshot(self) -> bytes:
        """The whole state as JSON."""
        state: dict[str, Any] = {
            "tick": self._tick,
            "joints": self._joints.tolist(),
            "velocity": self._velocity.tolist(),
            "cube": self._cube.tolist(),
            "held": self._held,
            "inside": self._inside,
            "slipped": self._slipped,
            "opened_m": self._opened_m,
        }
        return json.dumps(state).encode()

    def restore(self, state: bytes) -> None:
        """Return to a snapshot."""
        data = json.loads(state)
        self._tick, self._opened_m = data["tick"], data["opened_m"]
        self._joints, self._cube = np.array(data["joints"]), np.array(data["cube"])
        self._velocity = np.array(data["velocity"])
        self._held, self._inside = data["held"], data["inside"]
        self._slipped = data["slipped"]


@dataclass
class FakeTrial(FakeWorld):
    """A fake world that begins in the middle of the work.

    Attributes:
        held: the cube is in the hand.
        opened: the drawer is open.
    """

    held: bool = False
    opened: bool = False

    def reset(self, seed: int) -> Observation:
        """As in the fake world, and then held or opened."""
        super().reset(seed)
        if self.held:
            self._joints[3], self._held = 0.0, True
            self._cube = self._joints[:3].copy()
        if self.opened:
            self._opened_m = PULL_M
        return self.observe()
