"""Time: gaps, leaps of the clock, stamps that go backwards, a rate that is not fps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..types import Array
from .contents import Contents, Mask
from .faults import Fault

GAP_PERIODS = 1.5
"""More than this between two frames is a gap."""

RATE_TOLERANCE = 0.05
"""The share by which the customary time between frames may miss 1 / fps."""


def check_clock(contents: Contents) -> Iterator[Fault]:
    """Time stamps against fps and against the motion, and the frames' own numbers."""
    yield from _numbering(contents)
    stamps = contents.numbers("timestamp")
    if stamps is None or len(stamps) < 2:
        return
    step = np.diff(stamps[:, 0].astype(float))
    inside = contents.inside & np.isfinite(step)
    if not inside.any():
        return
    usual = float(np.median(step[inside]))
    wanted = 1.0 / contents.fps
    if abs(usual - wanted) > RATE_TOLERANCE * wanted:
        rate = f"{1.0 / usual:.2f}" if usual > 0 else "no"
        detail = f"{rate} frames per s by the time stamps, fps is {contents.fps:g}"
        yield Fault("wrong_rate", key="timestamp", count=int(inside.sum()), detail=detail)
        return
    yield from _backwards(contents, step, inside)
    yield from _leaps(contents, step, inside, wanted)
    yield from _jitter(contents, step, inside, wanted)


def _numbering(contents: Contents) -> Iterator[Fault]:
    numbers = contents.numbers("frame_index")
    if numbers is None or not len(numbers):
        return
    found = numbers[:, 0].astype(np.int64)
    jump = np.flatnonzero(contents.inside & (np.diff(found) != 1)) + 1
    first = contents.starts[found[contents.starts] != 0]
    for row in sorted({*jump.tolist(), *first.tolist()}):
        episode, frame = contents.at(row)
        before = int(found[row - 1]) if frame else -1
        missing = int(found[row]) - before - 1
        detail = (
            f"frame {found[row]} comes after frame {before}" if frame else "does not begin at 0"
        )
        yield Fault("missing_frames", episode, frame, "frame_index", max(missing, 1), detail)


def _backwards(contents: Contents, step: Array, inside: Mask) -> Iterator[Fault]:
    for row in np.flatnonzero(inside & (step <= 0)) + 1:
        episode, frame = contents.at(int(row))
        detail = f"{1000 * step[row - 1]:.1f} ms after the frame before"
        yield Fault("time_backwards", episode, frame, "timestamp", 1, detail)


def _leaps(contents: Contents, step: Array, inside: Mask, wanted: float) -> Iterator[Fault]:
    late = inside & (step > GAP_PERIODS * wanted)
    moved = _motion(contents)
    for row in np.flatnonzero(late) + 1:
        episode, frame = contents.at(int(row))
        detail = (
            f"{1000 * step[row - 1]:.0f} ms after the frame before, {1000 * wanted:.0f} expected"
        )
        # Where frames are missing the motion of the missing time is in one step.
        kind = "time_gap" if moved is None or moved[row - 1] > 1.5 else "clock_jump"
        if kind == "clock_jump":
            detail += "; the motion goes on as if no time had passed"
        missing = max(1, round(float(step[row - 1]) / wanted) - 1)
        yield Fault(kind, episode, frame, "timestamp", missing, detail)


def _jitter(contents: Contents, step: Array, inside: Mask, wanted: float) -> Iterator[Fault]:
    """Steps that are much too short without going backwards: two clocks, or frames in bursts."""
    short = inside & (step > 0) & (step < 0.5 * wanted)
    for row in np.flatnonzero(short) + 1:
        episode, frame = contents.at(int(row))
        detail = f"only {1000 * step[row - 1]:.1f} ms after the frame before"
        yield Fault("clock_jump", episode, frame, "timestamp", 1, detail)


def _motion(contents: Contents) -> Array | None:
    """How far each step of the state goes, in units of its neighbours' steps (F - 1,)."""
    state = contents.numbers("observation.state")
    if state is None or len(state) < 4:
        return None
    spread = np.maximum(contents.spread(state), 1e-6)
    step = (np.abs(np.diff(state, axis=0)) / spread).sum(axis=1)
    step[~contents.inside] = np.nan
    padded = np.pad(step, 2, constant_values=np.nan)
    around = np.stack([padded[:-4], padded[1:-3], padded[3:-1], padded[4:]])
    known = np.isfinite(around)
    mean = np.where(known, around, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.nan_to_num(step) / np.maximum(mean, 1e-9))
