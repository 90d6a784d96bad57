"""Plays a replay in a world: the recorded commands, open loop, from the same start."""

from __future__ import annotations

from dataclasses import dataclass

from kata.datasets.types import (
    FRAME_S,
    Command,
    ConfigError,
    Facts,
    Observation,
    SimulationError,
    TrialWorld,
)
from kata.skills.execution.log import Flip, flips_between
from kata.skills.execution.runner import OnFrame, RunFrame, whole_multiple

from .replay import Replay, end_digest


@dataclass(frozen=True, slots=True)
class Played:
    """How a replay went.

    Attributes:
        digest: of its end.
        same: whether it came to the recorded end, to the bit.
        flips: the facts that changed.
    """

    digest: str
    same: bool
    flips: tuple[Flip, ...]


def play(world: TrialWorld, replay: Replay, on_frame: OnFrame | None = None) -> Played:
    """Give a world the recorded commands, from the recorded seed.

    Args:
        world: made of `replay.world`; it is reset.
        replay: what to do.
        on_frame: called once a frame, as while the trial ran.

    Raises:
        ConfigError: the commands are of another robot or period, or the start is another task's.
    """
    _check(world, replay)
    observation = world.reset(replay.seed)
    every = whole_multiple(FRAME_S, world.period_s, "a frame")
    facts, flips = world.facts(), list[Flip]()
    for tick in range(len(replay.position)):
        if tick % every == 0:
            observation = world.observe() if tick else observation
            facts = _looked(world, facts, flips)
            if on_frame is not None:
                on_frame(_frame(replay, observation, facts, tick))
        try:
            world.apply(_command(replay, tick))
        except SimulationError:
            return _played(replay, None, flips)
    _looked(world, facts, flips)
    return _played(replay, world.observe(), flips)


def _check(world: TrialWorld, replay: Replay) -> None:
    if world.robot.joints != replay.joints or world.period_s != replay.period_s:
        raise ConfigError(
            "a replay of another robot",
            where=f"robot {world.robot.name}",
            expected=f"joints {', '.join(world.robot.joints)}, every {world.period_s:g} s",
            got=f"{', '.join(replay.joints)}, every {replay.period_s:g} s",
        )


def _looked(world: TrialWorld, before: Facts, flips: list[Flip]) -> Facts:
    facts = world.facts()
    flips += flips_between(before, facts)
    return facts


def _command(replay: Replay, tick: int) -> Command:
    position, velocity = replay.position[tick], replay.velocity[tick]
    return Command(position, velocity, 0.0 * velocity)


def _frame(replay: Replay, observation: Observation, facts: Facts, tick: int) -> RunFrame:
    call, seconds = replay.call, tick * replay.period_s
    state = "waiting"
    for event in replay.events:
        if event["time_s"] <= seconds + 1e-9:
            state = event["state"]
    return RunFrame(observation, facts, _command(replay, tick), state, call, (call,))


def _played(replay: Replay, end: Observation | None, flips: list[Flip]) -> Played:
    digest = end_digest(end)
    return Played(digest, digest == replay.digest, tuple(flips))
