"""One rule a predicate: its margin over all its atoms at once, in units of its hysteresis.

A margin beyond +1 turns an atom true, below -1 false; between them it stays as it is. Contacts are
yes or no and count +-CONTACT. Legend: `A` atoms of one predicate, `N` entities, `U` objects.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types.pose import Array, quat_matrix
from kata.sim.scene.view import SceneView

Index = NDArray[np.intp]

CONTACT = 2.0
CERTAIN = 10.0
"""Greatest margin; also that of what can never change, such as a bin being open."""

REST_GAP_M, REST_HYSTERESIS_M = 0.005, 0.0015
EDGE_HYSTERESIS_M = 0.003
PINCH_SLACK_M, PINCH_HYSTERESIS_M, HANDLE_M = 0.006, 0.002, 0.02
MIN_OPENING_M, OPENING_HYSTERESIS_M = 0.004, 0.001
OPEN_FROM, CLOSED_TO, SLIDE_HYSTERESIS = 0.80, 0.06, 0.03
REACH_M, REACH_HEIGHT_M, REACH_HYSTERESIS_M = (0.22, 0.76), (-0.05, 0.45), 0.01
NEAR_GAP_M, NEAR_HYSTERESIS_M = 0.04, 0.005
UPRIGHT_RAD, UPRIGHT_HYSTERESIS_RAD = np.radians(15.0), np.radians(2.5)


@dataclass(frozen=True, slots=True)
class Atoms:
    """The atoms of one predicate as rows of the view.

    Attributes:
        first, second: (A,) rows of the arguments that are entities, in order; -1 where none.
        hands: name of each atom's hand, "" where it has none.
        names: of the entities by row.
        objects: (U,) rows of everything that can be carried.
        handles: (V,) rows of everything that opens.
        patch: indices of the atoms whose second argument has a fixed top patch.
        pairs: rows (A * U,) of every object with every first argument, for what covers it.
        openable: (N,) True for what has a lid or slides.
    """

    first: Index
    second: Index
    hands: tuple[str, ...]
    names: tuple[str, ...]
    objects: Index
    handles: Index
    patch: Index
    pairs: tuple[Index, Index]
    openable: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Geometry:
    """What several rules need of a view, computed once.

    Attributes:
        tall: (N,) m, half the height of each entity's bounding box as it lies.
        tilt_cos: (N,) cosine of the angle between an entity's z axis and the vertical.
        smallest: (N,) m, least horizontal half extent.
        largest: (N,) m, greatest half extent.
        region_axes: (N, 3, 3) axes of each entity's region, as columns; NaN where it has none.
    """

    view: SceneView
    tall: Array
    tilt_cos: Array
    smallest: Array
    largest: Array
    region_axes: Array

    @classmethod
    def of(cls, view: SceneView) -> Geometry:
        """Derive the shared quantities of a view."""
        up, half = quat_matrix(view.poses[:, 3:])[:, 2], view.half
        tall = (np.abs(up) * half).sum(axis=1)
        smallest = np.minimum(half[:, 0], half[:, 1])
        axes = _region_axes(view.region_pose[:, 3:].tobytes())
        return cls(view, tall, up[:, 2], smallest, half.max(axis=1), axes)


@functools.lru_cache(maxsize=64)
def _region_axes(quaternions: bytes) -> Array:
    """(N, 3, 3) of quaternions (N, 4) as bytes: regions slide but hardly ever turn."""
    return quat_matrix(np.frombuffer(quaternions).reshape(-1, 4))


Rule = Callable[[Geometry, Atoms], Array]


def on(geometry: Geometry, atoms: Atoms) -> Array:
    """Rests on: its lower side within a tiny gap of the top, its centre over the top.

    The top is a surface's patch, or for an object the circle that fits in its footprint.
    """
    out = _rests(geometry, atoms.first, atoms.second)
    patch = atoms.patch
    if not len(patch):
        return out
    view, thing, surface = geometry.view, atoms.first[patch], atoms.second[patch]
    room = view.region_half[surface] - _offsets(geometry, thing, surface)
    gap = view.poses[thing, 2] - geometry.tall[thing] - view.region_pose[surface, 2]
    out[patch] = _on_top(gap, np.minimum(room[:, 0], room[:, 1]))
    return out


def _rests(geometry: Geometry, thing: Index, support: Index) -> Array:
    place, under = geometry.view.poses[thing, :3], geometry.view.poses[support, :3]
    apart = place - under
    over = geometry.smallest[support] - np.hypot(apart[:, 0], apart[:, 1])
    return _on_top(apart[:, 2] - geometry.tall[thing] - geometry.tall[support], over)


def _on_top(gap: Array, over: Array) -> Array:
    rest = (REST_GAP_M - np.abs(gap)) * (1.0 / REST_HYSTERESIS_M)
    return np.asarray(np.minimum(rest, over * (1.0 / EDGE_HYSTERESIS_M)))


def _offsets(geometry: Geometry, thing: Index, place: Index) -> Array:
    """Absolute offsets (A, 3) m of centres from a region's centre, along the region's axes."""
    view = geometry.view
    apart = view.poses[thing, :3] - view.region_pose[place, :3]
    return np.asarray(np.abs((apart[:, None, :] @ geometry.region_axes[place])[:, 0]))


def inside(geometry: Geometry, atoms: Atoms) -> Array:
    """In: its centre within the interior box of the container, be that open or closed."""
    half = geometry.view.region_half[atoms.second]
    room = half - _offsets(geometry, atoms.first, atoms.second)
    return np.asarray(room.min(axis=1) / EDGE_HYSTERESIS_M)


def _pinch(geometry: Geometry, hand: str, row: int, name: str, size_m: float) -> float:
    """How surely a thing of this half size is between both fingers, whatever else it touches."""
    view = geometry.view
    touching = view.touching
    if frozenset((f"{hand}.left", name)) not in touching:
        return -CONTACT
    if frozenset((f"{hand}.right", name)) not in touching:
        return -CONTACT
    tool = view.tools[hand].position
    x, y, z = (view.poses[row, :3] - tool).tolist()
    slack = size_m + PINCH_SLACK_M - (x * x + y * y + z * z) ** 0.5
    return float(
        min(
            CONTACT,
            slack / PINCH_HYSTERESIS_M,
            (view.openings[hand] - MIN_OPENING_M) / OPENING_HYSTERESIS_M,
        )
    )


def holding(geometry: Geometry, atoms: Atoms) -> Array:
    """Holds: pinched between both fingers and in contact with nothing else."""
    names, touching = atoms.names, geometry.view.touching
    out = np.empty(len(atoms.first))
    for i, (hand, row) in enumerate(zip(atoms.hands, atoms.first.tolist(), strict=True)):
        out[i] = _pinch(geometry, hand, row, names[row], float(geometry.largest[row]))
        if out[i] > -CONTACT and any(names[row] in p and not _finger(p) for p in touching):
            out[i] = -CONTACT
    return out


def _finger(pair: frozenset[str]) -> bool:
    return any("." in name for name in pair)


def gripper_empty(geometry: Geometry, atoms: Atoms) -> Array:
    """Holds nothing, neither an object nor a handle; also while it is open around something."""
    out = np.empty(len(atoms.hands))
    sizes = [(row, float(geometry.largest[row])) for row in atoms.objects.tolist()]
    sizes += [(row, HANDLE_M) for row in atoms.handles.tolist()]
    for i, hand in enumerate(atoms.hands):
        pinches = [_pinch(geometry, hand, row, atoms.names[row], size) for row, size in sizes]
        out[i] = -max(pinches, default=-CONTACT)
    return out


def opened(geometry: Geometry, atoms: Atoms) -> Array:
    """Open: slid out far enough to reach in from above; what has no lid is always open."""
    slide = (geometry.view.articulation[atoms.first] - OPEN_FROM) / SLIDE_HYSTERESIS
    return np.where(atoms.openable[atoms.first], slide, CERTAIN)


def closed(geometry: Geometry, atoms: Atoms) -> Array:
    """Closed: slid in; what has no lid is never closed."""
    slide = (CLOSED_TO - geometry.view.articulation[atoms.first]) / SLIDE_HYSTERESIS
    return np.where(atoms.openable[atoms.first], slide, -CERTAIN)


def pressed(geometry: Geometry, atoms: Atoms) -> Array:
    """Pressed: the button went through its travel since the reset; it latches."""
    latched = geometry.view.latched
    return np.array(
        [CONTACT if atoms.names[row] in latched else -CONTACT for row in atoms.first.tolist()]
    )


def clear(geometry: Geometry, atoms: Atoms) -> Array:
    """Clear: no object is on it, by the rule of `on`."""
    above, under = atoms.pairs
    if not len(above):
        return np.full(len(atoms.first), CERTAIN)
    covered = _rests(geometry, above, under)
    covered[above == under] = -CERTAIN
    return np.asarray(-covered.reshape(len(atoms.first), -1).max(axis=1))


def reachable(geometry: Geometry, atoms: Atoms) -> Array:
    """Reachable: within the ring about the arm's base where the tool can come down from above."""
    view = geometry.view
    place = view.poses[atoms.first, :3] - np.array([view.bases[hand] for hand in atoms.hands])
    radius = np.hypot(place[:, 0], place[:, 1])
    room = np.minimum(radius - REACH_M[0], REACH_M[1] - radius)
    height = np.minimum(place[:, 2] - REACH_HEIGHT_M[0], REACH_HEIGHT_M[1] - place[:, 2])
    return np.asarray(np.minimum(room, height) / REACH_HYSTERESIS_M)


