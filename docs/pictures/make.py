"""Draws the picture of the README: `.venv/bin/python docs/pictures/make.py`, about a minute.

Needs Pillow, which `make test` installs with the tools.

Runs `kata run`'s own episode with the scripted skills and shows one moment of each call.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from kata.datasets.types import FRAME_S
from kata.launch import graphics

SEED = 5
SENTENCE = "put the red cube in the drawer, then close it"
MOMENTS = (0.70, 0.97, 0.60, 0.70)
"""The part of each call's time at which it is shown, one a call of the plan."""

SIZE, SCALE = (460, 400), 2
EVERY = 4
BAR, GAP = 46, 4
INK, AMBER, LIGHT, DIM = (34, 38, 46), (255, 196, 84), (255, 255, 255), (150, 158, 170)


def episode() -> tuple[list[str], list[list[np.ndarray]]]:
    """The plan's calls, and the pictures (height, width, 3) of each, in order of time."""
    from kata.launch import build
    from kata.launch.agents import Agent
    from kata.launch.trials import SentenceTrials, sentence_episode
    from kata.sim.tasks import make_trial

    asked = SentenceTrials(
        functools.partial(make_trial, "table"),
        tuple(Agent(contract) for contract in build.contracts()),
        {},
        SENTENCE,
        0,
    )
    world: Any = asked.make_world()
    skills = {agent.contract.name: agent.load(world) for agent in asked.agents}
    plan: list[str] = []
    pictures: list[list[np.ndarray]] = []

    def on_frame(frame: Any) -> None:
        plan[:] = frame.plan
        pictures.extend([] for _ in range(len(plan) - len(pictures)))
        if frame.call in plan and round(frame.observation.time_s / FRAME_S) % EVERY == 0:
            image = world.world.render("view", SCALE * SIZE[0], SCALE * SIZE[1], shadows=True)
            pictures[plan.index(frame.call)].append(image)

    block, _ = sentence_episode(asked, world, skills, "full", SEED, on_frame)
    world.world.close()
    if not block["success"]:
        raise SystemExit(f"the episode failed: {block['reason']}")
    return plan, pictures


def strip(plan: list[str], pictures: list[list[np.ndarray]]) -> Any:
    """One wide picture: the sentence above, a moment of each call with its name below."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(25)
    width, height = SIZE
    total = len(plan) * (width + GAP) - GAP
    out = Image.new("RGB", (total, height + 2 * BAR), INK)
    draw = ImageDraw.Draw(out)
    draw.text((16, BAR / 2), "$ kata run", DIM, font, anchor="lm")
    draw.text((150, BAR / 2), f"“{SENTENCE}”", LIGHT, font, anchor="lm")
    for k, (call, shown, moment) in enumerate(zip(plan, pictures, MOMENTS, strict=True)):
        left = k * (width + GAP)
        image = Image.fromarray(shown[int(moment * (len(shown) - 1))])
        out.paste(image.resize(SIZE, Image.Resampling.LANCZOS), (left, BAR))
        draw.text((left + 16, BAR * 1.5 + height), f"{k + 1}", DIM, font, anchor="lm")
        draw.text((left + 44, BAR * 1.5 + height), call, AMBER, font, anchor="lm")
    return out


def main() -> None:
    """Draw it beside this file."""
    graphics.choose()
    picture = strip(*episode())
    picture.save(Path(__file__).with_name("run.png"), optimize=True)


if __name__ == "__main__":
    main()
