"""Two point hands over two cubes and a bin that only one of them reaches; no physics.

Executors of several lanes are tested here in milliseconds. Joints are x, y and z in m and the
gripper's opening, of the left hand and then of the right. Legend: `D` = 8 joints, `O` a hand's 4.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kata.datasets.types import (
    ActionChunk,
    Array,
    Atom,
    AtomTable,
    ChunkRequest,
    ChunkSpec,
    Command,
    EntityState,
    Facts,
    FeatureSpec,
    Hand,
    KeySpec,
    Limits,
    Observation,
    Part,
    Pose,
    RobotSpec,
    Trajectory,
    UnknownNameError,
)
from kata.skills.contract.contract import Contract
from kata.skills.execution.messages import LoadedSkill
from kata.skills.handover.boundary import FactBoundary

from .fake_skills import WaypointPolicy, Waypoints
from .fake_world import DOWN, PointKinematics

HANDS = ("left", "right")
BIN = np.array([0.3, -0.6, 0.02])
MEET = np.array([0.3, 0.0, 0.4])
"""Where one hand gives to the other."""

_COLUMNS = {"left": slice(0, 4), "right": slice(4, 8)}
_WIDE, _NARROW, _NEAR, _LIFTED = 0.05, 0.03, 0.03, 0.1
_OPEN, _SHUT = 0.08, 0.0
_REACH_M = 0.1
"""How far a hand reaches over the middle."""

_ABOVE = np.array([0.0, 0.0, 0.15])
_CUBES = ("red_cube", "blue_cube")
_UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])


def two_point_robot() -> RobotSpec:
    """Two times three axes and a gripper."""
    one = np.ones(8)
    limits = Limits(
        np.tile([-1.0, -1.0, 0.0, 0.0], 2),
        np.tile([1.0, 1.0, 1.0, 0.08], 2),
        2.0 * one,
        20.0 * one,
        2000.0 * one,
    )
    parts = []
    for i, name in enumerate(HANDS):
        axes = tuple(f"{name}_{axis}" for axis in "xyz")
        parts.append(Part(f"{name}_arm", "arm", axes, 4 * i))
        parts.append(Part(f"{name}_gripper", "gripper", (f"{name}_grip",), 4 * i + 3))
    home = np.array([0.3, 0.3, 0.3, 0.08, 0.3, -0.3, 0.3, 0.08])
    hands = tuple(Hand(name, f"{name}_arm", f"{name}_gripper") for name in HANDS)
    return RobotSpec("two_points", tuple(parts), limits, home, hands)


class TwoPointKinematics:
    """Each tool is where its joints say; a chunk of a hand moves only that hand."""

    def __init__(self) -> None:
        self._one = PointKinematics()

    def follow(self, chunk: ActionChunk, now: Command) -> Trajectory:
        """As `Kinematics.follow`; frame `joint`, width 8."""
        values = np.repeat(now.position[None], len(chunk.values), axis=0)
        chosen = _COLUMNS.get(chunk.hand, slice(0, 8))
        values[:, chosen] = chunk.values[:, chosen]
        times = chunk.start_s + chunk.step_s * np.arange(len(values) + 1, dtype=float)
        position = np.vstack([now.position, values])
        velocity = np.gradient(position, chunk.step_s, axis=0)
        velocity[0], velocity[-1] = now.velocity, 0.0
        return Trajectory(times, position, velocity)

    def forward(self, position: Array, hand: str = "") -> Pose:
        """The tool of a hand, looking down."""
        return Pose(position[_COLUMNS[hand or HANDS[0]]][:3].copy(), DOWN.copy())

    def solve(self, pose: Pose, seed: Array, hand: str = "") -> Array | None:
        """Joints (D,) with a hand's tool at a pose; None outside the unit box."""
        chosen = _COLUMNS[hand or HANDS[0]]
        found = self._one.solve(pose, seed[chosen])
        if found is None:
            return None
        whole = seed.copy()
        whole[chosen] = found
        return whole


