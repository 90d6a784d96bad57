"""How each task begins: the scene is posed, the arguments are drawn among feasible ones.

Every task stands on the world's default table with all its objects; `world.reset(seed)` has
scattered them and put the arm near home before a task's function is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from kata.datasets.types import Array, Pose, SimulationError
from kata.datasets.types.pose import yaw_quat

from ..world import TableWorld
from .arm import Reach, carry, go

PUSH_FAR_M, PUSH_NEAR_M = 0.30, 0.12
LANE_M = 0.062
"""Free half width of the lane that a push goes along, measured at other objects' centres."""

_RUN_UP_M = 0.075
_FOOT_M = 0.32
"""Closer to its base than this, an arm of this size cannot reach down to the table freely."""

_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Stage:
    """What a task's function gets: the world to pose, chance, and where the arm may begin."""

    world: TableWorld
    rng: np.random.Generator
    reach: Reach

    def named(self, tag: str) -> list[str]:
        """Names of the entities that bear a tag, in the scene's order."""
        return [entity.name for entity in self.world.entities if tag in entity.tags]

    def draw(self, tag: str, *, but: tuple[str, ...] = ()) -> str:
        """A name at random. Raises SimulationError if the scene has none."""
        names = [name for name in self.named(tag) if name not in but]
        if not names:
            raise SimulationError("the scene lacks what the task needs", expected=f"a {tag}")
        return str(names[self.rng.integers(len(names))])

    def stock(self, container: str, *, but: tuple[str, ...] = ()) -> None:
        """Put an object into a container every other time.

        A container shows its next free spot: who has only seen empty ones misjudges a used one.
        """
        thing = self.draw("object", but=but)
        if self.rng.random() < 0.5:
            spot = self.world.observe().entities[container].spot
            half = self.world.observe().entities[thing].half_extents
            pose = Pose(spot + np.array([0.0, 0.0, half[2]]), yaw_quat(self.rng.uniform(-0.3, 0.3)))
            self.world.set_object(thing, pose)


Task = Callable[[Stage], tuple[str, ...]]


def pick(stage: Stage) -> tuple[str, ...]:
    """Any object that lies on the table."""
    go(stage.world, stage.rng, stage.reach)
    return (stage.draw("object"),)


def place(stage: Stage) -> tuple[str, ...]:
    """A held object, onto any surface."""
    thing = stage.draw("object")
    carry(stage.world, stage.rng, stage.reach, thing)
    return thing, stage.draw("surface")


def place_in(stage: Stage) -> tuple[str, ...]:
    """A held object, into any container; what opens is open."""
    thing, container = stage.draw("object"), stage.draw("container")
    if container in stage.named("openable"):
        stage.world.set_opening(container, stage.rng.uniform(0.9, 1.0))
    stage.stock(container, but=(thing,))
    carry(stage.world, stage.rng, stage.reach, thing)
    return thing, container


def stack(stage: Stage) -> tuple[str, ...]:
    """A held object, onto any other one."""
    thing = stage.draw("object")
    carry(stage.world, stage.rng, stage.reach, thing)
    return thing, stage.draw("cube", but=(thing,))


def push(stage: Stage) -> tuple[str, ...]:
    """A pair with a free lane between them and room for a run-up; scattered anew until one is."""
    for _ in range(_DRAWS):
        pairs = _pushable(stage)
        if pairs:
            go(stage.world, stage.rng, stage.reach)
            return pairs[int(stage.rng.integers(len(pairs)))]
        stage.world.scatter(stage.rng)
    raise SimulationError("no pair of objects can be pushed together", where="task push")


def _pushable(stage: Stage) -> list[tuple[str, str]]:
    entities = stage.world.observe().entities
    places = {name: entities[name].pose.position[:2] for name in stage.named("object")}
    out = []
    for thing, start in places.items():
        for other, end in places.items():
            way = end - start
            length = float(np.hypot(*way))
            if thing == other or not PUSH_NEAR_M <= length <= PUSH_FAR_M:
                continue
            first = start - way / length * _RUN_UP_M
            if np.hypot(*first) < _FOOT_M:
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
        "table": table,
    }
)
