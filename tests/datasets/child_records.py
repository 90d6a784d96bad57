"""A process that records until it is killed: `child_records.py ROOT SEED CAMERAS`.

It prints a line for each episode that `save_episode` returned for: index, seed and frames.
"""

import itertools
import sys

import numpy as np

from kata.datasets.testing import fake_frames, fake_recorder
from kata.datasets.types import Outcome


def main() -> None:
    """Record episodes of random length, one after the other, for ever."""
    root, first = sys.argv[1], int(sys.argv[2])
    cameras = {"front": (32, 32)} if sys.argv[3] == "cameras" else None
    rng = np.random.default_rng(first)
    recorder = fake_recorder(root, cameras=cameras)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for seed in itertools.count(first):
        count = int(rng.integers(2, 60))
        for frame in fake_frames(count, seed, cameras=cameras):
            recorder.add(frame)
        if rng.uniform() < 0.1:
            recorder.discard("by chance")
            continue
        index = recorder.save_episode(Outcome(True, seed=seed))
        sys.stdout.write(f"{index} {seed} {count}\n")
        sys.stdout.flush()


main()
