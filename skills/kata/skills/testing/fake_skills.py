"""Scripted skills for the fake world: good ones, and ones that fail in every known way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kata.datasets.types import (
    ActionChunk,
    Array,
    ChunkRequest,
    ChunkSpec,
    Condition,
    ExecutionError,
    Facts,
    FeatureSpec,
    KeySpec,
    Observation,
    World,
)
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import Parameter
from kata.skills.contract.promise import Envelope
from kata.skills.execution.messages import LoadedSkill
from kata.skills.handover.boundary import FactBoundary
from kata.skills.planning.plan import Failure, Plan, Refusal

from .fake_world import HANDLE_SHUT, PULL_M

Waypoints = Callable[[Observation], Sequence[Array]]
"""Joint targets (4,) to pass one after the other, from the first observation of a call."""

_OPEN, _SHUT = 0.08, 0.0
_BESIDE = np.array([0.0, 0.0, 0.15])


def _contract(name: str, parameters: Mapping[str, str], **conditions: str) -> Contract:
    parsed = {key: Condition.parse(text) for key, text in conditions.items()}
    true = Condition("true")
    return Contract(
        name,
        "1.0.0",
        f"Scripted {name}.",
        tuple(Parameter(n, t) for n, t in parameters.items()),
        parsed.get("requires", true),
        parsed.get("holds", true),
        parsed["achieves"],
        duration_s=6.0,
        settle_s=0.2,
        limits=Envelope(speed_m_s=1.5),
    )


CONTRACTS: Mapping[str, Contract] = {
    "open": _contract(
        "open",
        {"container": "openable"},
        requires="gripper_empty() and not open(?container)",
        achieves="open(?container) and not closed(?container)",
    ),
    "pick": _contract(
        "pick",
        {"object": "object"},
        requires="gripper_empty()",
        achieves="holding(?object) and not gripper_empty()",
    ),
    "place_in": _contract(
        "place_in",
        {"object": "object", "container": "container"},
        requires="holding(?object) and open(?container)",
        holds="open(?container)",
        achieves="in(?object, ?container) and gripper_empty() and not holding(?object)",
    ),
    "close": _contract(
        "close",
        {"container": "openable"},
        requires="gripper_empty() and open(?container)",
        achieves="closed(?container) and not open(?container)",
    ),
}
"""Four contracts of the fake world."""


@dataclass
class WaypointPolicy:
    """Goes from waypoint to waypoint at a constant speed, in chunks of joint targets.

    Attributes:
        speed: in units of a joint per s; a gripper is given the time it needs.
    """

    waypoints: Waypoints
    speed: float = 0.6
    chunk_spec: ChunkSpec = field(default_factory=lambda: ChunkSpec(8, 0.05, 4, "joint", 4))
    spec: FeatureSpec = field(
        default_factory=lambda: FeatureSpec.of({"observation.state": KeySpec("float32", (4,))})
    )

    def __post_init__(self) -> None:
        self._left: list[Array] | None = None

    def reset(self, seed: int) -> None:
        """Forget the waypoints; nothing is random."""
        self._left = None

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """Eight steps along the way."""
        if self._left is None:
            self._left = [np.asarray(w, dtype=float) for w in self.waypoints(observation)]
        at, rows = observation.position.copy(), []
        left = list(self._left)
        for k in range(self.chunk_spec.horizon):
            step = self.speed * self.chunk_spec.step_s
            while len(left) > 1 and np.abs(left[0] - at).max() < 1e-3:
                left.pop(0)
            if k == self.chunk_spec.execute:
                self._left = list(left)
            at = at + np.clip(left[0] - at, -step, step)
            rows.append(at)
        return ActionChunk(request.start_s, self.chunk_spec.step_s, "joint", np.array(rows))


def _at(point: Array, grip: float) -> Array:
    return np.append(point, grip)


def _open(_: Observation) -> list[Array]:
    pulled = HANDLE_SHUT - np.array([PULL_M + 0.01, 0, 0])
    return [
        _at(HANDLE_SHUT + _BESIDE, _OPEN),
        _at(HANDLE_SHUT, _OPEN),
        _at(HANDLE_SHUT, _SHUT),
        _at(pulled, _SHUT),
    ]


def _pick(observation: Observation) -> list[Array]:
    cube = observation.entities["red_cube"].pose.position
    above, here = cube + _BESIDE, observation.position[:3]
    # It may begin with the handle still in the hand.
    return [
        _at(here, _OPEN),
        _at(above, _OPEN),
        _at(cube, _OPEN),
        _at(cube, _SHUT),
        _at(above, _SHUT),
    ]


def _place_in(observation: Observation) -> list[Array]:
    above = observation.entities["drawer"].spot + np.array([0.0, 0.0, 0.1])
    return [_at(above, _SHUT), _at(above, _OPEN)]


def _close(observation: Observation) -> list[Array]:
    handle = observation.entities["drawer"].pose.position
    return [
        _at(handle + _BESIDE, _OPEN),
        _at(handle + _BESIDE, _SHUT),
        _at(handle, _SHUT),
        _at(HANDLE_SHUT + np.array([0.01, 0.0, 0.0]), _SHUT),
    ]


def good_skills() -> dict[str, LoadedSkill]:
    """The four skills, which succeed from anywhere."""
    ways: Mapping[str, Waypoints] = {
        "open": _open,
        "pick": _pick,
        "place_in": _place_in,
        "close": _close,
    }
    return {
        name: LoadedSkill(CONTRACTS[name], WaypointPolicy(way), FactBoundary())
        for name, way in ways.items()
    }


class BadPolicy(WaypointPolicy):
    """Fails in one way.

    Args:
        fault: `never_ends` stays where it is; `wanders` moves for ever; `nan` gives NaN;
            `outside` leaves the limits; `raises` raises a KataError; `nan_once` only at first.
    """

    def __init__(self, fault: str) -> None:
        super().__init__(lambda observation: [observation.position])
        self.fault, self._asked = fault, 0

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """A chunk with the fault in it."""
        self._asked += 1
        if self.fault == "raises":
            raise ExecutionError("the policy does not work")
        chunk = super().chunk(observation, request)
        values = chunk.values.copy()
        if self.fault == "wanders":
            values[:, 0] = 0.3 + 0.1 * np.sin(request.start_s + 0.05 * np.arange(len(values)))
        if self.fault == "nan" or (self.fault == "nan_once" and self._asked == 1):
            values[2] = np.nan
        if self.fault == "outside":
            values[:, 1] = 5.0
        return ActionChunk(chunk.start_s, chunk.step_s, "joint", values)


class UnreliablePolicy(BadPolicy):
    """Picks as well as it can in a share of its calls; in the others it gives NaN at once.

    Args:
        rate: chance of a call to go well, drawn from the seed of the call.
        salt: policies of other salts fail on other seeds.
        speed: in units of a joint per s.
    """

    def __init__(self, rate: float, salt: int = 0, speed: float = 0.6) -> None:
        super().__init__("")
        self.waypoints, self.speed = _pick, speed
        self._rate, self._salt = rate, salt

    def reset(self, seed: int) -> None:
        """Draw whether the call of this seed goes well."""
        super().reset(seed)
        drawn = np.random.default_rng([seed, self._salt]).random()
        self.fault = "" if drawn < self._rate else "nan"


def with_fault(skills: Mapping[str, LoadedSkill], name: str, fault: str) -> dict[str, LoadedSkill]:
    """The same skills, one of them with a `BadPolicy`."""
    bad = LoadedSkill(skills[name].contract, BadPolicy(fault), skills[name].boundary)
    return {**skills, name: bad}


def fake_skill(name: str, _: World, fault: str = "") -> LoadedSkill:
    """One of them, for `evaluate`; a `functools.partial` of it is picklable."""
    skills = good_skills()
    return (with_fault(skills, name, fault) if fault else skills)[name]


def drawer_plan() -> Plan:
    """Open, pick, place in, close."""
    texts = (
        ("open", ("drawer",)),
        ("pick", ("red_cube",)),
        ("place_in", ("red_cube", "drawer")),
        ("close", ("drawer",)),
    )
    calls = [Call(CONTRACTS[name], values) for name, values in texts]
    return Plan.sequence(Condition.parse("in(red_cube, drawer) and closed(drawer)"), calls)


@dataclass
class FakePlanner:
    """Gives the calls of `drawer_plan` that are not achieved yet; remembers what it was asked."""

    refuse: bool = False
    asked: list[tuple[Failure, ...]] = field(default_factory=list)

    def plan(
        self,
        goal: Condition,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure] = (),
    ) -> Plan | Refusal:
        """The calls from the first one on that must be done."""
        self.asked.append(tuple(failures))
        if self.refuse:
            return Refusal("missing_skill", "nothing helps")
        calls = drawer_plan().calls
        if facts.value(next(iter(Condition.parse("open(drawer)").atoms()))):
            calls = calls[1:]
        return Plan.sequence(goal, calls)
