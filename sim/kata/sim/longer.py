"""Long demonstrations: several skills one after the other in one episode, with pauses.

What was done when is kept aside, so that the frames can be recorded without labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from kata.datasets.types import (
    FRAME_S,
    ActionChunk,
    ChunkRequest,
    ChunkSpec,
    Condition,
    Episode,
    Facts,
    Frame,
    Observation,
    Outcome,
    TrialWorld,
)
from kata.datasets.types.arguments import about
from kata.datasets.types.pose import Array

from .collect import SETTLE_S, DartNoise, Teacher
from .experts import RECIPES, Expert, make_expert
from .experts.expert import EXECUTE, HORIZON

_LEAST_FRAMES = 3

DOWN = ", down"
"""What is added to an expert's phase once the tool has left its travelling height."""

Choose = Callable[[Facts, Observation, tuple[Episode, ...], np.random.Generator], Episode | None]
"""The next thing to do, after what was done; None where nothing can be."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """How a demonstrator hesitates.

    Attributes:
        chance: that a pause comes before a new part of a movement.
        least_s, most_s: how long it lasts.
    """

    chance: float = 0.15
    least_s: float = 0.2
    most_s: float = 0.8


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames [start, stop) of one call, and the frames at which its expert's phases begin."""

    start: int
    stop: int
    skill: str
    arguments: Mapping[str, str]
    phases: tuple[tuple[int, str], ...]


def demonstrate_longer(
    world: TrialWorld,
    choose: Choose,
    calls: int,
    seed: int,
    noise: DartNoise | None = None,
    pauses: Pauses | None = None,
) -> tuple[list[Frame], tuple[Stretch, ...], Outcome]:
    """One episode of so many calls; it ends early, without success, where one does not succeed.

    Each call lasts until its goal has held for `SETTLE_S`. A pause belongs to what was done
    before it. Equal seeds give equal episodes.
    """
    observation = world.reset(seed)
    rng = np.random.default_rng((seed, 3))
    teacher = Teacher(world, noise or DartNoise(), seed, observation.position)
    experts = {name: make_expert(name, world.robot, world.kinematics) for name in one_handed()}
    frames: list[Frame] = []
    stretches: list[Stretch] = []
    done: tuple[Episode, ...] = ()
    for _ in range(calls):
        episode = choose(world.facts(), world.observe(), done, rng)
        if episode is None:
            return frames, tuple(stretches), Outcome(False, "nothing can be done", seed)
        world.episode = episode
        taker = _Call(world, teacher, experts[episode.skill], pauses or Pauses(), rng)
        begun = len(frames)
        achieved = taker.carry_out(frames)
        labels = _lasting(taker.phases, len(frames) - begun, begun)
        named = dict(episode.arguments)
        stretches.append(Stretch(begun, len(frames), episode.skill, named, labels))
        if not achieved:
            return frames, tuple(stretches), Outcome(False, f"{episode.skill}: time is up", seed)
        done = (*done, episode)
    return frames, tuple(stretches), Outcome(True, "achieved", seed)


def _lasting(phases: list[tuple[int, str]], frames: int, begun: int) -> tuple[tuple[int, str], ...]:
    """Phases without those of a frame or two, at which the disturbance only threw it back."""
    out: list[tuple[int, str]] = []
    ends = [start for start, _ in phases[1:]] + [frames]
    for (start, name), stop in zip(phases, ends, strict=True):
        if out and (stop - start < _LEAST_FRAMES or name == out[-1][1]):
            continue
        out.append((begun + start, name))
    return tuple(out)


def one_handed() -> tuple[str, ...]:
    """The skills that one hand is enough for."""
    return tuple(name for name, recipe in RECIPES.items() if recipe.hands == 1)


def unlabelled(frame: Frame, task: str = "do some things") -> Frame:
    """The frame without what was meant: no skill, arguments or phase."""
    return replace(frame, skill="", arguments={}, phase="", task=task)


class _Call:
    """One call, from its first frame until its goal has held."""

    def __init__(
        self,
        world: TrialWorld,
        teacher: Teacher,
        expert: Expert,
        pauses: Pauses,
        rng: np.random.Generator,
    ) -> None:
        self._world, self._teacher, self._expert = world, teacher, expert
        self._pauses, self._rng = pauses, rng
        self.phases: list[tuple[int, str]] = []

    def carry_out(self, frames: list[Frame]) -> bool:
        """Add the call's frames; whether its goal was reached in time."""
        episode, begun = self._world.episode, len(frames)
        goal = Condition.parse(episode.goal)
        self._expert.reset(0)
        held, rested = 0, False
        while len(frames) - begun < round(episode.limit_s / FRAME_S):
            observation, facts = self._look()
            held = held + 1 if goal.evaluate(facts).value else 0
            phase = self._next_phase(observation)
            if not self.phases or phase != self.phases[-1][1]:
                old = not self.phases or rested or self._only_lower(phase)
                rested = not old and self._rest(frames)
                if rested:
                    continue
                self.phases.append((len(frames) - begun, phase))
            frames.append(self._teacher.step(self._expert, observation, facts))
            if held * FRAME_S > SETTLE_S:
                self._rest(frames)
                return True
        return False

    def _look(self) -> tuple[Observation, Facts]:
        episode = self._world.episode
        arguments = tuple(episode.arguments.values())
        return about(self._world.observe(), arguments, episode.hand), self._world.facts()

    def _next_phase(self, observation: Observation) -> str:
        self._expert.chunk(observation, ChunkRequest(observation.time_s))
        return self._expert.phase + (DOWN if self._expert.sinks else "")

    def _only_lower(self, phase: str) -> bool:
        """Whether nothing new begins but the way down, in full motion."""
        return phase.removesuffix(DOWN) == self.phases[-1][1].removesuffix(DOWN)

    def _rest(self, frames: list[Frame]) -> bool:
        """Now and then stand still for a while; whether there was a rest."""
        pauses = self._pauses
        if self._rng.random() >= pauses.chance:
            return False
        still = _Still(self._expert, self._teacher.command.position)
        length_s = self._rng.uniform(pauses.least_s, pauses.most_s)
        for _ in range(max(1, round(length_s / FRAME_S))):
            observation, facts = self._look()
            frame = self._teacher.step(still, observation, facts)
            frames.append(replace(frame, phase=self.phases[-1][1]))
        return True


class _Still:
    """Stays where the robot was last sent, fingers included."""

    def __init__(self, expert: Expert, position: Array) -> None:
        self.spec = expert.spec
        self.chunk_spec = ChunkSpec(HORIZON, FRAME_S, EXECUTE, "joint", position.size)
        self._values = np.tile(position, (HORIZON, 1))

    def reset(self, seed: int) -> None:
        """There is nothing to forget."""

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """No movement."""
        return ActionChunk(request.start_s, FRAME_S, "joint", self._values, None)
