"""Stage 1: a phase ends where the next action surprises who has watched the phase so far.

Source: SBD, "Open-World Skill Discovery from Unsegmented Demonstrations" (Deng et al., 2025): cut
where NLL_t - mean(NLL since the last cut) > gap, and forget what came before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kata.datasets.types import Array

from .predictor import surprise
from .tracks import Track

if TYPE_CHECKING:
    from .segment import SegmentOptions


@dataclass(frozen=True, slots=True)
class Phases:
    """Phase cuts of one track.

    Attributes:
        cuts: frames inside (0, T), rising.
        excess: (T,) nats of each frame above the mean since the last cut.
    """

    cuts: tuple[int, ...]
    excess: Array


def find_phases(
    tracks: Sequence[Track], options: SegmentOptions, seed: int
) -> tuple[tuple[Phases, ...], float]:
    """The phases of each track, and the threshold in nats that they were cut at."""
    nats = surprise(tracks, options, seed)
    gap = threshold(nats, options.z)
    return tuple(cut(values, gap, options.least_frames) for values in nats), gap


def threshold(nats: Sequence[Array], z: float) -> float:
    """The gap in nats: `z` deviations of how far error rises above its running mean.

    Robust deviation (1.4826 times the median's), since cuts themselves are outliers.
    """
    rises = np.concatenate([_rises(values) for values in nats])
    middle = float(np.median(rises))
    return middle + z * max(1.4826 * float(np.median(np.abs(rises - middle))), 1e-3)


def _rises(nats: Array) -> Array:
    """(T,) error with full history above its mean over the frames of that history."""
    full = nats[:, -1]
    width = nats.shape[1] - 1
    total = np.concatenate([[0.0], np.cumsum(full)])
    begin = np.maximum(np.arange(len(full)) - width, 0)
    count = np.maximum(np.arange(len(full)) - begin, 1)
    mean = (total[np.arange(len(full))] - total[begin]) / count
    return np.asarray((full - mean)[width:] if len(full) > width else full - full.mean())


def cut(nats: Array, gap: float, least: int) -> Phases:
    """Cuts of one track by its errors (T, K + 1)."""
    count, history = len(nats), nats.shape[1] - 1
    excess = np.zeros(count)
    cuts: list[int] = []
    begin, total = 0, 0.0
    for t in range(count):
        now = float(nats[t, min(t - begin, history)])
        if t > begin:
            excess[t] = now - total / (t - begin)
        if excess[t] > gap and t - begin >= least and count - t >= least:
            cuts.append(t)
            begin, total = t, float(nats[t, 0])
        else:
            total += now
    return Phases(tuple(cuts), excess)
