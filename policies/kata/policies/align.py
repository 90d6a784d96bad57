"""Time and prefix of a request: where the network's chunk lies on the requested clock.

A network answers for the instant of its observation: action k at `time_s + (k + 1) * step_s`.
Legend: `H` actions of a chunk, `A` width, `P` actions of a prefix.
"""

from __future__ import annotations

import math

import numpy as np

from kata.datasets.types import Array, ChunkRequest, ChunkSpec, SpecError
from kata.datasets.types.overlap import GUIDE, check_overlap, joined, overlap_weights


def offset_steps(time_s: float, request: ChunkRequest, spec: ChunkSpec) -> float:
    """How many steps of the chunk lie before `request.start_s`.

    Raises SpecError where nothing would be left to act on after the delay, or for a start
    before the observation.
    """
    offset = (request.start_s - time_s) / spec.step_s
    left = spec.horizon - offset - request.delay_s / spec.step_s
    if not (offset > -1e-6 and left >= 1.0 - 1e-6 and request.delay_s >= 0):
        raise SpecError(
            "request out of the chunk's reach",
            expected=f"start_s from {time_s:g} on, and start_s + delay_s a step before "
            f"{time_s + spec.horizon * spec.step_s:g}",
            got=f"start_s {request.start_s:g}, delay_s {request.delay_s:g}",
            hint="ask sooner, or use a policy with a longer chunk",
        )
    return max(0.0, offset)


def check_prefix(request: ChunkRequest, offset: float, spec: ChunkSpec) -> None:
    """Raise SpecError for a prefix that does not fit a chunk that begins `offset` steps late."""
    left = spec.horizon - math.ceil(offset - 1e-6)
    check_overlap(request.prefix, request.committed, left, spec.width)


def placed(request: ChunkRequest, offset: float, spec: ChunkSpec) -> tuple[Array, Array]:
    """The prefix on the network's own rows: weights (H,), and values (H, A) where they are not 0.

    Between the steps of the prefix it is interpolated; rows before its first action and after its
    last one have weight 0, whatever stands in them: nothing is made up for them.
    """
    weights, values = np.zeros(spec.horizon), np.zeros((spec.horizon, spec.width))
    if request.prefix is None or not len(request.prefix):
        return weights, values
    given = overlap_weights(len(request.prefix), request.committed)
    place = np.arange(spec.horizon) - offset
    inside = (place > -1e-6) & (place < len(given) - 1 + 1e-6)
    at = np.clip(place[inside], 0.0, len(given) - 1)
    low = np.minimum(np.floor(at + 1e-6).astype(int), len(given) - 1)
    high = np.minimum(low + 1, len(given) - 1)
    share = np.where(at - low > 1e-6, at - low, 0.0)
    weights[inside] = (1.0 - share) * given[low] + share * given[high]
    share = share[:, None]
    values[inside] = (1.0 - share) * request.prefix[low] + share * request.prefix[high]
    return weights, values


def continued(values: Array, request: ChunkRequest, offset: float, guide: float = GUIDE) -> Array:
    """The chunk (L, A) that answers a request, of the network's own rows (H, A).

    What lies before the start is left out. It goes on from the prefix as
    `kata.datasets.types.overlap` says; `guide` is 0 where the rows have been guided already.
    """
    rows = shifted(values, offset)
    if request.prefix is None:
        return rows
    # A policy may hold fewer actions ready than its chunk could have; then less is joined.
    prefix = request.prefix[: len(rows)]
    sure = len(prefix) if request.committed is None else min(request.committed, len(prefix))
    return joined(rows, prefix, sure, guide)


def shifted(values: Array, offset: float) -> Array:
    """Chunk (H, A) from `offset` steps on: (H - ceil(offset), A), interpolated between actions.

    What lies before the start has been lived through and is left out.
    """
    whole = int(np.floor(offset + 1e-6))
    share = offset - whole
    if share < 1e-6:
        return values[whole:]
    return (1.0 - share) * values[whole:-1] + share * values[whole + 1 :]
