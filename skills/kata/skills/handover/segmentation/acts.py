"""From events to acts: one act is what a skill does, such as to take a thing or to put it down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kata.datasets.types.pose import pose_relative

from .events import FAR_M, Event, half_of
from .tracks import Track

_SPOT_M, _DROP_M = 0.05, 0.008
_NEXT_TO_M = 0.06


@dataclass(frozen=True, slots=True)
class Act:
    """One thing done, between the frames `start` and `stop` in which it shows.

    Attributes:
        what: in words, the same for all acts of one kind.
        objects: the thing, and where it goes or what it goes to, if that is anywhere.
        roles: what each of them is in it.
        hand: index; -1 for none.
        fall_m: how far the thing falls when it is let go.
        down: whether the tool goes down rather than sideways meanwhile.
    """

    what: str
    start: int
    stop: int
    objects: tuple[str, ...]
    roles: tuple[str, ...]
    hand: int
    fall_m: float = 0.0
    down: bool = False


def movable(tracks: Sequence[Track]) -> frozenset[str]:
    """Things that end an episode elsewhere than they began it, in any track."""
    return frozenset(
        name
        for track in tracks
        for name, pose in track.objects.items()
        if name not in slides_of(track)
        and float(np.linalg.norm(pose[-1, :3] - pose[0, :3])) > FAR_M
    )


def slides_of(track: Track) -> frozenset[str]:
    """Things that open, close or are pressed in a track."""
    return frozenset(n for n, share in track.articulation.items() if np.ptp(share) > 0.05)


def acts(track: Track, events: Sequence[Event], movable: Collection[str]) -> tuple[Act, ...]:
    """What is done in a track, in order; a hold is two acts, its start and its end."""
    out: list[Act] = []
    for event in events:
        if event.kind == "hold":
            out += _taken_and_put(track, event, movable)
        elif event.kind == "slide":
            what = "slide out" if event.way > 0 else "slide back"
            out.append(_act(what, event, (event.thing,), ("moved",), event.down))
        else:
            beside = _beside(track, event)
            objects = (event.thing, *beside)
            out.append(_act("shove", event, objects, ("moved", "target")[: len(objects)]))
    return tuple(sorted(out, key=lambda act: (act.stop, act.start)))


def _act(
    what: str,
    event: Event,
    objects: tuple[str, ...],
    roles: tuple[str, ...],
    down: bool = False,
) -> Act:
    return Act(what, event.start, event.stop, objects, roles, event.hand, 0.0, down)


def _taken_and_put(track: Track, event: Event, movable: Collection[str]) -> list[Act]:
    out = []
    if event.start > 0:
        out.append(
            Act("take", event.start, event.start + 1, (event.thing,), ("moved",), event.hand)
        )
    if event.stop < len(track):
        where = _receiver(track, event)
        what = "let go"
        if where:
            what = "put on a loose thing" if where[0] in movable else "put"
        roles = ("moved", "onto")[: 1 + len(where)]
        objects = (event.thing, *where)
        fell = _fall(track, event)
        out.append(Act(what, event.stop - 1, event.stop, objects, roles, event.hand, fell))
    return out


def _receiver(track: Track, event: Event) -> tuple[str, ...]:
    """What a thing came to rest in or on: whose free spot it took, else what is under it."""
    before = event.stop - 1
    rest = track.objects[event.thing][_at_rest(track, event)]
    low = rest[:3] - [0.0, 0.0, float(half_of(track, event.thing).min())]
    others = [name for name in track.objects if name != event.thing]
    away = {
        name: float(np.linalg.norm(track.spots[name][before] - low))
        for name in others
        if name in track.spots
    }
    near = min(away, key=lambda name: (away[name], name), default="")
    if near and away[near] < _SPOT_M:
        return (near,)
    under = {}
    for name in others:
        place = pose_relative(track.objects[name][before], rest)[:3]
        half = half_of(track, name)
        if (np.abs(place[:2]) < half[:2]).all() and place[2] > 0.0:
            under[name] = float(place[2])
    return (min(under, key=lambda name: (under[name], name)),) if under else ()


def _at_rest(track: Track, event: Event) -> int:
    return min(event.stop + round(0.3 * track.fps), len(track) - 1)


def _fall(track: Track, event: Event) -> float:
    """How far in m a thing falls when it is let go."""
    height = track.objects[event.thing][:, 2]
    return float(height[event.stop - 1] - height[_at_rest(track, event)])


def told_apart(found: Sequence[Sequence[Act]]) -> list[tuple[Act, ...]]:
    """Acts named by what is usual over all episodes, since one may be clumsy.

    A thing that is mostly pushed down as it slides is pressed; what things mostly fall into is no
    surface that they are set on; and where shoves mostly end next to a thing, those that do not
    were bumps.
    """
    every = [act for acts in found for act in acts]
    deep = _mostly((a.objects[1], a.fall_m > _DROP_M) for a in every if a.what == "put")
    pressed = _mostly((a.objects[0], a.down) for a in every if a.what == "slide out")
    aimed = _mostly(("", len(a.objects) > 1) for a in every if a.what == "shove")

    def named(act: Act) -> Act | None:
        if act.what == "put" and act.objects[1] in deep:
            return replace(act, what="drop in", roles=("moved", "into"))
        if act.what == "slide out" and act.objects[0] in pressed:
            return replace(act, what="press")
        return None if act.what == "shove" and aimed and len(act.objects) < 2 else act

    return [tuple(a for a in map(named, acts) if a is not None) for acts in found]


def _mostly(votes: Iterable[tuple[str, bool]]) -> frozenset[str]:
    """Names with more votes for than against."""
    count: Counter[str] = Counter()
    for name, vote in votes:
        count[name] += 1 if vote else -1
    return frozenset(name for name, balance in count.items() if balance > 0)


def _beside(track: Track, event: Event) -> tuple[str, ...]:
    """The thing that a shoved one ends next to and not above; none if there is none so near."""
    at = min(event.stop, len(track) - 1)
    thing = track.objects[event.thing][at]
    gaps: dict[str, float] = {}
    for name in track.objects:
        away = np.abs(track.objects[name][at, :2] - thing[:2])
        flat = half_of(track, name)[:2]
        if name != event.thing and not (away < flat).all():
            gaps[name] = float(np.linalg.norm(away)) - float(flat.min())
    if not gaps:
        return ()
    nearest = min(gaps, key=lambda name: (gaps[name], name))
    reach = _NEXT_TO_M + float(half_of(track, event.thing)[:2].max())
    return (nearest,) if gaps[nearest] < reach else ()
