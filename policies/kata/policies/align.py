"""Time and prefix of a request: where the network's chunk lies on the requested clock.

A network answers for the instant of its observation: action k at `time_s + (k + 1) * step_s`.
Legend: `H` actions of a chunk, `A` width, `P` actions of a prefix.
"""

from __future__ import annotations

import numpy as np

from kata.datasets.types import Array, ChunkRequest, ChunkSpec, SpecError

_FADE = 4
"""Actions over which a prefix that was merely overwritten fades into the prediction."""


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


def prefix_rows(request: ChunkRequest, offset: float, spec: ChunkSpec) -> slice:
    """The rows (of H) that the prefix freezes. Raises SpecError where it does not fit."""
    if request.prefix is None or not len(request.prefix):
        return slice(0, 0)
    whole, shape = round(offset), request.prefix.shape
    if len(shape) != 2 or shape[1] != spec.width or whole + shape[0] > spec.horizon:
        raise SpecError(
            "prefix does not fit",
            expected=f"(P, {spec.width}), P <= {spec.horizon - whole}",
            got=str(shape),
        )
    if abs(offset - whole) > 1e-6:
        raise SpecError(
            "a prefix needs a start on the chunk's own steps",
            expected=f"start_s a whole number of {spec.step_s:g} s after the observation",
            got=f"{offset:g} steps",
        )
    if not np.isfinite(request.prefix).all():
        raise SpecError("prefix is not finite")
    return slice(whole, whole + shape[0])


def faded(values: Array, rows: slice, prefix: Array | None) -> Array:
    """Chunk (H, A) with its rows set to the prefix, its last offset dying out after them."""
    if prefix is None or rows.stop == rows.start:
        return values
    out = values.copy()
    gap = prefix[-1] - values[rows.stop - 1]
    tail = out[rows.stop : rows.stop + _FADE]
    tail += gap * np.linspace(1.0, 0.0, _FADE + 2)[1:-1][: len(tail), None]
    out[rows] = prefix
    return out


def shifted(values: Array, offset: float) -> Array:
    """Chunk (H, A) from `offset` steps on: (H - ceil(offset), A), interpolated between actions.

    What lies before the start has been lived through and is left out.
    """
    whole = int(np.floor(offset + 1e-6))
    share = offset - whole
    if share < 1e-6:
        return values[whole:]
    return (1.0 - share) * values[whole:-1] + share * values[whole + 1 :]