@dataclass
class TwoHandWorld:
    """Two hands over a cube each, and a bin on the right; implements `SimWorld`.

    Attributes:
        slip: the left hand never gets hold of anything.
    """

    period_s: float = 0.01
    slip: bool = False
    places: dict[str, tuple[float, float]] = field(
        default_factory=lambda: {"red_cube": (0.3, 0.45), "blue_cube": (0.3, -0.4)}
    )

    def __post_init__(self) -> None:
        self.robot, self.kinematics = two_point_robot(), TwoPointKinematics()
        tags = {name: frozenset({"cube", "object"}) for name in _CUBES}
        tags["bin"] = frozenset({"container", "fixture"})
        atoms = [Atom("gripper_empty", (hand,)) for hand in HANDS]
        for cube in _CUBES:
            atoms += [Atom("holding", (hand, cube)) for hand in HANDS]
            atoms += [Atom("clear", (cube,)), Atom("in", (cube, "bin"))]
        for thing in (*_CUBES, "bin"):
            atoms += [Atom("reachable", (hand, thing)) for hand in HANDS]
        atoms.append(Atom("open", ("bin",)))
        self._table = AtomTable(tuple(atoms), tags)
        self.reset(0)

    def reset(self, seed: int) -> Observation:
        """Hands near home, cubes near their places."""
        rng = np.random.default_rng(seed)
        noise: Array = rng.uniform(-0.03, 0.03, 8)
        noise[[3, 7]] = 0.0
        self._tick = 0
        self._joints: Array = np.asarray(self.robot.home + noise)
        self._velocity: Array = np.zeros(8)
        self._cubes = {
            name: np.array([*place, 0.02]) + np.append(rng.uniform(-0.02, 0.02, 2), 0.0)
            for name, place in self.places.items()
        }
        self._holders: dict[str, list[str]] = {name: [] for name in _CUBES}
        self._inside: dict[str, bool] = dict.fromkeys(_CUBES, False)
        return self.observe()

    @property
    def time_s(self) -> float:
        """The world's clock."""
        return self._tick * self.period_s

    def apply(self, command: Command) -> None:
        """The robot is at once where the command says; what is held comes along."""
        self._velocity = (command.position - self._joints) / self.period_s
        self._joints = command.position.copy()
        self._tick += 1
        for hand in HANDS:
            x, y, z, grip = self._joints[_COLUMNS[hand]]
            tool = np.array([x, y, z])
            for cube, holders in self._holders.items():
                near = np.linalg.norm(tool - self._cubes[cube]) < _NEAR
                able = not self._inside[cube] and not (self.slip and hand == "left")
                if hand in holders and grip > _WIDE:
                    holders.remove(hand)
                    over = np.abs(self._cubes[cube][:2] - BIN[:2]).max() < 0.1
                    self._inside[cube] = bool(over and not holders)
                elif near and grip < _NARROW and hand not in holders and able:
                    holders.append(hand)
        for cube, holders in self._holders.items():
            if holders:
                self._cubes[cube] = self._joints[_COLUMNS[holders[0]]][:3].copy()

    def observe(self) -> Observation:
        """Exact and up to date."""
        things = {
            name: EntityState(name, Pose(at.copy(), _UPRIGHT), at.copy(), np.full(3, 0.02))
            for name, at in self._cubes.items()
        }
        things["bin"] = EntityState("bin", Pose(BIN, _UPRIGHT), BIN, np.full(3, 0.1))
        tools = {hand: self.kinematics.forward(self._joints, hand) for hand in HANDS}
        return Observation(
            self.time_s, self._joints.copy(), self._velocity.copy(), np.zeros(8), tools, things
        )

    def facts(self) -> Facts:
        """Without hysteresis."""
        truth = np.array([self._holds(atom) for atom in self._table.atoms], dtype=np.int8)
        return Facts(self._table, truth, np.where(truth > 0, 2.0, -2.0), self.time_s)

    def _holds(self, atom: Atom) -> bool:
        names = atom.arguments
        if atom.predicate == "gripper_empty":
            return not any(names[0] in holders for holders in self._holders.values())
        if atom.predicate == "holding":
            tool = self._joints[_COLUMNS[names[0]]]
            return self._holders[names[1]] == [names[0]] and bool(tool[2] > _LIFTED)
        if atom.predicate == "in":
            return self._inside[names[0]]
        if atom.predicate == "reachable":
            y = BIN[1] if names[1] == "bin" else self._cubes[names[1]][1]
            return bool(y > -_REACH_M if names[0] == "left" else y < _REACH_M)
        return True

    def clearance_m(self, position_rad: Array, carried: Sequence[str] = ()) -> float:
        """Between the hands, and above the table; less what they carry."""
        for name in carried:
            if name not in self._cubes:
                raise UnknownNameError("object to carry", name, [*self._cubes], where="clearance")
        left, right = position_rad[:3], position_rad[4:7]
        least = float(min(np.linalg.norm(left - right) - 0.02, left[2], right[2]))
        return least - 0.02 * len(carried)

    def snapshot(self) -> bytes:
        """The whole state as JSON."""
        state = {
            "tick": self._tick,
            "joints": self._joints.tolist(),
            "velocity": self._velocity.tolist(),
            "cubes": {name: at.tolist() for name, at in self._cubes.items()},
            "holders": self._holders,
            "inside": self._inside,
        }
        return json.dumps(state).encode()

    def restore(self, state: bytes) -> None:
        """Return to a snapshot."""
        data = json.loads(state)
        self._tick, self._holders, self._inside = data["tick"], data["holders"], data["inside"]
        self._joints, self._velocity = np.array(data["joints"]), np.array(data["velocity"])
        self._cubes = {name: np.array(at) for name, at in data["cubes"].items()}


