"""Demonstrations by the scripted expert, recorded until there are enough; goes on after a kill."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.types import ConfigError, ExecutionError, MakeWorld

from .progress import Advance
from .seeds import episode_seed

if TYPE_CHECKING:
    from kata.datasets.recorder import EpisodeRecorder

_LOG = logging.getLogger("kata.launch.recording")
_MOST_FAILURES = 20
"""More failures than this, and more than successes: the expert does not fit the scene."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What to record.

    Attributes:
        noise_rad: DART noise on the executed joint targets, standard deviation.
        cameras: height and width by name.
    """

    make_world: MakeWorld
    skill: str
    episodes: int
    seed: int
    noise_rad: float
    cameras: tuple[tuple[str, tuple[int, int]], ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded: successful episodes, failed attempts and frames of all in the folder."""

    episodes: int
    failures: int
    frames: int


def record(asked: Recording, root: Path, advance: Advance | None = None) -> Recorded:
    """Record into a dataset until it holds the episodes asked for.

    Failed attempts are set aside. Raises ConfigError for less than one episode, ExecutionError
    where the expert fails too often.
    """
    if asked.episodes < 1:
        raise ConfigError(
            "no episodes", where="episodes", expected="1 or more", got=str(asked.episodes)
        )
    from kata.datasets.dataset import Dataset
    from kata.datasets.recorder import EpisodeRecorder
    from kata.sim.collect import DartNoise, demonstrate
    from kata.sim.experts import make_expert

    world = asked.make_world()
    expert = make_expert(asked.skill, world.robot, world.kinematics)
    noise = DartNoise(asked.noise_rad)
    attempt = _attempts_so_far(asked, root)
    observation, table = world.observe(), world.facts().table
    with EpisodeRecorder(
        root, world.robot, table, tuple(observation.entities), cameras=dict(asked.cameras)
    ) as recorder:
        while recorder.episodes < asked.episodes:
            seed = episode_seed(asked.seed, f"record {asked.skill}", attempt)
            frames, outcome = demonstrate(world, expert, seed, noise)
            for frame in frames:
                recorder.add(frame)
            attempt += 1
            if outcome.success:
                recorder.save_episode(outcome)
                if advance:
                    advance(recorder.episodes)
            else:
                _LOG.info("%s: seed %d failed: %s", asked.skill, seed, outcome.reason)
                recorder.discard(outcome.reason)
                _check_failures(asked, recorder, attempt)
        episodes = recorder.episodes
    return Recorded(episodes, attempt - episodes, len(Dataset.open(root)))


def _attempts_so_far(asked: Recording, root: Path) -> int:
    """The attempt after the last saved one; each episode keeps its seed, which tells."""
    from kata.datasets.dataset import Dataset

    if not any((root / "meta").glob("episodes/*/*.parquet")):
        return 0
    last = Dataset.open(root).episodes[-1].seed
    first = episode_seed(asked.seed, f"record {asked.skill}", 0)
    return 0 if last is None else last - first + 1


def _check_failures(asked: Recording, recorder: EpisodeRecorder, attempts: int) -> None:
    failures = attempts - recorder.episodes
    if failures > _MOST_FAILURES and failures > recorder.episodes:
        raise ExecutionError(
            f"the expert of '{asked.skill}' fails too often",
            expected="more successes than failures",
            got=f"{recorder.episodes} successes, {failures} failures",
            hint="less noise, or a scene that it can cope with",
        )
