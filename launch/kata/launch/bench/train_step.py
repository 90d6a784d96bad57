"""CPU seconds of one training step: ours and LeRobot's with the same U-Net, and its own loader."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from .course import SKILL, Course, Marks, fresh
from .measure import Sample
from .race import BATCH, lerobot_settings
from .registry import BenchContext

_WARM_UP = 2
_STEPS = 8


def same_network(
    context: BenchContext, course: Course, channels: Sequence[int], rounds: int
) -> tuple[Sample, Sample, float, float]:
    """Seconds a step of ours and of LeRobot's, in turns, and millions of weights of either.

    A step is the batch, the loss, its gradient, the optimiser and, of ours, the average of the
    weights; both read from our arrays.
    """
    ours: list[float] = []
    theirs: list[float] = []
    weights = [0.0, 0.0]
    for _ in range(rounds):
        for place, (times, step) in enumerate(((ours, _ours), (theirs, _theirs))):
            found, weights[place] = step(context, course, channels)
            times.append(found)
    return Sample.of(ours), Sample.of(theirs), weights[0], weights[1]


def _ours(context: BenchContext, course: Course, channels: Sequence[int]) -> tuple[float, float]:
    from kata.policies.config import TrainConfig
    from kata.policies.demonstrations import gather
    from kata.policies.denoisers import unet_settings
    from kata.policies.training import train

    config = TrainConfig(
        "diffusion",
        unet_settings(channels),
        steps=_WARM_UP + _STEPS,
        batch=BATCH,
        held_out=0.0,
        checkpoint_every=10**6,
        seed=context.seed,
    )
    marks = Marks()
    data = gather(course.dataset, SKILL)
    trained = train(config, data, fresh(context.folder, "step-ours"), stop=marks)
    return marks.each(_WARM_UP), _millions(trained.policy.network)


def _theirs(context: BenchContext, course: Course, channels: Sequence[int]) -> tuple[float, float]:
    from kata.policies import lerobot
    from kata.policies.config import TrainConfig
    from kata.policies.lerobot.training import train

    settings = lerobot_settings("diffusion")
    settings["settings"] |= {"down_dims": list(channels)}
    config = TrainConfig(
        lerobot.NAME,
        settings,
        steps=_WARM_UP + _STEPS,
        batch=BATCH,
        checkpoint_every=10**6,
        seed=context.seed,
    )
    marks = Marks()
    folder = fresh(context.folder, "step-theirs")
    trained = train(config, course.dataset, SKILL, folder, stop=marks)
    return marks.each(_WARM_UP), _millions(trained.policy.module)


def _millions(module: Any) -> float:
    return float(sum(p.numel() for p in module.parameters())) / 1e6


def loader_seconds(course: Course, lerobot: Any, batches: int) -> Sample:
    """CPU seconds a batch of LeRobot's dataset and loader, with what ACT's small settings read."""
    from torch.utils.data import DataLoader

    fps = course.dataset.fps
    chunk = lerobot_settings("act")["settings"]["chunk_size"]
    opened = lerobot(
        "kata/bench",
        root=course.dataset.root,
        delta_timestamps={"action": [k / fps for k in range(chunk)]},
    )
    loader = iter(DataLoader(opened, batch_size=BATCH, shuffle=True))
    times = []
    for _ in range(batches + 1):
        begun = time.process_time()
        next(loader, None)
        times.append(time.process_time() - begun)
    return Sample.of(times[1:])
