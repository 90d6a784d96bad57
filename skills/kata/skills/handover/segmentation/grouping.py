"""Stage 2: phases merged into skills, and skills of all episodes put into groups.

An act (a thing taken, put down, shoved or slid) is what a skill is for. Between two acts the hand
leaves one thing and travels to the next; the skill ends where that journey begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from kata.datasets.types import Array

from .acts import Act, acts, movable, told_apart
from .cuts import NOTHING, Group, Segment, Segmentation, Segmented
from .events import events
from .phases import Phases
from .tracks import Track

_JOURNEY = 0.2
"""Share of the journey's greatest speed at which it has begun."""

_SNAP_S = 0.1
_LEAST_FRAMES = 3


def group(tracks: Sequence[Track], phases: Sequence[Phases], threshold: float) -> Segmentation:
    """The segmentation of tracks whose phases are known.

    A track without poses of a tool and of things, or without a gripper, has phases only.
    """
    missing = tuple(dict.fromkeys(name for track in tracks for name in track.missing))
    left = tuple(track.episode for track in tracks if track.missing)
    seen = [track for track in tracks if not track.missing]
    found = told_apart([acts(track, events(track), movable(seen)) for track in seen])
    kinds = _kinds(found)
    done = {track.episode: each for track, each in zip(seen, found, strict=True)}
    cut = tuple(
        Segmented(t.episode, len(t), p.cuts, tuple(_segments(t, p, done.get(t.episode, ()), kinds)))
        for t, p in zip(tracks, phases, strict=True)
    )
    groups, renumbered = _groups(cut, kinds)
    return Segmentation(renumbered, groups, threshold, missing, left)


Kinds = dict[tuple[str, tuple[str, ...]], int]
"""Index of the group of each kind of act: what is done, and the roles of the things in it."""


def _kinds(found: Sequence[Sequence[Act]]) -> Kinds:
    """Kinds by how often they occur, the most frequent first."""
    count = Counter((act.what, act.roles) for acts in found for act in acts)
    ranked = sorted(count, key=lambda kind: (-count[kind], kind))
    return {kind: index for index, kind in enumerate(ranked)}


def _segments(track: Track, phases: Phases, done: Sequence[Act], kinds: Kinds) -> Iterator[Segment]:
    """Segments of a whole track, one an act; one of `NOTHING` without any."""
    if not done:
        yield Segment(0, len(track), NOTHING)
    start = 0
    for k, act in enumerate(done):
        stop, score = len(track), 1.0
        if k + 1 < len(done):
            stop, score = _end(track, phases, act, done[k + 1])
            stop = max(stop, start + _LEAST_FRAMES)
        # An act so close to the end that no other fits behind it takes all that is left.
        stop = stop if len(track) - stop >= _LEAST_FRAMES else len(track)
        hand = track.hands[act.hand] if 0 <= act.hand < len(track.hands) else ""
        yield Segment(start, stop, kinds[act.what, act.roles], act.objects, hand, score)
        start = stop
        if stop == len(track):
            return


def _end(track: Track, phases: Phases, act: Act, following: Act) -> tuple[int, float]:
    """Where an act's segment ends, and how sure that is: 1 where a phase ends there too."""
    hand = following.hand if following.hand >= 0 else max(act.hand, 0)
    guess = journey(track.tool[:, hand], act.stop, following.start)
    near = [cut for cut in phases.cuts if abs(cut - guess) <= _SNAP_S * track.fps]
    near = [cut for cut in near if cut > act.stop]
    if not near:
        return guess, 0.5
    return min(near, key=lambda cut: (abs(cut - guess), cut)), 1.0


def journey(tool: Array, lo: int, hi: int) -> int:
    """The frame in (lo, hi] at which a tool (T, 7) sets out for where it is at `hi`.

    Hands leave a thing upwards and travel sideways: from the greatest speed sideways, back to
    where it is a small share of that.
    """
    hi = min(hi, len(tool) - 1)
    if hi - lo < 4:
        return min(lo + 1, hi)
    step = tool[2:, :2] - tool[:-2, :2]
    speed = np.concatenate([[0.0], np.linalg.norm(step, axis=1), [0.0]])
    top = at = lo + int(np.argmax(speed[lo:hi]))
    while at > lo and speed[at] > _JOURNEY * speed[top]:
        at -= 1
    return at + 1


def _groups(
    episodes: Sequence[Segmented], kinds: Kinds
) -> tuple[tuple[Group, ...], tuple[Segmented, ...]]:
    """The groups that have a segment, and the episodes with segments that say which is theirs.

    All acts of a kind may have been too close to an end for a segment of their own.
    """
    lengths: dict[int, list[int]] = {index: [] for index in kinds.values()}
    for episode in episodes:
        for segment in episode.segments:
            if segment.group != NOTHING:
                lengths[segment.group].append(segment.stop - segment.start)
    kept = [(kind, lengths[index]) for kind, index in kinds.items() if lengths[index]]
    groups = tuple(
        Group(new, what, roles, len(each), round(float(np.median(each))))
        for new, ((what, roles), each) in enumerate(kept)
    )
    numbers = {kinds[kind]: new for new, (kind, _) in enumerate(kept)} | {NOTHING: NOTHING}
    return groups, tuple(
        replace(
            episode,
            segments=tuple(replace(s, group=numbers[s.group]) for s in episode.segments),
        )
        for episode in episodes
    )
