"""Starts as another skill really leaves them: its expert runs first, and nothing is tidied up.

What `leftovers` draws is harder and more varied; this is what a chain of skills meets, with the
arm still in motion over what it just did. Frame: as `arm`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import numpy as np

from kata.datasets.types import DEFAULT_HAND, FRAME_S, Condition, SimulationError

from ..collect import DART_STD_RAD, DartNoise, Teacher
from ..experts import make_expert
from .goals import Goal, goal_of

if TYPE_CHECKING:
    from kata.datasets.types import TrialWorld

    from .starts import Stage
    from .trial import TrialTable

_FREE = ("place", "place_in", "stack", "push", "open", "close", "press")
_HELD = ("pick",)
BEFORE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pick": _FREE,
        "place": _HELD,
        "place_in": _HELD,
        "stack": _HELD,
        "handover": _HELD,
        "push": _FREE,
        "open": ("place", "place_in", "stack", "push", "close", "press"),
        "close": ("place_in", "open"),
        "press": ("place", "place_in", "stack", "push", "open", "close"),
        "table": (*_FREE, *_HELD),
    }
)
"""Which tasks may come before one."""

_MAY_STAND_OPEN = ("pick", "press", "push")
_SETTLED_S = (0.15, 0.5)
_SPARE_S = 1.0


def leave(first: TrialTable, seed: int, rng: np.random.Generator) -> None:
    """Let the expert of a trial do its task, and stop as an executor would go on to the next call.

    Raises SimulationError if it does not succeed in time.
    """
    world = first.world
    first.reset(seed)
    if first.task in _MAY_STAND_OPEN and rng.random() < 0.5:
        for entity in world.entities:
            if "openable" in entity.tags:
                world.set_opening(entity.name, rng.uniform(0.85, 1.0))
        world.begin()
    episode, goal = first.episode, Condition.parse(first.episode.goal)
    expert = make_expert(first.task, world.robot, world.kinematics)
    expert.reset(seed)
    teacher = Teacher(
        cast("TrialWorld", first), DartNoise(DART_STD_RAD), seed, first.observe().position
    )
    settled_s, held = rng.uniform(*_SETTLED_S), 0
    for _ in range(round((episode.limit_s + _SPARE_S) / FRAME_S)):
        facts = world.facts()
        held = held + 1 if goal.evaluate(facts).value else 0
        if held * FRAME_S > settled_s:
            return
        teacher.step(expert, first.observe(), facts)
    raise SimulationError(
        "the task before did not succeed",
        where=f"task {first.task}, seed {seed}",
        expected=episode.goal,
        got=" and ".join(goal.unmet(world.facts())),
    )


def next_call(task: str, stage: Stage) -> tuple[str, ...]:
    """Arguments of a call that could begin now and has something left to do, at random.

    Raises SimulationError if there is none.
    """
    if task == "table":
        return ()
    calls = _calls(goal_of(task), stage)
    if not calls:
        raise SimulationError(
            "no call could begin after the task before",
            where=f"task {task}",
            expected="its requires, and something left to do",
        )
    return calls[int(stage.rng.integers(len(calls)))]


def _calls(goal: Goal, stage: Stage) -> list[tuple[str, ...]]:
    hands = [hand.name for hand in stage.world.robot.hands]
    names = [hands if kind == "hand" else stage.reached(kind) for kind in goal.kinds]
    facts, hand = stage.world.facts(), stage.hand.name if goal.one_handed else DEFAULT_HAND
    return [
        arguments
        for arguments in itertools.product(*names)
        if len(set(arguments)) == len(arguments) and goal.ready(arguments, hand, facts)
    ]
