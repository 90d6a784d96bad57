"""What earlier skills may leave behind: kinds of starts from which a skill may well fail.

A perturbed start is one of a task's kinds, drawn by share. The kinds are what chains of skills
really leave, and stronger: the hand low beside things, its gripper half closed, the wrist turned
far, an arm that still moves, things pushed together, put away, out at the edge or against
furniture, a thing that sits crooked in the hand. Shares were chosen so that the default skills fail
on 30 to 70 % of the starts. Frame: as `arm`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from kata.datasets.types import Array, Pose
from kata.datasets.types.pose import quat_yaw, yaw_quat

from ..world import TableWorld

Share = tuple[str, float]

_SOME: tuple[Share, ...] = (("anywhere", 1.0),)
SHARES: Mapping[str, tuple[Share, ...]] = MappingProxyType(
    {
        "pick": (("anywhere", 0.2), ("crowded", 0.35), ("elsewhere", 0.3), ("far", 0.15)),
        "place": (("anywhere", 0.2), ("crooked", 0.4), ("grasp", 0.4)),
        "place_in": (("anywhere", 0.2), ("crooked", 0.4), ("grasp", 0.4)),
        "stack": (("anywhere", 0.35), ("crooked", 0.15), ("grasp", 0.2), ("far", 0.3)),
        "push": (
            ("anywhere", 0.1),
            ("crooked", 0.2),
            ("crowded", 0.2),
            ("far", 0.25),
            ("walled", 0.25),
        ),
        "open": (("anywhere", 0.75), ("moving", 0.25)),
        "close": (("anywhere", 0.8), ("moving", 0.2)),
        "press": (("anywhere", 0.4), ("crooked", 0.1), ("aside", 0.5)),
    }
)
"""Kinds of a task's perturbed starts, and how often each is drawn."""

_DRAWS = 100
_FACES = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def kind_of(task: str, rng: np.random.Generator) -> str:
    """A kind at random; `anywhere` for a task that has no others."""
    shares = SHARES.get(task, _SOME)
    weights = np.array([share for _, share in shares])
    return shares[int(rng.choice(len(shares), p=weights / weights.sum()))][0]


def crowd(world: TableWorld, rng: np.random.Generator, name: str, sides: int) -> None:
    """Put other objects against so many neighbouring faces of an object, a few mm to cm away."""
    poses = {n: e.pose for n, e in world.observe().entities.items()}
    others = [e.name for e in world.entities if "object" in e.tags and e.name != name]
    chosen = rng.permutation(others)[: min(sides, len(others))].tolist()
    first = int(rng.integers(4))
    for k, other in enumerate(chosen):
        half, own = (_half(world, n) for n in (name, other))
        yaw = float(quat_yaw(poses[name].quaternion))
        away = half[0] + own[0] + rng.uniform(0.002, 0.03)
        side = rng.normal(0.0, 0.006)
        face = _FACES[(first + k) % 4]
        way = face * away + face[::-1] * side
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        place = np.array([*(poses[name].position[:2] + turn @ way), poses[name].position[2]])
        world.set_object(other, Pose(place, yaw_quat(yaw + rng.normal(0.0, 0.15))))


def wall(world: TableWorld, rng: np.random.Generator, name: str, other: str) -> None:
    """Put an object close to a piece of furniture, and the other one on its far side from there."""
    poses = {n: e.pose.position for n, e in world.observe().entities.items()}
    entities = [e for e in world.entities if e.name != world.config.table.name]
    rest = [poses[e.name] for e in entities if "object" in e.tags and e.name not in (name, other)]
    walls = [
        e
        for e in entities
        if {"container", "surface"} & set(e.tags) and not {"openable", "object"} & set(e.tags)
    ]
    low, high = (np.array(world.config.area[k::2]) for k in (0, 1))
    for _ in range(_DRAWS if walls else 0):
        piece = walls[int(rng.integers(len(walls)))]
        centre, half = poses[piece.name], _half(world, piece.name)
        way = rng.uniform(low, high) - centre[:2]
        way /= np.linalg.norm(way)
        out = (half[:2] / np.maximum(np.abs(way), 1e-6)).min()
        first = centre[:2] + way * (out + 1.3 * _half(world, name)[0] + rng.uniform(0.002, 0.02))
        last = first + way * rng.uniform(0.12, 0.28)
        if all(np.hypot(*(spot - p[:2])) > 0.06 for p in rest for spot in (first, last)):
            for thing, spot in ((name, first), (other, last)):
                place = np.array([*spot, _half(world, thing)[2]])
                world.set_object(thing, Pose(place, yaw_quat(rng.uniform(-np.pi, np.pi))))
            return


def put_away(world: TableWorld, rng: np.random.Generator, name: str) -> None:
    """Put an object where a skill puts things: in a container, on a shelf, on another object."""
    entities = {e.name: e for e in world.entities}
    homes = [n for n, e in entities.items() if {"container", "surface"} & set(e.tags)]
    homes += [n for n, e in entities.items() if "cube" in e.tags and n != name]
    homes = [n for n in homes if n != world.config.table.name]
    if not homes:
        return
    home = homes[int(rng.integers(len(homes)))]
    if "openable" in entities[home].tags:
        world.set_opening(home, rng.uniform(0.85, 1.0))
    seen = world.observe().entities[home]
    spot = seen.spot.copy()
    if "cube" in entities[home].tags:
        spot = seen.pose.position + np.array([0.0, 0.0, _half(world, home)[2]])
    place = spot + np.array([*rng.normal(0.0, 0.006, 2), _half(world, name)[2] + 0.001])
    world.set_object(name, Pose(place, yaw_quat(rng.uniform(-np.pi, np.pi))))


def put_far(world: TableWorld, rng: np.random.Generator, name: str, foot: Array) -> None:
    """Put an object to the edge of what the arm reaches, far out or close to its foot (2,)."""
    places = [
        world.observe().entities[e.name].pose.position[:2]
        for e in world.entities
        if e.name not in (name, world.config.table.name)
    ]
    for _ in range(100):
        far = rng.uniform(0.62, 0.82) if rng.random() < 0.7 else rng.uniform(0.22, 0.32)
        angle = rng.uniform(-0.6, 0.6)
        spot = foot + far * np.array([np.cos(angle), np.sin(angle)])
        if all(np.hypot(*(spot - other)) > 0.07 for other in places):
            place = np.array([*spot, _half(world, name)[2]])
            world.set_object(name, Pose(place, yaw_quat(rng.uniform(-np.pi, np.pi))))
            return


def _half(world: TableWorld, name: str) -> Array:
    return np.array(next(e.half for e in world.entities if e.name == name))
