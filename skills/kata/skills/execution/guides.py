"""What steers the chunks of any skill while it runs: costs made from what is seen now.

A guide is asked with each request for a chunk (`ExecutorOptions.guide`); what it gives goes into
`ChunkRequest.cost`. Torch is imported when the first cost is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from kata.datasets.types import ConfigError, EntityState, Observation, RobotSpec, UnknownNameError
from kata.skills.contract.call import Call

if TYPE_CHECKING:
    from kata.policies.costs import Body, Term

OBSTACLE = "obstacle"
"""Tag of what must be kept clear of."""

_IN_HAND_M = 0.05
"""An object whose middle is nearer to the tool is held, or about to be."""


FRANKA = ("panda", "franka_emika_panda", "two_pandas")
"""Robots with Franka's hand, whose size and whose tool's axes the ready guides know.

A robot file says neither how large a hand is nor which way it points.
"""


class Part(Protocol):
    """One wish about a motion. One that fits some robots only has `check_robot(robot)` too."""

    def terms(self, call: Call, observation: Observation) -> tuple[Term, ...]:
        """What is to be kept to now; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class KeepClear:
    """Hand and held object stay clear of every entity tagged `obstacle`.

    Attributes:
        margin_m: free distance to keep.
        around: whether it is told on which side to pass; see `kata.policies.costs.KeepAway`.
        body: spheres that stand for the hand; None: one of the Franka hand's size, for `FRANKA`
            alone.
    """

    margin_m: float = 0.02
    body: Body | None = None
    around: bool = True

    def check_robot(self, robot: RobotSpec) -> None:
        """Raise ConfigError for a hand of unknown size."""
        if self.body is None and robot.name not in FRANKA:
            raise _unknown_hand("keep_clear", "size", "KeepClear(body=...)", robot)

    def terms(self, call: Call, observation: Observation) -> tuple[Term, ...]:
        """One a valid obstacle."""
        from kata.policies.costs import Box, KeepAway

        barriers = [e for e in observation.entities.values() if OBSTACLE in e.tags and e.valid]
        if not barriers:
            return ()
        body = self._body(observation)
        return tuple(
            KeepAway(Box(each.pose, each.half_extents), body, self.margin_m, around=self.around)
            for each in barriers
        )

    def _body(self, observation: Observation) -> Body:
        """The hand, with a ball around each object in it."""
        from kata.policies.costs import HAND, Body

        body = HAND if self.body is None else self.body
        to_tool = observation.tool(_hand(observation)).inverse()
        for thing in observation.entities.values():
            place = to_tool.apply(thing.pose.position)
            if "object" in thing.tags and float(np.linalg.norm(place)) < _IN_HAND_M:
                body = body + Body(place[None], np.array([_radius(thing)]))
        return body


@dataclass(frozen=True, slots=True)
class KeepUpright:
    """The tool keeps pointing down, within `free_rad`.

    Attributes:
        axis: (3,) unit vector of the tool's frame that shall; None: that of `FRANKA`, z.
    """

    free_rad: float = 0.1
    axis: tuple[float, float, float] | None = None

    def check_robot(self, robot: RobotSpec) -> None:
        """Raise ConfigError for a tool of unknown axes."""
        if self.axis is None and robot.name not in FRANKA:
            raise _unknown_hand("keep_upright", "axes", "KeepUpright(axis=...)", robot)

    def terms(self, call: Call, observation: Observation) -> tuple[Term, ...]:
        """Always one."""
        from kata.policies.costs import KeepUpright as Upright

        return (Upright(self.axis or (0.0, 0.0, 1.0), free_rad=self.free_rad),)


@dataclass(frozen=True, slots=True)
class Guides:
    """Several wishes as one `Guide`: the sum of their costs."""

    parts: tuple[Part, ...]

    def __call__(self, call: Call, observation: Observation) -> Any:
        """The cost of the next chunk in the tool's frame, or None where nothing is wished."""
        terms = [term for part in self.parts for term in part.terms(call, observation)]
        if not terms:
            return None
        from kata.policies.costs import Total, bind

        return bind(Total.of(*terms), observation, hand=_hand(observation))

    def check_robot(self, robot: RobotSpec) -> None:
        """Raise ConfigError where a part does not fit the robot."""
        for part in self.parts:
            check_guide(part, robot)


NONE = "none"
GUIDES: Mapping[str, Part] = MappingProxyType(
    {"keep_clear": KeepClear(), "keep_upright": KeepUpright()}
)
"""Every guide by the name that a configuration calls it."""


def guide_names(asked: object) -> tuple[str, ...]:
    """The guides that a name or a list of names asks for; empty for `none`.

    Raises UnknownNameError for a name that there is not, ConfigError for `none` beside others and
    for what is no name.
    """
    wanted = [asked] if isinstance(asked, str) else asked
    if not isinstance(wanted, Sequence) or not all(isinstance(name, str) for name in wanted):
        raise ConfigError("not a guide", where="guide", expected="a name, or a list of names",
                          got=repr(asked))  # fmt: skip
    names = tuple(dict.fromkeys(wanted))
    for name in names:
        if name not in (NONE, *GUIDES):
            raise UnknownNameError("guide", name, (NONE, *GUIDES), where="guide")
    if NONE in names and len(names) > 1:
        raise ConfigError("none and something", where="guide", got=", ".join(names))
    return tuple(name for name in names if name != NONE)


def make_guide(names: Sequence[str]) -> Guides | None:
    """The guide of these names; None of none."""
    return Guides(tuple(GUIDES[name] for name in names)) if names else None


def check_guide(guide: object, robot: RobotSpec) -> None:
    """Raise ConfigError for a guide, or a part of one, that says it does not fit the robot."""
    check = getattr(guide, "check_robot", None)
    if check is not None:
        check(robot)


def _unknown_hand(name: str, what: str, python: str, robot: RobotSpec) -> ConfigError:
    return ConfigError(
        f"a hand whose {what} a guide does not know", where=f"guide={name}",
        expected=f"a robot of {', '.join(FRANKA)}", got=f"robot={robot.name}",
        hint=f"leave it out, or in Python: ExecutorOptions(guide=Guides(({python},)))",
    )  # fmt: skip


def _hand(observation: Observation) -> str:
    return observation.hands[0] if observation.hands else ""


def _radius(thing: EntityState) -> float:
    """Of a ball about an object's middle that covers its sides, not its corners."""
    return float(np.max(thing.half_extents)) * 1.2
