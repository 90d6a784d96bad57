"""Facts out of poses, sizes and the gripper's opening alone: no contacts, no simulator.

They are rougher than recorded ones, and what cannot be seen so (what hides inside a fixture) is
told by where things come to rest. Legend: `T` frames, `h` hands, `g` grippers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import DEFAULT_HAND, Atom
from kata.datasets.types.pose import quat_matrix

from .tracks import Track

Bools = NDArray[np.bool_]
Types = Mapping[str, frozenset[str]]

_PINCH_M, _NEAR_TOOL_M, _LIFTED_M = 0.004, 0.012, 0.008
_REST_M, _EDGE_M, _STILL_M = 0.006, 0.01, 0.0015
_FLOOR_M, _INSIDE_M = 0.02, 0.13
_OPEN_FROM, _CLOSED_TO, _PRESSED_FROM = 0.8, 0.06, 0.8
_NEAR_GAP_M = 0.04
_MOVED_M, _SLID = 0.02, 0.3


def behaviour_types(tracks: Sequence[Track]) -> dict[str, frozenset[str]]:
    """Tags of things that have none: what moves by itself is an object, what slides opens.

    What springs in and stays is a button; anything else holds things up. A thing counts in those
    demonstrations in which it was seen.
    """
    found: dict[str, frozenset[str]] = {}
    for name in dict.fromkeys(name for track in tracks for name in track.objects):
        there = [track for track in tracks if name in track.objects]
        slides = max(float(np.ptp(t.articulation[name])) for t in there)
        moves = max(float(np.ptp(t.objects[name][:, :3], axis=0).max()) for t in there)
        if slides > _SLID and moves > _MOVED_M:
            tags = {"fixture", "container", "openable"}
        elif slides > _SLID:
            tags = {"fixture", "button"}
        elif moves > _MOVED_M:
            tags = {"object", "support", "cube"}
        else:
            tags = {"surface", "support"}
        found[name] = frozenset(tags)
    return found


def reach_of(tracks: Sequence[Track]) -> float:
    """How far from the robot's base, in m, a tool ever was; with a little more."""
    return max(float(np.hypot(t.tool[..., 0], t.tool[..., 1]).max()) for t in tracks) + 0.05


def facts_of(
    track: Track, types: Types, reach_m: float
) -> tuple[tuple[Atom, ...], NDArray[np.int8]]:
    """Atoms (M) and their truth (T, M) in a demonstration.

    `reach_m` is how far from its base the robot reaches.
    """
    scene = _Scene(track, types)
    found: dict[Atom, Bools] = {}
    hands = track.hands[: track.opening.shape[1]] or (DEFAULT_HAND,)
    held = {name: np.zeros(len(track), dtype=bool) for name in scene.objects}
    for k, hand in enumerate(hands):
        pinched = {name: scene.pinched(name, k) for name in scene.objects}
        lifted = {name: pinched[name] & ~scene.resting(name) for name in scene.objects}
        for name in scene.objects:
            found[Atom("holding", (hand, name))] = lifted[name]
            held[name] |= pinched[name]
        found[Atom("gripper_empty", (hand,))] = ~np.any([~scene.always, *pinched.values()], axis=0)
    found |= _places(scene, held)
    found |= _states(scene)
    for name in scene.objects:
        covers = [v for a, v in found.items() if a.predicate == "on" and a.arguments[1] == name]
        found[Atom("clear", (name,))] = ~np.any(covers, axis=0) if covers else scene.always
    if len(hands) == 1:
        # The world frame is at the base; of several arms it does not say where each stands.
        for name in scene.names:
            if name != scene.lowest:
                far = np.hypot(*scene.pose[name][:, :2].T)
                found[Atom("reachable", (hands[0], name))] = far <= reach_m
    atoms = tuple(sorted(found))
    return atoms, np.stack([found[atom] for atom in atoms], axis=1).astype(np.int8)


