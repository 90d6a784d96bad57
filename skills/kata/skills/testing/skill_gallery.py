"""Skills of the fake world to try a kit, an audit or an executor on: good ones, and broken ones.

Each comes with its own task: `check_skill(exhibit.kit()())` says what is wrong with it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from kata.datasets.types import (
    ActionChunk,
    Array,
    ChunkRequest,
    Condition,
    Episode,
    ExecutionError,
    Facts,
    Observation,
    Policy,
    TrialWorld,
    World,
)
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import Parameter
from kata.skills.contract.promise import Envelope, Workspace
from kata.skills.execution.messages import LoadedSkill, ReadySkill
from kata.skills.handover.boundary import FactBoundary
from kata.skills.handover.verdict import Verdict

from .fake_skills import CONTRACTS, BadPolicy, WaypointPolicy, good_skills
from .fake_world import FakeTrial
from .skill_contract import SkillContract

_SHUT, _OPEN = 0.0, 0.08
_RELEASE = "gripper_empty() and not holding(?object)"
_counter = itertools.count()


class HastyBoundary(FactBoundary):
    """Calls every skill done at once, whatever the facts say."""

    def is_done(self, call: Call, observation: Observation, facts: Facts) -> Verdict:
        """Always."""
        return Verdict(True, 1.0, "it says so")


class ShakyPolicy(WaypointPolicy):
    """Shakes a little, by the seed; without `seeded` never twice alike."""

    def __init__(self, seeded: bool) -> None:
        good = _policy("pick")
        super().__init__(good.waypoints, good.speed)
        self._seeded, self._rng = seeded, np.random.default_rng(0)

    def reset(self, seed: int) -> None:
        """Draw anew."""
        super().reset(seed)
        self._rng = np.random.default_rng(seed if self._seeded else next(_counter))

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The good chunk, up to 2 mm aside."""
        chunk = super().chunk(observation, request)
        values = chunk.values.copy()
        values[:, :3] += self._rng.uniform(-0.002, 0.002, 3)
        return replace(chunk, values=values)


class ForgetfulPolicy(WaypointPolicy):
    """Does not begin anew: what was left of the last execution comes first."""

    def reset(self, seed: int) -> None:
        """Nothing, but for the first time."""


class WritingPolicy(WaypointPolicy):
    """Writes into what it is shown."""

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The good chunk."""
        chunk = super().chunk(observation, request)
        observation.position[:] += 1e-3
        return chunk


class FailingPolicy(WaypointPolicy):
    """Works for a while, and then cannot."""

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The good chunk, in the first half second. Raises ExecutionError later."""
        if self._left is not None and len(self._left) < 4:
            raise ExecutionError("the network has no answer")
        return super().chunk(observation, request)


class DropPolicy(WaypointPolicy):
    """Goes down to the height that the call asks for, and lets go."""

    def __init__(self) -> None:
        super().__init__(self._way)

    @staticmethod
    def _way(observation: Observation) -> list[Array]:
        place = observation.position[:3].copy()
        place[2] = float(observation.arguments[0])
        return [np.append(place, _SHUT), np.append(place, _OPEN)]


def _policy(name: str) -> WaypointPolicy:
    policy = good_skills()[name].policy
    assert isinstance(policy, WaypointPolicy)
    return policy


def _aside(observation: Observation) -> list[Array]:
    """Out of the workspace first, and then to the cube."""
    begin = np.append(np.array([0.3, 0.9, 0.4]), _OPEN)
    return [begin, *(np.asarray(w) for w in _policy("pick").waypoints(observation))]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A skill and its task.

    Attributes:
        policy: makes one.
        arguments: of the call.
        held, opened: how the world begins; see `FakeTrial`.
    """

    contract: Contract
    policy: Callable[[], Policy]
    arguments: Mapping[str, str]
    held: bool = False
    opened: bool = False
    boundary: FactBoundary = field(default_factory=FactBoundary)

    def kit(self) -> type[SkillContract]:
        """The tests of this skill, as a class of its own."""
        return type(f"Test_{self.contract.name}", (_Kit,), {"exhibit": self})


class _Kit(SkillContract):
    """Tests of an exhibit."""

    seeds = (0, 1)
    exhibit: ClassVar[Exhibit]

    def make_world(self) -> TrialWorld:
        """The fake world in the exhibit's start."""
        shown = self.exhibit
        episode = Episode(shown.contract.name, shown.arguments, "", 10.0)
        return FakeTrial(episode=episode, held=shown.held, opened=shown.opened)

    def make_skill(self, world: World) -> ReadySkill:
        """The exhibit."""
        return LoadedSkill(self.exhibit.contract, self.exhibit.policy(), self.exhibit.boundary)


def _named(name: str, base: str, **more: object) -> Contract:
    """A fake skill's contract under another name, with other terms; conditions as text."""
    changes = {k: Condition.parse(v) if isinstance(v, str) else v for k, v in more.items()}
    return replace(CONTRACTS[base], name=name, **changes)  # type: ignore[arg-type]


