"""What a hand does to things: spans in which one is held, shoved or slid, from poses alone.

No simulator's facts are read. Legend: `T` frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array
from kata.datasets.types.pose import pose_relative

from .tracks import Track

Kind = Literal["hold", "shove", "slide"]

STEP_M = 0.0015
"""A thing that goes farther than this in a frame moves; a standing one only shakes."""

FAR_M = 0.012
"""A thing that ends nearer than this to where it was has not been moved."""

_SHARE = 0.02
_LEAST_SHARE = 0.25
_INSIDE_M = 0.012
_BESIDE_M = 0.05
_WIDER_M, _SQUEEZED_M = 0.006, 0.008
_NUDGE_M = 0.05
_GAP_S, _LONG_GAP_S = 0.25, 1.2


@dataclass(frozen=True, slots=True)
class Event:
    """One thing in one hand's hands for a while.

    Attributes:
        start, stop: frames [start, stop) in which it is held, or moves.
        thing: its name.
        hand: index of the hand; -1 where the dataset tells no hand's pose.
        way: of a slide 1 towards open or pressed, -1 back; else 0.
        down: whether the tool goes rather down than sideways meanwhile.
        moved_m: of a shove, how far it goes.
    """

    kind: Kind
    start: int
    stop: int
    thing: str
    hand: int
    way: int = 0
    down: bool = False
    moved_m: float = 0.0


def events(track: Track) -> tuple[Event, ...]:
    """Everything that is done in a track, in the order in which it begins.

    What moves because something else does, as what lies in a drawer, is left out.
    """
    holds = [
        event
        for hand in range(track.opening.shape[1])
        for name in track.objects
        for event in _holds(track, hand, name)
    ]
    slides = [event for name in track.articulation for event in _slides(track, name)]
    busy = np.zeros(len(track), dtype=bool)
    for event in (*holds, *slides):
        # What is let go may still fall a little.
        busy[event.start : event.stop + round(_GAP_S * track.fps)] = True
    shoves = _first_of_each([e for name in track.objects for e in _shoves(track, name, busy)])
    found = sorted((*holds, *slides, *shoves), key=lambda e: (e.start, e.stop, e.thing))
    return _tidied(found, track.fps)


def _holds(track: Track, hand: int, name: str) -> Iterable[Event]:
    """Spans in which a thing is between the fingers of a hand and goes where the hand goes."""
    pose, half = track.objects[name], half_of(track, name)
    place = pose_relative(pose, track.tool[:, hand])[:, :3]
    inside = (np.abs(place) < half + _INSIDE_M).all(axis=1)
    # Fingers that are closer than its narrow side stand beside it or press on it.
    narrow, wide = 2.0 * np.sort(half)[:2] + [-_SQUEEZED_M, _WIDER_M]
    opening = track.opening[:, hand]
    around = inside & (opening > narrow) & (opening < wide)
    for start, stop in _spans(around, track.fps, _GAP_S):
        moved = _moves(pose)[start:stop]
        if moved.any() and _farthest(pose[start:stop]) > FAR_M:
            yield Event("hold", start, stop, name, hand)


def _slides(track: Track, name: str) -> Iterable[Event]:
    """Spans in which a thing opens, closes or is pressed for good."""
    share = track.articulation[name]
    step = np.diff(share, prepend=share[:1])
    for start, stop in _spans(np.abs(step) > _SHARE, track.fps, _LONG_GAP_S):
        change = share[stop - 1] - share[max(start - 1, 0)]
        if abs(change) < _LEAST_SHARE:
            continue
        way, hand = int(np.sign(change)), _nearest_hand(track, name, start, stop)
        moving = start + np.flatnonzero(way * step[start:stop] > _SHARE)
        first, last = int(moving[0]), int(moving[-1]) + 1
        yield Event("slide", first, last, name, hand, way, _goes_down(track, hand, first, last))


def _shoves(track: Track, name: str, busy: NDArray[np.bool_]) -> Iterable[Event]:
    """Spans in which a thing moves beside a tool without being held."""
    pose = track.objects[name]
    beside = np.zeros(len(track), dtype=bool)
    for hand in range(track.tool.shape[1]):
        beside |= _gap(track, hand, name) < _BESIDE_M
    moving = _moves(pose) & beside & ~busy
    for start, stop in _spans(moving, track.fps, _LONG_GAP_S):
        far = _farthest(pose[max(start - 1, 0) : stop])
        if far > FAR_M:
            hand = _nearest_hand(track, name, start, stop)
            yield Event("shove", start, stop, name, hand, moved_m=far)


def _first_of_each(shoves: Sequence[Event]) -> list[Event]:
    """Of things that are shoved at one time, the one that moved first: it pushes the others."""
    kept: list[Event] = []
    for event in sorted(shoves, key=lambda e: (e.start, -e.stop, e.thing)):
        if not kept or event.start >= kept[-1].stop:
            kept.append(event)
    return kept


def _tidied(found: Sequence[Event], fps: int) -> tuple[Event, ...]:
    """A thing shoved again is one shove; one that is nudged as it is grasped is only grasped."""
    kept: list[Event] = []
    for k, event in enumerate(found):
        after = found[k + 1] if k + 1 < len(found) else None
        if event.kind == "shove":
            if kept and kept[-1].kind == "shove" and kept[-1].thing == event.thing:
                kept[-1] = replace(kept[-1], stop=event.stop)
                continue
            if after and _is_nudge(event, after, fps):
                continue
        kept.append(event)
    return tuple(kept)


def _is_nudge(event: Event, after: Event, fps: int) -> bool:
    """Whether a thing is only moved a little by the fingers that close on it."""
    grasped = after.kind == "hold" and after.thing == event.thing
    soon = after.start - event.stop <= _GAP_S * fps
    return grasped and soon and event.moved_m < _NUDGE_M


def half_of(track: Track, name: str) -> Array:
    """(3,) half extents of a thing; without any, those of a small one."""
    half = track.half_m.get(name)
    return np.full(3, 0.02) if half is None or not half.any() else half


def _gap(track: Track, hand: int, name: str) -> Array:
    """(T,) distance in m of a tool from a thing's box."""
    place = pose_relative(track.objects[name], track.tool[:, hand])[:, :3]
    return np.asarray(np.linalg.norm(np.maximum(np.abs(place) - half_of(track, name), 0.0), axis=1))


