"""Draws the picture of docs/two-arms.md: `.venv/bin/python docs/pictures/handover.py`.

Needs Pillow, which `make test` installs with the tools.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kata.datasets.types import ChunkRequest, Command
from kata.sim.experts import make_expert
from kata.sim.scene.config import CameraConfig, TableWorldConfig
from kata.sim.tasks import make_trial

SEED, HAND = 3, "left"
SIZE = (900, 600)
NEAR = CameraConfig("near", (1.20, -0.18, 0.92), (0.40, 0.0, 0.36), 46.0)


def main() -> None:
    """The moment at which both hands have the cube."""
    from PIL import Image

    config = TableWorldConfig.load("two_arms")
    config = replace(config, fixed_cameras=(*config.fixed_cameras, NEAR))
    trial = make_trial("handover", config=config, hand=HAND)
    expert = make_expert("handover", trial.robot, trial.kinematics)
    command = Command.hold(trial.reset(SEED).position)
    while expert.phase != "release":
        seen = trial.observe()
        path = trial.kinematics.follow(expert.chunk(seen, ChunkRequest(seen.time_s)), command)
        for k in range(1, 6):
            command = path.at(seen.time_s + k * trial.period_s)
            trial.apply(command)
    image = trial.world.render("near", *SIZE, shadows=True)
    target = Path(__file__).with_name("handover.png")
    Image.fromarray(image).save(target, optimize=True)
    trial.world.close()


if __name__ == "__main__":
    main()
