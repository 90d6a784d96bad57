"""A world whose reset also poses a task."""

from __future__ import annotations

import json
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import (
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
from .arm import Reach
from .goals import goal_of
from .starts import TASKS, Stage

Start = Literal["nominal", "perturbed"]

_NO_GOAL = Episode("", {}, "", 60.0)


def names() -> tuple[str, ...]:
    """All tasks: the default skills, and `table` without a goal."""
    return tuple(TASKS)


class TrialTable:
    """A `TrialWorld`: a table world, a task and a kind of start.

    Args:
        world: which this trial resets and moves.
        task: one of `names()`.
        start: `nominal` as the demonstrations begin; `perturbed` with the arm anywhere free.

    Raises UnknownNameError for a task or start that there is not. Observations have the call's
    entities in focus.
    """

    def __init__(self, world: TableWorld, task: str, start: Start = "nominal") -> None:
        if task not in TASKS:
            raise UnknownNameError("task", task, TASKS)
        if start not in get_args(Start):
            raise UnknownNameError("start", start, get_args(Start))
        self.world, self.task, self.start = world, task, start
        self.robot, self.kinematics, self.period_s = world.robot, world.kinematics, world.period_s
        self.episode = _NO_GOAL

    def reset(self, seed: int) -> Observation:
        """Pose the task anew and set `episode`; equal seeds give equal trials to the bit.

        Raises SimulationError where the scene lacks what the task needs.
        """
        self.world.reset(seed)
        rng = np.random.default_rng((seed, 7))
        stage = Stage(self.world, rng, Reach(self.start == "perturbed"))
        try:
            arguments = TASKS[self.task](stage)
        except SimulationError as error:
            raise SimulationError(
                error.what, where=f"task {self.task}, seed {seed}", expected=error.expected
            ) from error
        if arguments:
            goal = goal_of(self.task)
            named, text = goal.bind(arguments)
            self.episode = Episode(self.task, named, text, goal.limit_s)
        else:
            self.episode = _NO_GOAL
        self.world.begin()
        return self.observe()

    def observe(self) -> Observation:
        """What is known now, with the call's entities in focus."""
        return about(self.world.observe(), tuple(self.episode.arguments.values()))

    def facts(self) -> Facts:
        """What holds now."""
        return self.world.facts()

    def apply(self, command: Command) -> None:
        """Send a command; advances exactly `period_s`."""
        self.world.apply(command)

    def clearance_m(self, position_rad: Array) -> float:
        """Least distance of the robot at joints (D,) from everything else."""
        return self.world.clearance_m(position_rad)

    def render(
        self, camera: str = "view", width: int = 640, height: int = 480
    ) -> NDArray[np.uint8]:
        """Image (height, width, 3)."""
        return self.world.render(camera, width, height)

    def snapshot(self) -> bytes:
        """The world's whole state and the episode."""
        episode = self.episode
        header = [episode.skill, dict(episode.arguments), episode.goal, episode.limit_s]
        return json.dumps(header).encode() + b"\n" + self.world.snapshot()

    def restore(self, state: bytes) -> None:
        """Return to a snapshot. Raises SimulationError for one of another scene."""
        header, _, body = state.partition(b"\n")
        try:
            skill, arguments, goal, limit_s = json.loads(header)
        except ValueError as error:
            raise SimulationError("not a snapshot of a trial", got=str(error)) from error
        self.world.restore(body)
        self.episode = Episode(skill, arguments, goal, limit_s)


def make_trial(
    task: str, start: Start = "nominal", config: TableWorldConfig | None = None
) -> TrialTable:
    """A trial on a world of its own; a `functools.partial` of it is a picklable `MakeWorld`."""
    if config is not None and not isinstance(config, TableWorldConfig):
        raise ConfigError("not a world's configuration", got=type(config).__name__)
    return TrialTable(TableWorld(config), task, start)
