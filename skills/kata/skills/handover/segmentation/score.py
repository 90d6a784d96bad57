"""How well found cuts agree with true ones, and the cuts that anybody could make without trying."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cuts counted: `hits` found and true, of so many found and so many true ones."""

    hits: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the found ones that are true; 1 where none was found."""
        return self.hits / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the true ones that were found; 1 where there is none."""
        return self.hits / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 1 where there is nothing to find and nothing was found."""
        whole = self.found + self.true
        return 2.0 * self.hits / whole if whole else 1.0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(self.hits + other.hits, self.found + other.found, self.true + other.true)


def agreement(found: Sequence[int], true: Sequence[int], tolerance: int) -> Agreement:
    """Cuts at most `tolerance` frames apart are matched, each with one; as many as can be.

    Both are rising, so taking the earliest that fits gives the most matches.
    """
    hits = i = j = 0
    while i < len(found) and j < len(true):
        if abs(found[i] - true[j]) <= tolerance:
            hits, i, j = hits + 1, i + 1, j + 1
        elif found[i] < true[j]:
            i += 1
        else:
            j += 1
    return Agreement(hits, len(found), len(true))


def pooled(
    found: Iterable[Sequence[int]], true: Iterable[Sequence[int]], tolerance: int
) -> Agreement:
    """Agreement over several episodes, every cut counted alike."""
    total = Agreement(0, 0, 0)
    for ours, theirs in zip(found, true, strict=True):
        total += agreement(ours, theirs, tolerance)
    return total


def uniform_cuts(frames: int, cuts: int) -> tuple[int, ...]:
    """So many cuts at equal distances inside (0, frames)."""
    return tuple(round(frames * (k + 1) / (cuts + 1)) for k in range(cuts))


def toggle_cuts(opening: Array, least: int = 4) -> tuple[int, ...]:
    """Frames at which a gripper (T,) begins to close or open: it passes the middle of its range."""
    low, high = float(opening.min()), float(opening.max())
    if high - low < 1e-6:
        return ()
    wide = opening > 0.5 * (low + high)
    return _thinned(np.flatnonzero(np.diff(wide.astype(int))) + 1, least)


def flip_cuts(facts: Array, least: int = 4) -> tuple[int, ...]:
    """Frames at which any fact (T, M) flips."""
    values = np.asarray(facts)
    changed = (np.diff(values.astype(int), axis=0) != 0).any(axis=1)
    return _thinned(np.flatnonzero(changed) + 1, least)


def _thinned(cuts: NDArray[np.intp], least: int) -> tuple[int, ...]:
    """Without those that follow closely on another."""
    out: list[int] = []
    for cut in cuts.tolist():
        if not out or cut - out[-1] >= least:
            out.append(cut)
    return tuple(out)
