"""Work of one skill, each in a worker process: demonstrations, training, what it is worth."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.quality.report import LEAST_SCORE
from kata.launch import build
from kata.launch.agents import Agent
from kata.launch.configuration import Config
from kata.launch.learning import Lesson, learn
from kata.launch.recording import Recording, record
from kata.launch.seeds import episode_seed
from kata.launch.trials import Block, SkillTrials
from kata.launch.workspace import write_text

if TYPE_CHECKING:
    from kata.skills.handover.boundary import LearnedBoundary
    from kata.skills.handover.features import StartSample
    from kata.skills.handover.progress import ProgressModel

DRAFTS, DEMONSTRATIONS = "drafts", "demonstrations"
_STEPS = "steps.txt"


def record_skill(config: Config, folder: Path, skill: str) -> Block:
    """Demonstrations of a skill into `demonstrations/SKILL`."""
    size = config.size
    asked = Recording(
        build.make_trial(config, skill), skill, size.demonstrations, config.seed, size.noise
    )
    recorded = record(asked, folder / DEMONSTRATIONS / skill)
    return {
        "demonstrations": recorded.episodes,
        "failures": recorded.failures,
        "frames": recorded.frames,
    }


def train_skill(config: Config, folder: Path, skill: str) -> Block:
    """A draft of a skill from its demonstrations, into `drafts/SKILL`."""
    began = time.monotonic()
    logging.getLogger("kata").setLevel(logging.WARNING)
    dataset = build.dataset(str(folder / DEMONSTRATIONS / skill), config.robot, LEAST_SCORE)
    lesson = Lesson(build.contract(skill), dataset, build.train_config(config))
    told = folder / DRAFTS / skill / _STEPS
    learned = learn(lesson, told.parent, lambda step: write_text(told, f"{step:.0f}\n"))
    return {**learned, "train_seconds": round(time.monotonic() - began, 2)}


def recorded_so_far(folder: Path, skill: str) -> float:
    """Episodes that a skill's dataset holds: each has a file."""
    files = (folder / DEMONSTRATIONS / skill / "meta").glob("episodes/*/*.parquet")
    return float(sum(1 for _ in files))


def trained_so_far(folder: Path, skill: str) -> float:
    """Steps that a skill's training has done, as it tells now and then."""
    told = folder / DRAFTS / skill / _STEPS
    return float(told.read_text()) if told.exists() else 0.0


def draft(folder: Path, skill: str, learned: Block) -> Agent:
    """The trained skill, before it has a boundary."""
    from kata.skills.contract.files import read_contract

    package = folder / DRAFTS / skill / str(learned["package"])
    return Agent(read_contract(package / "skill.yaml"), package)


def trials_of(config: Config, agent: Agent, start: str) -> SkillTrials:
    """Rollouts of a skill from starts of a kind, on scenes of their own."""
    name = agent.contract.name
    make_world = build.make_trial(config, name, start)
    return SkillTrials(make_world, agent, config.seed, f"demo {name} {start}", ways=True)


def boundary_of(
    config: Config, folder: Path, skill: str, rolled: Mapping[str, list[Block]]
) -> LearnedBoundary:
    """The boundary that a skill's rollouts teach, by kind of start.

    It judges by all of them, but the starts that it proposes are nominal ones: there the skill was
    demonstrated, so it does not only succeed, it also has room to err.
    """
    from kata.sim.robots import load
    from kata.skills.handover.boundary import fit_boundary

    robot = load(config.robot).spec
    grippers = [robot.part(hand.gripper).start for hand in robot.hands]
    seed = episode_seed(config.seed, f"boundary {skill}", 0) % 2**31
    samples = {start: [_sample(episode) for episode in rolled[start]] for start in rolled}
    boundary = fit_boundary(
        [sample for each in samples.values() for sample in each],
        grippers,
        seed,
        usual=samples["nominal"],
        contract=build.contract(skill),
        robot=robot,
    )
    return replace(boundary, progress=progress_of(folder, skill, rolled, seed))


def progress_of(
    folder: Path, skill: str, rolled: Mapping[str, list[Block]], seed: int
) -> ProgressModel | None:
    """What demonstrations and rollouts teach of a skill's progress; None where they are few."""
    from kata.datasets.dataset import Dataset
    from kata.skills.handover.progress_demos import demonstrated_ways
    from kata.skills.handover.progress_fit import enough, fit_progress
    from kata.skills.handover.progress_frames import Way

    contract = build.contract(skill)
    ways = list(demonstrated_ways(Dataset.open(folder / DEMONSTRATIONS / skill), contract))
    episodes = [episode for each in rolled.values() for episode in each]
    ways += [Way.from_data(episode["way"]) for episode in episodes if "way" in episode]
    return fit_progress(ways, contract.settle_s, seed) if enough(ways) else None


def _sample(episode: Block) -> StartSample:
    from kata.skills.handover.features import Start, StartSample

    return StartSample(Start.from_data(episode["start"]), episode["success"])
