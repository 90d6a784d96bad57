"""`kata library export`: a trained skill as a folder that LeRobot's own commands open."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import KataError, PackageError

from . import build
from .job import Done, Job
from .trusting import trust_of

if TYPE_CHECKING:
    from kata.sim.robots import RobotModel
    from kata.skills.contract.skill import Skill


def exported(job: Job, word: str) -> Done:
    """Write a learned skill of the library, or a package's folder, for LeRobot.

    Raises PackageError for a scripted skill, or one whose robot is not known here.
    """
    from kata.policies.lerobot.export import export_policy

    skill = _skill(job, word)
    contract = skill.contract
    if skill.scripted:
        raise PackageError(
            "a scripted skill lives in the simulator",
            where=f"kata library export {word}",
            expected="a skill that was learned",
            hint=f"kata train skill={contract.name} data=DIR, then kata library add",
        )
    policy: Any = skill.load_policy()
    robot = _robot(policy.card.robot, skill.folder)
    target = job.folder / f"{contract.name}-{contract.version}-lerobot"
    spec = robot.spec
    export_policy(policy, target, robot=spec.name, joints=spec.joints, skill=contract.name)
    line = f"{contract.name}@{contract.version}: {target}"
    command = ["lerobot-eval", f"--policy.path={target}", "--env.type=kata"]
    command += [f"--env.task={contract.name}", f"--env.robot={spec.name}"]
    command += ["--eval.n_episodes=50", "--eval.batch_size=10"]
    result = {"name": contract.name, "version": contract.version, "folder": str(target)}
    return Done({**result, "identity": skill.identity}, (line,), shlex.join(command))


def package_folder(word: str) -> Path:
    """The folder that was named, or the one package in it where `kata train` left one."""
    from kata.skills.library.sources.install import package_in

    return package_in(Path(word).expanduser())


def _skill(job: Job, word: str) -> Skill:
    folder = package_folder(word)
    if (folder / "manifest.json").is_file():
        return trust_of(job.config).open(folder)
    return build.library_of(job.config).get(word)


def _robot(fingerprint: str, folder: Path) -> RobotModel:
    """The robot that a policy was trained for, by its fingerprint."""
    from kata.sim.robots import load, names
    from kata.sim.robots.registry import user_folder

    described = sorted(path.stem for path in user_folder().glob("*.yaml"))
    for name in dict.fromkeys(["panda", *described, *names()]):
        try:
            robot = load(name)
        except KataError:
            continue
        if fingerprint in ("", robot.spec.fingerprint()):
            return robot
    raise PackageError(
        "a skill of a robot that is not known here",
        where=str(folder),
        got=fingerprint,
        hint="kata robot add FILE",
    )
