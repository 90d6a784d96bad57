"""How each task begins: the scene is posed, the arguments are drawn among feasible ones.

Every task stands on the world's table with all its objects; `world.reset(seed)` has scattered them
and put each arm near home before a task's function is called. On a robot with several hands the
task is one hand's, and is about what that hand reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from kata.datasets.types import Array, Atom, Hand, Pose, SimulationError
from kata.datasets.types.pose import yaw_quat

from ..world import TableWorld
from .arm import Reach, carry, go
from .leftovers import crowd, put_away, put_far, wall

PUSH_FAR_M, PUSH_NEAR_M = 0.30, 0.12
LANE_M = 0.062
"""Free half width of the lane that a push goes along, measured at other objects' centres."""

_RUN_UP_M = 0.075
_FOOT_M = 0.32
"""Closer to its base than this, an arm of this size cannot reach down to the table freely."""

_FAR_M = 0.74
"""Farther from its base than this, its tool does not stand upright on the table."""

_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Stage:
    """What a task's function gets: the world to pose, chance, whose arm, and where it may begin."""

    world: TableWorld
    rng: np.random.Generator
    reach: Reach

    @property
    def hand(self) -> Hand:
        """The hand that the task is for."""
        return self.world.robot.hand(self.reach.hand)

    def named(self, tag: str) -> list[str]:
        """Names of the entities that bear a tag, in the scene's order."""
        return [entity.name for entity in self.world.entities if tag in entity.tags]

    def reached(self, tag: str) -> list[str]:
        """Those that the hand reaches, where there are several hands; all where there is one."""
        names = self.named(tag)
        if len(self.world.robot.hands) < 2:
            return names
        facts = self.world.facts()
        atoms = {name: Atom("reachable", (self.hand.name, name)) for name in names}
        # Of the table there is no such fact: its spots lie where every arm reaches.
        return [n for n, atom in atoms.items() if atom not in facts or facts.value(atom)]

    def draw(self, tag: str, *, but: tuple[str, ...] = ()) -> str:
        """A name at random. Raises SimulationError if the scene has none in reach."""
        return self._one_of([name for name in self.reached(tag) if name not in but], tag)

    def draw_any(self, tag: str) -> str:
        """A name at random, in reach or not. Raises SimulationError if the scene has none."""
        return self._one_of(self.named(tag), tag)

    def _one_of(self, names: list[str], tag: str) -> str:
        if not names:
            raise SimulationError("the scene lacks what the task needs", expected=f"a {tag}")
        return str(names[self.rng.integers(len(names))])

    def trouble(self, thing: str) -> None:
        """Do to a thing what the start's kind says; nothing where it is about the arm alone."""
        kind, world, rng = self.reach.kind, self.world, self.rng
        if kind == "crowded":
            crowd(world, rng, thing, int(rng.integers(1, 3)))
        elif kind == "elsewhere":
            put_away(world, rng, thing)
        elif kind == "far":
            put_far(world, rng, thing, np.array(self.hand.base_m[:2]))

    def stock(self, container: str, *, but: tuple[str, ...] = ()) -> None:
        """Put an object into a container every other time.

        A container shows its next free spot: who has only seen empty ones misjudges a used one.
        """
        thing = self._one_of([n for n in self.named("object") if n not in but], "object")
        if self.rng.random() < 0.5:
            spot = self.world.observe().entities[container].spot
            half = self.world.observe().entities[thing].half_extents
            pose = Pose(spot + np.array([0.0, 0.0, half[2]]), yaw_quat(self.rng.uniform(-0.3, 0.3)))
            self.world.set_object(thing, pose)


Task = Callable[[Stage], tuple[str, ...]]


def pick(stage: Stage) -> tuple[str, ...]:
    """Any object that lies on the table; of perturbed starts also one that was put elsewhere."""
    thing = stage.draw("object")
    stage.trouble(thing)
    go(stage.world, stage.rng, stage.reach)
    return (thing,)


def place(stage: Stage) -> tuple[str, ...]:
    """A held object, onto any surface."""
    thing = stage.draw_any("object")
    carry(stage.world, stage.rng, stage.reach, thing)
    return thing, stage.draw("surface")


