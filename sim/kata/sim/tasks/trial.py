"""A world whose reset also poses a task."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import (
    DEFAULT_HAND,
    Array,
    Command,
    ConfigError,
    Episode,
    Facts,
    Observation,
    SimulationError,
    UnknownNameError,
)
from kata.datasets.types.arguments import about

from ..scene.config import TableWorldConfig
from ..world import TableWorld
from .aftermath import BEFORE, leave, next_call
from .arm import Reach
from .barriers import bar
from .goals import goal_of
from .leftovers import kind_of
from .starts import TASKS, Stage

Start = Literal["nominal", "perturbed", "after"]

_NO_GOAL = Episode("", {}, "", 60.0)
_DRAWS_OF_STARTS = 25
_WORLDS = {"handover": "two_arms"}
_DRAWS = 100


def names() -> tuple[str, ...]:
    """All tasks: the default skills, and `table` without a goal."""
    return tuple(TASKS)


class TrialTable:
    """A `TrialWorld`: a table world, a task and a kind of start.

    Args:
        world: which this trial resets and moves.
        task: one of `names()`.
        start: `nominal` as the demonstrations begin; `perturbed` as other skills may leave the
            arm and the things, and worse: see `leftovers`; `after` as the expert of a task that
            may come before has left them, see `aftermath`.
        hand: which hand the task is for; without one, of several any that can do it, by seed.

    Raises UnknownNameError for a task, start or hand that there is not. Observations have the
    call's entities in focus.
    """

    def __init__(
        self, world: TableWorld, task: str, start: Start = "nominal", hand: str = ""
    ) -> None:
        if task not in TASKS:
            raise UnknownNameError("task", task, TASKS)
        if start not in get_args(Start):
            raise UnknownNameError("start", start, get_args(Start))
        self.world, self.task, self.start = world, task, start
        self.robot, self.kinematics, self.period_s = world.robot, world.kinematics, world.period_s
        self.hand = hand and self.robot.hand(hand).name
        self.episode = _NO_GOAL

    def reset(self, seed: int) -> Observation:
        """Pose the task anew and set `episode`; equal seeds give equal trials to the bit.

        Raises SimulationError where the scene lacks what the task needs.
        """
        hand, arguments = self._pose(seed)
        if arguments:
            goal = goal_of(self.task)
            own = hand if goal.one_handed else DEFAULT_HAND
            named, text = goal.bind(arguments, own)
            self.episode = Episode(self.task, named, text, goal.limit_s, own)
        else:
            self.episode = _NO_GOAL
        self.world.begin()
        return self.observe()

    def _pose(self, seed: int) -> tuple[str, tuple[str, ...]]:
        """Pose the task for the hand that was asked for, else for one of chance that can do it.

        Other starts than nominal are drawn anew until the call could begin and has something left
        to do.
        """
        problem = SimulationError("the robot has no hand")
        for hand in self._hands(seed):
            rng = np.random.default_rng((seed, 7))
            for draw in range(1 if self.start == "nominal" else _DRAWS_OF_STARTS):
                try:
                    arguments = self._start(seed, draw, hand, rng)
                except SimulationError as error:
                    problem = error
                    continue
                if self.start == "nominal" or self._ready(arguments, hand):
                    return hand, arguments
                problem = SimulationError(
                    f"no {self.start} start from which the call could begin",
                    expected="its requires",
                )
        raise SimulationError(
            problem.what,
            where=f"task {self.task}, seed {seed}",
            expected=problem.expected,
            got=problem.got,
        ) from problem

    def _start(self, seed: int, draw: int, hand: str, rng: np.random.Generator) -> tuple[str, ...]:
        """Bring the world to a start of this kind; the arguments."""
        if self.start == "after":
            before = BEFORE[self.task]
            first = TrialTable(self.world, before[int(rng.integers(len(before)))], hand=hand)
            leave(first, seed + draw, rng)
            return next_call(self.task, Stage(self.world, rng, Reach("", hand)))
        self.world.reset(seed)
        kind = kind_of(self.task, rng) if self.start == "perturbed" else ""
        return self._posed(Stage(self.world, rng, Reach(kind, hand)))

    def _posed(self, stage: Stage) -> tuple[str, ...]:
        """The arguments; where obstacles stand, of a scene with room for them on the way."""
        pose = TASKS[self.task]
        arguments = pose(stage)
        if not arguments or not self.world.config.obstacles:
            return arguments
        for _ in range(_DRAWS):
            seen = self.world.observe()
            last = seen.entities.get(arguments[-1])
            if last is None or bar(
                self.world, stage.rng, seen.tool(stage.hand.name).position, last.spot
            ):
                return arguments
            self.world.clear_way()
            self.world.scatter(stage.rng)
            arguments = pose(stage)
        raise SimulationError("no room for the obstacles on the way", where=f"task {self.task}")

    def _ready(self, arguments: tuple[str, ...], hand: str) -> bool:
        if not arguments:
            return True
        self.world.begin()
        goal = goal_of(self.task)
        own = hand if goal.one_handed else DEFAULT_HAND
        return goal.ready(arguments, own, self.world.facts())

    def _hands(self, seed: int) -> list[str]:
        names = [hand.name for hand in self.robot.hands]
        if self.hand or len(names) < 2:
            return [self.robot.hand(self.hand).name]
        order = np.random.default_rng((seed, 11)).permutation(len(names))
        return [names[k] for k in order.tolist()]

    def observe(self) -> Observation:
        """What is known now, with the call's entities in focus."""
        episode = self.episode
        return about(self.world.observe(), tuple(episode.arguments.values()), episode.hand)

    def facts(self) -> Facts:
        """What holds now."""
        return self.world.facts()

    def apply(self, command: Command) -> None:
        """Send a command; advances exactly `period_s`."""
        self.world.apply(command)

    @property
    def bumped(self) -> frozenset[str]:
        """Names of the obstacles that the robot or an object has touched in this trial."""
        return self.world.bumped

    def contact_force_n(self) -> float:
        """Net force of the robot's contacts in the last period, in N; to be asked after `apply`."""
        return self.world.contact_force_n()

    def clearance_m(self, position_rad: Array, carried: Sequence[str] = ()) -> float:
        """Least distance of the robot at joints (D,) from everything else."""
        return self.world.clearance_m(position_rad, carried)

    def render(
        self, camera: str = "view", width: int = 640, height: int = 480
    ) -> NDArray[np.uint8]:
        """Image (height, width, 3)."""
        return self.world.render(camera, width, height)

    def snapshot(self) -> bytes:
        """The world's whole state and the episode."""
        episode = self.episode
        header = [episode.skill, dict(episode.arguments), episode.goal, episode.limit_s]
        if episode.hand != DEFAULT_HAND:
            header.append(episode.hand)
        return json.dumps(header).encode() + b"\n" + self.world.snapshot()

    def restore(self, state: bytes) -> None:
        """Return to a snapshot. Raises SimulationError for one of another scene."""
        header, _, body = state.partition(b"\n")
        try:
            skill, arguments, goal, limit_s, *hand = json.loads(header)
        except ValueError as error:
            raise SimulationError("not a snapshot of a trial", got=str(error)) from error
        self.world.restore(body)
        self.episode = Episode(skill, arguments, goal, limit_s, *hand)


def default_world(task: str) -> str:
    """Name of the scene that a task stands on unless another is asked for."""
    return _WORLDS.get(task, "table")


def make_trial(
    task: str,
    start: Start = "nominal",
    config: TableWorldConfig | None = None,
    hand: str = "",
) -> TrialTable:
    """A trial on a world of its own; a `functools.partial` of it is a picklable `MakeWorld`."""
    if config is not None and not isinstance(config, TableWorldConfig):
        raise ConfigError("not a world's configuration", got=type(config).__name__)
    scene = TableWorldConfig.load(default_world(task)) if config is None else config
    return TrialTable(TableWorld(scene), task, start, hand)
