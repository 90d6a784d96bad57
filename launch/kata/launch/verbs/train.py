"""`kata train`: from demonstrations to a draft of a skill."""

from __future__ import annotations

from kata.launch import build
from kata.launch.job import Done, Job
from kata.launch.progress import bar


def run(job: Job) -> Done:
    """Train a policy and put it with its contract into a package of the run's folder."""
    from kata.policies.demonstrations import gather
    from kata.policies.training import train
    from kata.skills.contract.package import write_package

    config = job.config
    contract = build.contract(config.skill)
    dataset = build.dataset(config.data, config.robot)
    data = gather(dataset, contract.name)
    settings = build.train_config(config)
    with bar(f"training {contract.name}", settings.steps) as advance:
        trained = train(
            settings,
            data,
            job.folder / "training",
            progress=lambda step, _steps, _loss: advance(step),
        )
    package = write_package(job.folder.path, contract, trained.policy.save)
    result = {
        "skill": contract.name,
        "package": package.name,
        "policy": settings.policy,
        "steps": trained.step,
        "demonstrations": len(set(data.episodes.tolist())),
        "frames": len(data.episodes),
        "loss": trained.loss,
        "held_out": trained.held_out,
    }
    line = (
        f"{contract.name}: {result['demonstrations']} demonstrations, {trained.step} steps, "
        f"loss {trained.loss:.4f}"
    )
    return Done(
        result, (line, f"package: {package}"), _next(contract.name, job.folder.path, config.robot)
    )


def _next(skill: str, folder: Path, robot: str) -> str:
    more = "" if robot == "panda" else f" robot={robot}"
    return f"kata evaluate skill={skill} policy={folder}{more}"