def place_in(stage: Stage) -> tuple[str, ...]:
    """A held object, into any container; what opens is open."""
    thing, container = stage.draw_any("object"), stage.draw("container")
    if container in stage.named("openable"):
        stage.world.set_opening(container, stage.rng.uniform(0.9, 1.0))
    stage.stock(container, but=(thing,))
    carry(stage.world, stage.rng, stage.reach, thing)
    return thing, container


def stack(stage: Stage) -> tuple[str, ...]:
    """A held object, onto any other one."""
    thing = stage.draw_any("object")
    carry(stage.world, stage.rng, stage.reach, thing)
    base = stage.draw("cube", but=(thing,))
    stage.trouble(base)
    return thing, base


def push(stage: Stage) -> tuple[str, ...]:
    """A pair with a free lane between them and room for a run-up; scattered anew until one is."""
    for _ in range(_DRAWS):
        pairs = _pushable(stage)
        if pairs:
            pair = pairs[int(stage.rng.integers(len(pairs)))]
            if stage.reach.kind == "walled":
                wall(stage.world, stage.rng, *pair)
            stage.trouble(pair[0])
            go(stage.world, stage.rng, stage.reach)
            return pair
        stage.world.scatter(stage.rng)
    raise SimulationError("no pair of objects can be pushed together", where="task push")


def _pushable(stage: Stage) -> list[tuple[str, str]]:
    entities = stage.world.observe().entities
    places = {name: entities[name].pose.position[:2] for name in stage.named("object")}
    near, foot = stage.reached("object"), np.array(stage.hand.base_m[:2])
    out = []
    for thing, start in places.items():
        for other, end in places.items():
            if thing not in near or other not in near:
                continue
            way = end - start
            length = float(np.hypot(*way))
            if thing == other or not PUSH_NEAR_M <= length <= PUSH_FAR_M:
                continue
            first = start - way / length * _RUN_UP_M
            if not _FOOT_M <= np.hypot(*(first - foot)) <= _FAR_M:
                continue
            rest = [p for n, p in places.items() if n not in (thing, other)]
            if all(_apart(p, first, end) > LANE_M for p in rest):
                out.append((thing, other))
    return out


def _apart(point: Array, start: Array, end: Array) -> float:
    """Distance in m of a point (2,) from a segment."""
    way = end - start
    share = np.clip((point - start) @ way / (way @ way), 0.0, 1.0)
    return float(np.hypot(*(point - start - share * way)))


def open_container(stage: Stage) -> tuple[str, ...]:
    """Anything that opens, closed at the start."""
    container = stage.draw("openable")
    stage.stock(container)
    go(stage.world, stage.rng, stage.reach)
    return (container,)


def close_container(stage: Stage) -> tuple[str, ...]:
    """Anything that opens, open at the start."""
    container = stage.draw("openable")
    stage.world.set_opening(container, stage.rng.uniform(0.85, 1.0))
    stage.stock(container)
    go(stage.world, stage.rng, stage.reach)
    return (container,)


def press(stage: Stage) -> tuple[str, ...]:
    """Any button."""
    go(stage.world, stage.rng, stage.reach)
    return (stage.draw("button"),)


def handover(stage: Stage) -> tuple[str, ...]:
    """A held object, to any other hand."""
    giver, hands = stage.hand.name, stage.world.robot.hands
    others = [hand.name for hand in hands if hand.name != giver]
    if not others:
        raise SimulationError("the robot lacks what the task needs", expected="a second hand")
    taker = str(others[stage.rng.integers(len(others))])
    thing = stage.draw_any("object")
    for _ in range(_DRAWS):
        carry(stage.world, stage.rng, stage.reach, thing)
        if stage.world.facts().margin(Atom("upright", (thing,))) > 1.0:
            return thing, giver, taker
    raise SimulationError("the object could not be held upright", where=thing)


def table(stage: Stage) -> tuple[str, ...]:
    """The default table as it is, without a goal."""
    go(stage.world, stage.rng, stage.reach)
    return ()


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "pick": pick,
        "place": place,
        "place_in": place_in,
        "stack": stack,
        "push": push,
        "open": open_container,
        "close": close_container,
        "press": press,
        "handover": handover,
        "table": table,
    }
)
