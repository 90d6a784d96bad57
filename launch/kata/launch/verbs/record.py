"""`kata record`: demonstrations of a skill, as a LeRobot dataset."""

from __future__ import annotations

import shlex

from kata.launch import build
from kata.launch.job import Done, Job
from kata.launch.progress import bar
from kata.launch.recording import Recording, record


def run(job: Job) -> Done:
    """Record with the scripted expert until the folder holds the episodes asked for."""
    config = job.config
    contract = build.contract(config.skill)
    cameras = tuple(config.cameras)
    width, height = config.world.image
    asked = Recording(
        build.make_trial(config, contract.name, cameras=cameras),
        contract.name,
        config.episodes,
        config.seed,
        config.noise,
        tuple((camera, (height, width)) for camera in cameras),
    )
    with bar(f"recording {contract.name}", config.episodes) as advance:
        recorded = record(asked, job.folder.path, advance)
    result = {
        "skill": contract.name,
        "episodes": recorded.episodes,
        "failures": recorded.failures,
        "frames": recorded.frames,
    }
    line = (
        f"{recorded.episodes} episodes of {contract.name}, {recorded.frames} frames; "
        f"{recorded.failures} attempts failed and were set aside"
    )
    command = ["kata", "train", f"skill={contract.name}", f"data={job.folder.path}"]
    return Done(result, (line,), shlex.join(command))
