"""From a dataset to a package: what `kata train` and the demo have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .progress import Advance

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset
    from kata.policies.config import TrainConfig
    from kata.policies.training import Progress
    from kata.skills.contract.contract import Contract
    from kata.skills.contract.package import Writer

    Taught = tuple[Writer, dict[str, Any]]

TRAINING = "training"
"""Folder of the checkpoint and the curves inside a training's folder."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What to learn, from what, and how."""

    contract: Contract
    dataset: Dataset
    settings: TrainConfig


def learn(lesson: Lesson, folder: Path, advance: Advance | None = None) -> dict[str, Any]:
    """Train, goes on from a checkpoint in `folder`, and write the package; what came of it.

    Raises DatasetError for data without the skill, and what the training raises.
    """
    from kata.policies import lerobot
    from kata.skills.contract.package import write_package

    def progress(step: int, _steps: int, _loss: float) -> None:
        if advance:
            advance(step)

    teach = _with_lerobot if lesson.settings.policy == lerobot.NAME else _with_ours
    save, found = teach(lesson, folder / TRAINING, progress)
    package = write_package(folder, lesson.contract, save)
    return {"skill": lesson.contract.name, "package": package.name, **found}


def _with_ours(lesson: Lesson, folder: Path, progress: Progress) -> Taught:
    from kata.policies.demonstrations import gather
    from kata.policies.training import train

    data = gather(lesson.dataset, lesson.contract.name)
    trained = train(lesson.settings, data, folder, progress=progress)
    return trained.policy.save, {
        "policy": lesson.settings.policy,
        "steps": trained.step,
        "demonstrations": len(set(data.episodes.tolist())),
        "frames": len(data.episodes),
        "loss": trained.loss,
        "held_out": trained.held_out,
    }


def _with_lerobot(lesson: Lesson, folder: Path, progress: Progress) -> Taught:
    from kata.policies.lerobot.training import train

    trained = train(
        lesson.settings, lesson.dataset, lesson.contract.name, folder, progress=progress
    )
    return trained.policy.save, {
        "policy": f"lerobot/{trained.policy.card.type}",
        "steps": trained.step,
        "demonstrations": trained.frames.episodes,
        "frames": len(trained.frames.last),
        "loss": trained.loss,
        "held_out": None,
    }
