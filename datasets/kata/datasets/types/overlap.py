"""How a chunk goes on from actions that already run: the overlap of an old chunk and a new one.

The first rows of the overlap are committed: they are carried out whatever the new chunk says. Those
after them only guide, with falling weight.
Source of the weights: Black, Galliker & Levine, "Real-Time Execution of Action Chunking Flow
Policies", arXiv:2506.07339, equation 5. Legend: `L` actions of a chunk, `P` of the overlap that
begins with it, `A` width of an action.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from .errors import SpecError
from .pose import Array

GUIDE = 0.2
"""Weight of the old chunk where it merely guides, against that of the new one. More follows late:
where things are touched and move, the newer chunk knows better."""

SLOPE, BEND = 2.0, 6.0
"""Weights of the first and second differences of what is added to the new chunk."""


def check_overlap(prefix: Array | None, committed: int | None, length: int, width: int) -> None:
    """Raise SpecError for a prefix that does not fit a chunk of shape (length, width)."""
    rows = 0 if prefix is None else len(prefix)
    if prefix is not None:
        if prefix.ndim != 2 or prefix.shape[1] != width or rows > length:
            raise SpecError(
                "prefix does not fit",
                expected=f"(P, {width}), P <= {length}",
                got=str(prefix.shape),
                hint="leave out what lies after the chunk's end",
            )
        if not np.isfinite(prefix).all():
            raise SpecError("prefix is not finite")
    if committed is not None and not 0 <= committed <= rows:
        raise SpecError(
            "committed actions that are not in the prefix",
            expected=f"0 to {rows}",
            got=str(committed),
        )


def overlap_weights(length: int, committed: int | None = None) -> Array:
    """Weights (P,) of an overlap: 1 for committed rows (None: all), then falling towards 0."""
    committed = length if committed is None else committed
    place = np.arange(length, dtype=float)
    left = np.clip((length - place) / (length - committed + 1), 0.0, 1.0)
    weights: Array = left * np.expm1(left) / math.expm1(1.0)
    weights[:committed] = 1.0
    return weights


def joined(
    values: Array, prefix: Array | None, committed: int | None = None, guide: float = GUIDE
) -> Array:
    """Chunk (L, A) whose first rows are the committed ones of the prefix (P, A), P at most L.

    Least squares in closed form for what is added to the chunk: as little as possible, changing
    little from row to row (first and second differences), near the prefix where that guides, which
    counts `guide` times its weight. A chunk that agrees with the prefix is untouched.
    """
    if prefix is None or not len(prefix):
        return values
    committed = len(prefix) if committed is None else committed
    gap = prefix - values[: len(prefix)]
    out: Array = values + _spread(len(values), len(prefix), committed, guide) @ gap
    out[:committed] = prefix[:committed]
    return out


@lru_cache(maxsize=256)
def _spread(length: int, overlap: int, committed: int, share: float) -> Array:
    """What each row gets added (L, P) of the gap in each row of the overlap."""
    slope = np.diff(np.eye(length), axis=0)
    bend = np.diff(np.eye(length), n=2, axis=0)
    guide = np.zeros((length, overlap))
    guide[:overlap] = np.diag(share * overlap_weights(overlap, committed))
    whole = np.eye(length) + SLOPE * slope.T @ slope + BEND * bend.T @ bend
    whole += np.diag(guide.sum(axis=1))
    fixed, free = slice(0, committed), slice(committed, length)
    out = np.zeros((length, overlap))
    out[fixed, :committed] = np.eye(committed)
    wanted = guide[free] - whole[free, fixed] @ out[fixed]
    if committed < length:
        out[free] = np.linalg.solve(whole[free, free], wanted)
    out.flags.writeable = False
    return out
