"""A process that decodes a numbered dataset into a cache over and over: ROOT CACHE BYTES ROUNDS."""

import sys
from pathlib import Path

import numpy as np
from numbered import read

from kata.datasets.dataset import Dataset

if __name__ == "__main__":
    root, cache, limit, rounds = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    for seed in range(rounds):
        dataset = Dataset.open(root, cache, cache_bytes=limit)
        rows = np.random.default_rng(seed).permutation(len(dataset))
        assert read(dataset.frames.take("front", rows)) == rows.tolist()
    sys.stdout.write("right\n")
