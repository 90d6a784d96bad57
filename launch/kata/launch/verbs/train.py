"""`kata train`: from demonstrations to a draft of a skill."""

from __future__ import annotations

import shlex

from kata.launch import build
from kata.launch.job import Done, Job
from kata.launch.learning import Lesson, check_launcher, learn
from kata.launch.progress import bar


def run(job: Job) -> Done:
    """Train a policy and put it with its contract into a package of the run's folder."""
    config = job.config
    check_launcher()
    contract = build.contract(config.skill)
    lesson = Lesson(
        contract,
        build.dataset(config.data, config.robot, config.least_score),
        build.train_config(config),
    )
    with bar(f"training {contract.name}", lesson.settings.steps) as advance:
        learned = learn(lesson, job.folder.path, advance)
    line = (
        f"{contract.name}: {learned['demonstrations']} demonstrations, {learned['steps']} steps, "
        f"loss {learned['loss']:.4f}"
    )
    command = ["kata", "evaluate", f"skill={contract.name}", f"policy={job.folder.path}"]
    if config.robot != "panda":
        command.append(f"robot={config.robot}")
    package = job.folder / str(learned["package"])
    return Done(learned, (line, f"package: {package}"), shlex.join(command))