def near(geometry: Geometry, atoms: Atoms) -> Array:
    """Near: a gap of less than 4 cm between two objects' inscribed circles, heights included."""
    a, b = atoms.first, atoms.second
    apart = geometry.view.poses[a, :3] - geometry.view.poses[b, :3]
    gap = np.sqrt((apart * apart).sum(axis=1)) - geometry.smallest[a] - geometry.smallest[b]
    return np.asarray((NEAR_GAP_M - gap) / NEAR_HYSTERESIS_M)


def upright(geometry: Geometry, atoms: Atoms) -> Array:
    """Upright: its z axis within 15 degrees of the vertical."""
    tilt = np.arccos(np.clip(geometry.tilt_cos[atoms.first], -1.0, 1.0))
    return np.asarray((UPRIGHT_RAD - tilt) / UPRIGHT_HYSTERESIS_RAD)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "on": on,
        "in": inside,
        "holding": holding,
        "open": opened,
        "closed": closed,
        "pressed": pressed,
        "clear": clear,
        "gripper_empty": gripper_empty,
        "reachable": reachable,
        "near": near,
        "upright": upright,
    }
)
"""Every predicate's rule, by the name that atoms use."""

TOUCH_PREDICATES = frozenset({"holding", "gripper_empty", "pressed"})
"""Predicates that depend on contacts, tools, openings or latches; the others only on where what
is, which hardly ever changes from one frame to the next."""