def _nearest_hand(track: Track, name: str, start: int, stop: int) -> int:
    if not track.tool.shape[1]:
        return -1
    gaps = [float(_gap(track, h, name)[start:stop].min()) for h in range(track.tool.shape[1])]
    return int(np.argmin(gaps))


def _goes_down(track: Track, hand: int, start: int, stop: int) -> bool:
    if hand < 0:
        return False
    way = track.tool[stop - 1, hand, :3] - track.tool[max(start - 1, 0), hand, :3]
    return bool(-way[2] > np.hypot(way[0], way[1]))


def _moves(pose: Array) -> NDArray[np.bool_]:
    """(T,) whether a thing is under way at a frame."""
    step = np.linalg.norm(np.diff(pose[:, :3], axis=0), axis=1)
    return np.concatenate([[False], step > STEP_M])


def _farthest(pose: Array) -> float:
    return float(np.linalg.norm(pose[:, :3] - pose[0, :3], axis=1).max())


def _spans(true: NDArray[np.bool_], fps: int, gap_s: float) -> list[tuple[int, int]]:
    """Runs of True, those nearer than `gap_s` joined."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(int)))
    out: list[tuple[int, int]] = []
    for start, stop in edges.reshape(-1, 2).tolist():
        if out and start - out[-1][1] <= gap_s * fps:
            out[-1] = (out[-1][0], stop)
        else:
            out.append((start, stop))
    return out
