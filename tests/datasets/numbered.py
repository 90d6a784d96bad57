"""Pictures that say their number, so that a test sees which one it got."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kata.datasets.dataset import Dataset
from kata.datasets.testing import fake_frames, fake_recorder
from kata.datasets.types import Outcome

SIZE = (32, 32)
CAMERAS: Mapping[str, tuple[int, int]] = {"front": SIZE, "wrist": SIZE}
WRIST = 10_000
"""What the wrist's numbers have more than the front's."""


def draw(number: int) -> NDArray[np.uint8]:
    """A picture of sixteen fields, each a bit."""
    bits = (number >> np.arange(16)) & 1
    fields = np.repeat(np.repeat(bits.reshape(4, 4), 8, axis=0), 8, axis=1)
    return np.repeat((200 * fields + 20).astype(np.uint8)[..., None], 3, axis=2)


def read(pictures: NDArray[np.uint8]) -> list[int]:
    """The numbers of pictures (n, 32, 32, 3), however they were compressed."""
    means = pictures.reshape(-1, 4, 8, 4, 8, 3).mean(axis=(2, 4, 5)).reshape(-1, 16)
    return [int(value) for value in ((means > 120) << np.arange(16)).sum(axis=1)]


def record(root: Path, episodes: int, frames: int, first: int = 0) -> None:
    """Episodes whose pictures bear their row's number, counted from `first`."""
    with fake_recorder(root, cameras=CAMERAS) as recorder:
        for episode in range(episodes):
            for i, frame in enumerate(fake_frames(frames, episode, cameras=CAMERAS)):
                number = first + episode * frames + i
                images = {"front": draw(number), "wrist": draw(number + WRIST)}
                recorder.add(replace(frame, observation=replace(frame.observation, images=images)))
            recorder.save_episode(Outcome(True))


def numbered_dataset(root: Path, episodes: int = 6, frames: int = 12) -> Dataset:
    """A dataset of both cameras."""
    record(root, episodes, frames)
    return Dataset.open(root)
