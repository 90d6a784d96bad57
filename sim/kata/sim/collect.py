"""Demonstrations: a policy in closed loop on a trial world, recorded frame by frame.

DART noise: what is carried out is disturbed, what is recorded as the action is not, so that a
policy learns the way back. Source: Laskey et al., DART, CoRL 2017, arXiv:1703.09327.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kata.datasets.types import (
    FRAME_S,
    ActionChunk,
    ChunkRequest,
    Command,
    Condition,
    ConfigError,
    Facts,
    Frame,
    Observation,
    Outcome,
    Policy,
    RobotSpec,
    Trajectory,
    TrialWorld,
)
from kata.datasets.types.arguments import about
from kata.datasets.types.pose import Array

SETTLE_S = 0.5
"""How long the goal must hold before a demonstration ends."""

DART_STD_RAD = 0.0025
"""Customary disturbance: the tool strays by about 1 cm, and every expert still succeeds."""

_AHEAD = 3
"""Actions of each chunk that are turned into joints when only the first is carried out."""


@dataclass(frozen=True, slots=True)
class DartNoise:
    """Disturbance of the arm's joint targets: an Ornstein-Uhlenbeck process a frame.

    Attributes:
        std_rad: its standard deviation; 0 for none. As each chunk starts where the last one was
            pushed to, the tool strays about three times as far as one such step takes it.
        time_s: how long it stays on one side.
    """

    std_rad: float = 0.0
    time_s: float = 0.15

    def draw(self, robot: RobotSpec, rng: np.random.Generator) -> Iterator[Array]:
        """Offsets (D,) at the frames' ends, one after the other; none for grippers."""
        arm = np.array([p.kind == "arm" for p in robot.parts for _ in p.joints])
        keep = float(np.exp(-FRAME_S / self.time_s))
        fresh = self.std_rad * float(np.sqrt(1.0 - keep * keep)) * arm
        offset: Array = np.zeros(robot.size)
        while True:
            offset = keep * offset + fresh * rng.normal(size=robot.size)
            yield offset


def periods_a_frame(period_s: float) -> int:
    """Servo periods a recorded frame. Raises ConfigError if that is no whole number."""
    count = round(FRAME_S / period_s)
    if count < 1 or abs(count * period_s - FRAME_S) > 1e-9:
        raise ConfigError(
            "the frame is no whole multiple of the servo period",
            expected=f"{FRAME_S} s = n * period_s",
            got=f"period_s = {period_s}",
        )
    return count


def demonstrate(
    world: TrialWorld, expert: Policy, seed: int, noise: DartNoise | None = None
) -> tuple[list[Frame], Outcome]:
    """One episode at 20 Hz, until the goal has held for `SETTLE_S` or the time is up.

    Every frame is a new chunk, of which the first action is carried out. Equal seeds give equal
    episodes. Raises ConfigError for a task without goal or a period that does not fit.
    """
    observation = world.reset(seed)
    episode = world.episode
    goal = Condition.parse(episode.goal)
    if goal.kind == "true":
        raise ConfigError(
            "a task without goal has no demonstration", where=episode.skill or "table"
        )
    expert.reset(seed)
    arguments = tuple(episode.arguments.values())
    teacher = Teacher(world, noise or DartNoise(), seed, observation.position)
    frames: list[Frame] = []
    held = 0
    for _ in range(round(episode.limit_s / FRAME_S)):
        observation = about(world.observe(), arguments, episode.hand)
        facts = world.facts()
        held = held + 1 if goal.evaluate(facts).value else 0
        frames.append(teacher.step(expert, observation, facts))
        if held * FRAME_S > SETTLE_S:
            return frames, Outcome(True, "achieved", seed)
    return frames, Outcome(False, "time is up", seed)


class Teacher:
    """Moves a world by an expert, a frame at a time, with a disturbance that goes on throughout.

    Args:
        position: (D,) where the robot stands at the first frame.

    `command` is the undisturbed command at the end of the last frame.
    """

    def __init__(self, world: TrialWorld, noise: DartNoise, seed: int, position: Array) -> None:
        self._world = world
        self._offsets = noise.draw(world.robot, np.random.default_rng((seed, 1)))
        self._offset: Array = np.zeros(world.robot.size)
        self.command = Command.hold(position)

    def step(self, expert: Policy, observation: Observation, facts: Facts) -> Frame:
        """Carry out the first action of the expert's next chunk; the frame that this was."""
        plan = _plan(self._world, expert, observation, self.command)
        before, self._offset = self._offset, next(self._offsets)
        start_s = observation.time_s
        self.command = _carry_out(self._world, plan, start_s, before, self._offset)
        return _frame(self._world, observation, facts, self.command.position, self._offset, expert)


def _plan(
    world: TrialWorld, expert: Policy, observation: Observation, command: Command
) -> Trajectory:
    chunk: ActionChunk = expert.chunk(observation, ChunkRequest(observation.time_s))
    return world.kinematics.follow(replace(chunk, values=chunk.values[:_AHEAD]), command)


def _carry_out(
    world: TrialWorld, plan: Trajectory, start_s: float, before: Array, after: Array
) -> Command:
    """Carry out one frame of a plan with a disturbance; the undisturbed command at its end."""
    count = periods_a_frame(world.period_s)
    drift = (after - before) / FRAME_S
    command = plan.at(start_s)
    for k in range(1, count + 1):
        command = plan.at(start_s + k * world.period_s)
        disturbed = command.position + before + (after - before) * (k / count)
        world.apply(Command(disturbed, command.velocity + drift, command.acceleration))
    return command


def _frame(
    world: TrialWorld,
    observation: Observation,
    facts: Facts,
    action: Array,
    offset: Array,
    expert: Policy,
) -> Frame:
    executed = world.robot.limits.clip(action + offset)
    return Frame(
        observation=observation,
        action=action,
        action_tool=_tool(world, action),
        executed=executed,
        executed_tool=_tool(world, executed) if offset.any() else _tool(world, action),
        facts=facts,
        skill=world.episode.skill,
        arguments=world.episode.arguments,
        phase=str(getattr(expert, "phase", "")),
        source="expert",
        task=world.episode.call,
    )


def _tool(world: TrialWorld, position: Array) -> Array:
    """(7 * hands + grippers,) tool poses and openings of joint positions (D,)."""
    robot, kinematics = world.robot, world.kinematics
    poses = [kinematics.forward(position, hand.name).array() for hand in robot.hands]
    openings = [position[part.slice] for part in robot.parts if part.kind == "gripper"]
    return np.concatenate([*poses, *openings])
