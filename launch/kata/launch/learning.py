"""From a dataset to a package: what `kata train` and the demo have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .progress import Advance

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset
    from kata.policies.config import TrainConfig
    from kata.skills.contract.contract import Contract

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
    from kata.policies.demonstrations import gather
    from kata.policies.training import train
    from kata.skills.contract.package import write_package

    data = gather(lesson.dataset, lesson.contract.name)

    def progress(step: int, _steps: int, _loss: float) -> None:
        if advance:
            advance(step)

    trained = train(lesson.settings, data, folder / TRAINING, progress=progress)
    package = write_package(folder, lesson.contract, trained.policy.save)
    return {
        "skill": lesson.contract.name,
        "package": package.name,
        "policy": lesson.settings.policy,
        "steps": trained.step,
        "demonstrations": len(set(data.episodes.tolist())),
        "frames": len(data.episodes),
        "loss": trained.loss,
        "held_out": trained.held_out,
    }
