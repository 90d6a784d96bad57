"""In which order the samples of an epoch come: all mixed, or mixed within a window of episodes.

Legend: `n` samples, `g` groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Order:
    """One epoch.

    Attributes:
        picks: (n,) every sample once.
        starts: (g,) places in `picks` where a group of episodes begins; ascending from 0.
    """

    picks: Indices
    starts: Indices

    def group(self, index: int) -> Indices:
        """The picks of one group."""
        stop = self.starts[index + 1] if index + 1 < len(self.starts) else len(self.picks)
        return self.picks[self.starts[index] : stop]

    def parts(self, places: Indices) -> list[tuple[int, Indices]]:
        """Consecutive places, cut where their group changes: (group, picks) each."""
        groups = np.searchsorted(self.starts, places, side="right") - 1
        cuts = np.flatnonzero(np.diff(groups)) + 1
        bounds = [0, *cuts.tolist(), len(places)]
        return [(int(groups[a]), self.picks[places[a:b]]) for a, b in pairwise(bounds)]


def shuffle(count: int, seed: int, epoch: int) -> Order:
    """All samples in any order; it depends on the seed and the epoch alone."""
    rng = np.random.default_rng([seed, epoch])
    return Order(rng.permutation(count), np.zeros(1, dtype=np.int64))


def shuffle_window(
    episodes: Indices, lengths: Indices, window: int, seed: int, epoch: int
) -> Order:
    """Episodes in any order, in groups of at most `window` frames; samples mixed in each group.

    An episode that is longer than the window is a group of its own. `episodes` (n,) names the
    episode of each sample, `lengths` the frames of every episode of the dataset.
    """
    rng = np.random.default_rng([seed, epoch])
    drawn = rng.permutation(np.unique(episodes))
    group, room, member = -1, 0, np.full(len(lengths), -1, dtype=np.int64)
    for episode in drawn:
        if group < 0 or lengths[episode] > room:
            group, room = group + 1, window
        member[episode] = group
        room -= int(lengths[episode])
    owner = member[episodes]
    mixed = rng.permutation(len(episodes))
    picks = mixed[np.argsort(owner[mixed], kind="stable")]
    counts = np.bincount(owner, minlength=group + 1)
    return Order(picks, np.concatenate([[0], np.cumsum(counts)[:-1]]))