_CUBE, _DRAWER = {"object": "red_cube"}, {"container": "drawer"}
_BOX = Workspace((0.0, -0.6, 0.0), (0.8, 0.6, 0.6))
_HEIGHT = Parameter("height_m", "number", "m", 0.05, 0.4, "0.1")


def _pick(name: str, policy: Callable[[], Policy], **more: object) -> Exhibit:
    return Exhibit(_named(name, "pick", **more), policy, _CUBE)


GOOD_SKILLS: Mapping[str, Exhibit] = {
    "open": Exhibit(CONTRACTS["open"], lambda: _policy("open"), _DRAWER),
    "pick": Exhibit(CONTRACTS["pick"], lambda: _policy("pick"), _CUBE),
    "place_in": Exhibit(
        CONTRACTS["place_in"], lambda: _policy("place_in"), _CUBE | _DRAWER, held=True, opened=True
    ),
    "close": Exhibit(CONTRACTS["close"], lambda: _policy("close"), _DRAWER, opened=True),
    "slow_but_in_time": _pick(
        "slow_but_in_time",
        lambda: WaypointPolicy(_policy("pick").waypoints, 0.3),
        limits=Envelope(0.8, None, _BOX),
    ),
    "shaky_by_its_seed": _pick("shaky_by_its_seed", lambda: ShakyPolicy(seeded=True)),
    "with_a_margin": _pick(
        "with_a_margin", lambda: _policy("pick"), requires="gripper_empty() >= 1"
    ),
    "with_a_number": Exhibit(
        replace(
            _named("with_a_number", "pick", requires="holding(?object)", achieves=_RELEASE),
            parameters=(*CONTRACTS["pick"].parameters, _HEIGHT),
        ),
        DropPolicy,
        {**_CUBE, "height_m": "0.2"},
        held=True,
    ),
}
"""Eight that pass every test of the kit."""

BROKEN_SKILLS: Mapping[str, tuple[Exhibit, str]] = {
    "never_ends": (
        _pick("never_ends", lambda: BadPolicy("never_ends")),
        "test_it_ends_within_its_time",
    ),
    "wanders": (_pick("wanders", lambda: BadPolicy("wanders")), "test_it_ends_within_its_time"),
    "too_slow": (
        _pick("too_slow", lambda: WaypointPolicy(_policy("pick").waypoints, 0.05)),
        "test_it_ends_within_its_time",
    ),
    "gives_nan": (
        _pick("gives_nan", lambda: BadPolicy("nan")),
        "test_chunks_fit_their_specification",
    ),
    "leaves_the_joint_limits": (
        _pick("leaves_the_joint_limits", lambda: BadPolicy("outside")),
        "test_no_chunk_of_it_is_refused",
    ),
    "gives_up_half_way": (
        _pick("gives_up_half_way", lambda: FailingPolicy(_policy("pick").waypoints)),
        "test_no_chunk_of_it_is_refused",
    ),
    "leaves_its_workspace": (
        _pick(
            "leaves_its_workspace", lambda: WaypointPolicy(_aside), limits=Envelope(1.5, None, _BOX)
        ),
        "test_tool_keeps_to_its_speed_and_workspace",
    ),
    "too_fast": (
        _pick("too_fast", lambda: WaypointPolicy(_policy("pick").waypoints, 1.8)),
        "test_tool_keeps_to_its_speed_and_workspace",
    ),
    "lies_about_its_effect": (
        replace(_pick("lies_about_its_effect", lambda: _policy("pick")), boundary=HastyBoundary()),
        "test_what_it_achieves_holds_afterwards",
    ),
    "keeps_an_effect_to_itself": (
        _pick("keeps_an_effect_to_itself", lambda: _policy("pick"), achieves="holding(?object)"),
        "test_it_changes_nothing_that_it_does_not_name",
    ),
    "promises_what_is_so": (
        _pick("promises_what_is_so", lambda: _policy("pick"), achieves="reachable(?object)"),
        "test_its_tasks_begin_where_it_may",
    ),
    "moves_what_it_does_not_claim": (
        _pick("moves_what_it_does_not_claim", lambda: _policy("pick"), resources=("gripper",)),
        "test_only_what_it_claims_moves",
    ),
    "never_twice_alike": (
        _pick("never_twice_alike", lambda: ShakyPolicy(seeded=False)),
        "test_equal_seeds_give_equal_traces",
    ),
    "forgets_to_begin_anew": (
        _pick("forgets_to_begin_anew", lambda: ForgetfulPolicy(_policy("pick").waypoints)),
        "test_a_broken_off_execution_leaves_no_trace",
    ),
    "writes_to_what_it_sees": (
        _pick("writes_to_what_it_sees", lambda: WritingPolicy(_policy("pick").waypoints)),
        "test_observations_are_not_written_to",
    ),
}
"""Fifteen that do not, each with the test that is made for it."""