def _contract(name: str, parameters: dict[str, str], requires: str, achieves: str) -> Contract:
    resources = ["?giver", "?taker"] if name == "handover" else ["arm"]
    data = {
        "format": 2,
        "name": name,
        "version": "1.0.0",
        "summary": f"Scripted {name}.",
        "parameters": parameters,
        "requires": requires,
        "achieves": achieves,
        "duration_s": 8.0,
        "settle_s": 0.2,
        "resources": resources,
    }
    return Contract.from_data(data)


TWO_HAND_CONTRACTS = {
    "pick": _contract(
        "pick",
        {"object": "object"},
        "gripper_empty() and clear(?object) and reachable(?object)",
        "holding(?object) and not gripper_empty()",
    ),
    "handover": _contract(
        "handover",
        {"giver": "hand", "taker": "hand", "object": "object"},
        "holding(?giver, ?object) and gripper_empty(?taker)",
        (
            "holding(?taker, ?object) and not gripper_empty(?taker)"
            " and not holding(?giver, ?object) and gripper_empty(?giver)"
        ),
    ),
    "place_in": _contract(
        "place_in",
        {"object": "object", "container": "container"},
        "holding(?object) and reachable(?container)",
        "in(?object, ?container) and gripper_empty() and not holding(?object)",
    ),
}
"""Three contracts of the two hands."""


class HandPolicy(WaypointPolicy):
    """Goes from waypoint to waypoint with the joints of the hands that the call uses."""

    def __init__(self, waypoints: Waypoints) -> None:
        super().__init__(
            waypoints,
            chunk_spec=ChunkSpec(8, 0.05, 4, "joint", 8),
            spec=FeatureSpec.of({"observation.state": KeySpec("float32", (8,))}),
        )

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """Eight steps along the way; of one hand alone, or of both."""
        chosen = np.concatenate([np.arange(8)[_COLUMNS[hand]] for hand in observation.hands])
        own = replace(observation, position=observation.position[chosen])
        chunk = super().chunk(own, request)
        values = np.repeat(observation.position[None], len(chunk.values), axis=0)
        values[:, chosen] = chunk.values
        hand = observation.hands[0] if len(observation.hands) == 1 else ""
        return replace(chunk, values=values, hand=hand)


def _at(point: Array, grip: float) -> Array:
    return np.append(point, grip)


def _pick(seen: Observation) -> Sequence[Array]:
    cube = seen.focused()[0].pose.position
    above = cube + _ABOVE
    return [_at(above, _OPEN), _at(cube, _OPEN), _at(cube, _SHUT), _at(above, _SHUT)]


def _place_in(seen: Observation) -> Sequence[Array]:
    above = seen.focused()[1].pose.position + _ABOVE
    return [_at(above, _SHUT), _at(above, _OPEN)]


def _handover(seen: Observation) -> Sequence[Array]:
    giver, taker = (-1.0 if hand == "right" else 1.0 for hand in seen.hands)
    aside = np.array([0.0, 0.1, 0.0])
    steps = [
        (_at(MEET, _SHUT), _at(MEET + taker * aside, _OPEN)),
        (_at(MEET, _SHUT), _at(MEET, _OPEN)),
        (_at(MEET, _SHUT), _at(MEET, _SHUT)),
        (_at(MEET, _OPEN), _at(MEET, _SHUT)),
        (_at(MEET + giver * aside, _OPEN), _at(MEET, _SHUT)),
    ]
    return [np.concatenate(pair) for pair in steps]


def two_hand_skills() -> dict[str, LoadedSkill]:
    """The three skills, with policies of their own."""
    ways: dict[str, Waypoints] = {"pick": _pick, "handover": _handover, "place_in": _place_in}
    return {
        name: LoadedSkill(TWO_HAND_CONTRACTS[name], HandPolicy(way), FactBoundary())
        for name, way in ways.items()
    }