class _Scene:
    """One track with its things by their tags, and what the rules share."""

    def __init__(self, track: Track, types: Types) -> None:
        self.track, self.types = track, types
        self.names = tuple(track.objects)
        self.pose, self.half = track.objects, track.half_m
        self.always = np.ones(len(track), dtype=bool)
        self.objects = self.tagged("object")
        self.surfaces = self.tagged("surface")
        tops = {name: float(np.median(self.pose[name][:, 2])) for name in self.surfaces}
        self.lowest = min(tops, key=lambda name: tops[name], default="")
        self.tall = {
            name: (np.abs(quat_matrix(self.pose[name][:, 3:])[:, 2]) * self.half[name]).sum(axis=1)
            for name in self.objects
        }
        self.on: dict[tuple[str, str], Bools] = {
            (name, support): self._on(name, support)
            for name in self.objects
            for support in (*self.objects, *self.surfaces)
            if support != name
        }

    def tagged(self, tag: str) -> tuple[str, ...]:
        return tuple(name for name in self.names if tag in self.types.get(name, ()))

    def pinched(self, name: str, hand: int) -> Bools:
        """The gripper is as wide as the thing, about it."""
        track = self.track
        apart = np.linalg.norm(track.tool[:, hand, :3] - self.pose[name][:, :3], axis=1)
        opening = track.opening[:, hand]
        wide = np.abs(opening[:, None] - 2.0 * self.half[name][None, :]).min(axis=1)
        near = apart < self.half[name].max() + _NEAR_TOOL_M
        return np.asarray(near & (wide < _PINCH_M))

    def resting(self, name: str) -> Bools:
        """It stands on something that can be seen, or has hardly left it."""
        under = [rests for (thing, _), rests in self.on.items() if thing == name]
        bottom = self.pose[name][:, 2] - self.tall[name]
        first = float(bottom[0])
        low = (np.abs(bottom - first) < _LIFTED_M) & self.slow(name)
        low &= not any(self.pinched(name, k)[0] for k in range(self.track.opening.shape[1]))
        return np.asarray(np.any(under, axis=0) | low if under else low)

    def slow(self, name: str) -> Bools:
        """It hardly moves from one frame to the next."""
        step = np.diff(self.pose[name][:, :3], axis=0, prepend=self.pose[name][:1, :3])
        return np.asarray(np.linalg.norm(step, axis=1) < _STILL_M)

    def _on(self, name: str, support: str) -> Bools:
        pose, under = self.pose[name], self.pose[support]
        surface = support in self.surfaces
        top = under[:, 2] + (0.0 if surface else self.tall[support])
        level = np.abs(pose[:, 2] - self.tall[name] - top) < _REST_M
        apart = np.abs(pose[:, :2] - under[:, :2])
        if not surface:
            over = np.hypot(*apart.T) < self.half[support][:2].min()
        elif support == self.lowest:
            over = self.always
        else:
            over = (apart < self.half[support][:2] + _EDGE_M).all(axis=1)
        return np.asarray(level & over)


def _places(scene: _Scene, held: Mapping[str, Bools]) -> dict[Atom, Bools]:
    """Where each thing is: on, in and near."""
    found: dict[Atom, Bools] = {Atom("on", pair): rests for pair, rests in scene.on.items()}
    containers = scene.tagged("container")
    for name in scene.objects:
        bottom = scene.pose[name][:, 2] - scene.tall[name]
        loose = scene.slow(name) & ~held[name]
        loose &= ~np.any([r for (a, _), r in scene.on.items() if a == name], axis=0)
        spots = {c: scene.track.spots.get(c, scene.pose[c][:, :3]) for c in containers}
        apart = {
            c: np.linalg.norm(scene.pose[name][:, :2] - spot[:, :2], axis=1)
            for c, spot in spots.items()
        }
        for c, spot in spots.items():
            nearest = apart[c] <= np.min([*apart.values()], axis=0)
            floor = np.abs(bottom - spot[:, 2]) < _FLOOR_M
            found[Atom("in", (name, c))] = _kept(
                loose & nearest & floor & (apart[c] < _INSIDE_M), held[name]
            )
    for a in scene.objects:
        for b in scene.objects:
            if a != b:
                gap = np.linalg.norm(scene.pose[a][:, :3] - scene.pose[b][:, :3], axis=1)
                gap -= scene.half[a][:2].min() + scene.half[b][:2].min()
                found[Atom("near", (a, b))] = gap < _NEAR_GAP_M
    return found


def _kept(seen: Bools, held: Bools) -> Bools:
    """What lies in a container stays in it, also while that moves, until it is taken."""
    out, now = np.zeros_like(seen), False
    for t in range(len(seen)):
        now = (now or bool(seen[t])) and not held[t]
        out[t] = now
    return out


def _states(scene: _Scene) -> dict[Atom, Bools]:
    """What is open, closed and pressed."""
    found: dict[Atom, Bools] = {}
    for name in scene.tagged("container"):
        slide = scene.track.articulation[name]
        opens = "openable" in scene.types[name]
        found[Atom("open", (name,))] = slide > _OPEN_FROM if opens else scene.always
        found[Atom("closed", (name,))] = slide < _CLOSED_TO if opens else ~scene.always
    for name in scene.tagged("button"):
        pressed = scene.track.articulation[name] > _PRESSED_FROM
        found[Atom("pressed", (name,))] = np.maximum.accumulate(pressed)
    return found
