"""From a dataset to a package: what `kata train` and the demo have in common."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError

from .origins import provenance_of
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
    """Train, goes on from a checkpoint in `folder`, and write the signed package; what came of it.

    Raises DatasetError for data without the skill, and what the training raises.
    """
    from kata.policies import lerobot
    from kata.skills.library.trust import make_package

    def progress(step: int, _steps: int, _loss: float) -> None:
        if advance:
            advance(step)

    teach = _with_lerobot if lesson.settings.policy == lerobot.NAME else _with_ours
    save, found = teach(lesson, folder / TRAINING, progress)
    provenance = provenance_of(lesson)
    known = {**lesson.contract.provenance, **provenance}
    package = make_package(folder, replace(lesson.contract, provenance=known), save)
    told = {"skill": lesson.contract.name, "package": package.name, **found}
    return {**told, "provenance": provenance}


def check_launcher() -> None:
    """Raise ConfigError in a process that `torchrun` or `accelerate launch` has started."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "kata train starts its processes itself",
            where="WORLD_SIZE",
            expected="kata train processes=N",
            hint="to use a launcher, call kata.policies.training.train in a script of yours",
        )


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

    asked = lesson.settings.beyond_one_process()
    if asked:
        raise ConfigError(
            f"{' and '.join(asked)} of LeRobot's policies cannot be set",
            where=f"policy={lesson.settings.policy}",
            hint="leave it out, or train one of Kata's policies",
        )
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
