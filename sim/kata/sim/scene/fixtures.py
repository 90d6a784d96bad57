"""What stands on the table, built into an MjSpec, each with its `EntityDef`.

Contact filter: static things accept objects (bit 1) and robots (bit 2) and collide with
nothing else, so that a drawer slides in its cabinet on the joint alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from kata.datasets.types import Array

from .config import (
    BinConfig,
    ButtonConfig,
    Colour,
    DrawerConfig,
    ObjectConfig,
    ObstacleConfig,
    ShelfConfig,
    TableConfig,
    TableWorldConfig,
)

ACCEPT = 3
"""conaffinity of scene geoms: objects and robots."""

OBSTACLE = "obstacle"
"""Tag of what must not be touched."""

_WALL = 0.004  # half thickness of boards, m
_SOLREF, _SOLIMP = (0.01, 1.0), (0.95, 0.99, 0.001, 0.5, 2.0)
_BOX, _CYLINDER = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER
_NOWHERE = np.full(3, np.nan)


@dataclass(frozen=True, slots=True)
class EntityDef:
    """How an entity of the scene is read from the physics.

    Attributes:
        body: its frame; `members` all bodies whose geoms belong to it.
        region_body, region_centre, region_half: the inside of a container or the top patch of
            a surface, in a body's frame; NaN where there is none.
        spots: (n, 3) in the region body's frame, where objects can be put, best first.
        spot_gap_m: an object whose centre is closer to a spot than this occupies it.
    """

    name: str
    tags: frozenset[str]
    body: str
    half: tuple[float, float, float]
    members: tuple[str, ...] = ()
    symmetry: int = 1
    joint: str = ""
    travel_m: float = 0.0
    region_body: str = ""
    region_centre: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    region_half: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    spots: tuple[tuple[float, float, float], ...] = ()
    spot_gap_m: float = 0.05


def add_board(
    body: mujoco.MjsBody,
    position: tuple[float, float, float],
    half: tuple[float, float, float],
    colour: Colour,
    *,
    friction: float = 0.8,
) -> None:
    """Add one solid box in the body's frame."""
    body.add_geom(
        type=_BOX, pos=position, size=half, rgba=colour, contype=0, conaffinity=ACCEPT,
        friction=(friction, 0.01, 0.0001), solref=_SOLREF, solimp=_SOLIMP, mass=0.05,
    )  # fmt: skip


def _turned(yaw_rad: float) -> tuple[float, float, float, float]:
    return (float(np.cos(yaw_rad / 2)), 0.0, 0.0, float(np.sin(yaw_rad / 2)))


def add_object(spec: mujoco.MjSpec, config: ObjectConfig) -> EntityDef:
    """A cube with a free joint."""
    body = spec.worldbody.add_body(name=config.name, pos=(0, 0, config.half_m[2]))
    body.add_freejoint(name=config.name)
    body.add_geom(
        type=_BOX, size=config.half_m, rgba=config.colour, mass=config.mass_kg, contype=1,
        conaffinity=ACCEPT, friction=(config.friction, 0.01, 0.0001), solref=_SOLREF,
        solimp=_SOLIMP, condim=4,
    )  # fmt: skip
    square = abs(config.half_m[0] - config.half_m[1]) < 1e-9
    return EntityDef(
        config.name, frozenset({"cube", "object", "support"}), config.name, config.half_m,
        (config.name,), symmetry=4 if square else 2,
    )  # fmt: skip


def add_table(spec: mujoco.MjSpec, config: TableConfig, world: TableWorldConfig) -> EntityDef:
    """The table top; its frame is the world's, its patch the objects' area."""
    body = spec.worldbody.add_body(name=config.name)
    hx, hy = config.half_m
    cx, cy = config.centre
    # One plane carries the objects: cheaper and steadier than a box; the board is its looks.
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_PLANE, size=(hx, hy, 0.01), pos=(cx, cy, 0), contype=0,
        conaffinity=ACCEPT, friction=(config.friction, 0.01, 0.0001), solref=_SOLREF,
        solimp=_SOLIMP, group=3,
    )  # fmt: skip
    look = {"contype": 0, "conaffinity": 0, "mass": 0.0}
    body.add_geom(type=_BOX, pos=(cx, cy, -0.0155), size=(hx, hy, 0.015), material="table", **look)
    for x in (cx - hx + 0.05, cx + hx - 0.05):
        for y in (cy - hy + 0.05, cy + hy - 0.05):
            body.add_geom(type=_BOX, pos=(x, y, -0.375), size=(0.03, 0.03, 0.345),
                          rgba=(0.25, 0.26, 0.28, 1), **look)  # fmt: skip
    x0, x1, y0, y1 = world.area
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    xs, ys = np.arange(x0 + 0.03, x1, 0.08), np.arange(y0 + 0.04, y1, 0.08)
    grid = np.array([(x, y) for x in xs for y in ys] or [(centre[0], centre[1])])
    order = np.argsort(np.abs(grid - centre).sum(axis=1), kind="stable")
    return EntityDef(
        config.name, frozenset({"support", "surface"}), config.name, (hx, hy, 0.015),
        (config.name,), region_body=config.name, region_centre=(cx, cy, 0.0),
        region_half=(hx, hy, 0.0), spots=tuple((float(x), float(y), 0.0) for x, y in grid[order]),
        spot_gap_m=0.08,
    )  # fmt: skip


def add_drawer(spec: mujoco.MjSpec, config: DrawerConfig) -> EntityDef:
    """A cabinet whose drawer slides along the cabinet's -y; the entity's frame is the handle."""
    name, (ix, iy), w = config.name, config.inside_half_m, _WALL
    cabinet = spec.worldbody.add_body(
        name=f"{name}_cabinet", pos=config.position, quat=_turned(config.yaw_rad)
    )
    depth, top = iy + 4 * w, config.front_height_m + 0.002
    outer = ix + 5 * w
    for position, half in (
        ((0, depth, top + w), (outer, depth, w)),
        ((-outer + w, depth, top / 2), (w, depth, top / 2)),
        ((outer - w, depth, top / 2), (w, depth, top / 2)),
        ((0, 2 * depth - w, top / 2), (outer, w, top / 2)),
    ):
        add_board(cabinet, position, half, config.colour)
    tray = cabinet.add_body(name=f"{name}_tray", pos=(0, w, 0.006))
    tray.add_joint(
        name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=(0, -1, 0), range=(0, config.travel_m),
        limited=mujoco.mjtLimited.mjLIMITED_TRUE, damping=config.damping,
        frictionloss=config.friction_n, armature=0.3, solref_limit=_SOLREF,
    )  # fmt: skip
    height = config.wall_height_m
    for position, half in (
        ((0, w + iy, w), (ix + 2 * w, iy + 2 * w, w)),
        (
            (0, 0, (config.front_height_m - 0.006) / 2),
            (outer, w, (config.front_height_m - 0.006) / 2),
        ),
        ((0, 2 * (iy + w), height / 2), (ix + 2 * w, w, height / 2)),
        ((-ix - w, w + iy, height / 2), (w, iy, height / 2)),
        ((ix + w, w + iy, height / 2), (w, iy, height / 2)),
    ):
        colour = config.front_colour if position[:2] == (0, 0) else config.colour
        add_board(tray, position, half, colour)
    gap, length = config.handle_gap_m, config.handle_half_m
    handle = tray.add_body(name=f"{name}_handle", pos=(0, -gap, config.handle_height_m - 0.006))
    dark = (0.16, 0.17, 0.19, 1.0)
    add_board(handle, (0, 0, 0), (length, 0.006, 0.006), dark, friction=1.2)
    for end in (-1, 1):
        add_board(handle, (end * (length - 0.005), gap / 2, 0), (0.005, gap / 2, 0.005), dark)
    floor = 2 * w
    return EntityDef(
        name, frozenset({"container", "openable", "fixture"}), f"{name}_handle",
        (length, 0.006, 0.006), (f"{name}_cabinet", f"{name}_tray", f"{name}_handle"),
        joint=name, travel_m=config.travel_m, region_body=f"{name}_tray",
        region_centre=(0.0, w + iy, floor + height / 2), region_half=(ix, iy, height / 2),
        spots=tuple((sx * 0.055, w + iy + sy * 0.036, floor)
                    for sy in (-1, 1) for sx in (-1, 1)),
    )  # fmt: skip


def add_bin(spec: mujoco.MjSpec, config: BinConfig) -> EntityDef:
    """An open box; the entity's frame is the centre of its floor."""
    (ix, iy), w, high = config.inside_half_m, _WALL, config.height_m / 2
    body = spec.worldbody.add_body(
        name=config.name,
        pos=np.add(config.position, (0, 0, 2 * w)),
        quat=_turned(config.yaw_rad),
    )
    for position, half in (
        ((0, 0, -w), (ix + 2 * w, iy + 2 * w, w)),
        ((-ix - w, 0, high - w), (w, iy + 2 * w, high - w)),
        ((ix + w, 0, high - w), (w, iy + 2 * w, high - w)),
        ((0, -iy - w, high - w), (ix, w, high - w)),
        ((0, iy + w, high - w), (ix, w, high - w)),
    ):
        add_board(body, position, half, config.colour)
    inside = high - w
    return EntityDef(
        config.name, frozenset({"container", "fixture"}), config.name, (ix, iy, inside),
        (config.name,), region_body=config.name, region_centre=(0.0, 0.0, inside),
        region_half=(ix, iy, inside),
        spots=tuple((sx * 0.042, sy * 0.042, 0.0) for sy in (1, -1) for sx in (1, -1)),
    )  # fmt: skip


def add_button(spec: mujoco.MjSpec, config: ButtonConfig) -> EntityDef:
    """A cap on a spring in a housing; the entity's frame is the cap's top."""
    name, high = config.name, 0.030
    housing = spec.worldbody.add_body(
        name=f"{name}_housing", pos=config.position, quat=_turned(config.yaw_rad)
    )
    add_board(housing, (0, 0, high / 2), (0.040, 0.040, high / 2), (0.93, 0.76, 0.16, 1.0))
    cap = housing.add_body(name=name, pos=(0, 0, high + config.travel_m + 0.010))
    cap.add_joint(
        name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=(0, 0, -1), range=(0, config.travel_m),
        limited=mujoco.mjtLimited.mjLIMITED_TRUE, stiffness=config.spring_n_m, springref=0.0,
        damping=4.0, armature=0.02, solref_limit=_SOLREF,
    )  # fmt: skip
    cap.gravcomp = 1.0
    half = config.travel_m / 2 + 0.008
    cap.add_geom(
        type=_CYLINDER, size=(0.026, half, 0), pos=(0, 0, -half), rgba=config.colour, contype=0,
        conaffinity=ACCEPT, mass=0.03, solref=_SOLREF, solimp=_SOLIMP,
    )  # fmt: skip
    # The latch: switched on by the world when the cap reaches the end of its travel.
    spec.add_equality(
        name=f"{name}_latch", type=mujoco.mjtEq.mjEQ_JOINT, objtype=mujoco.mjtObj.mjOBJ_JOINT,
        name1=name, active=False, data=[config.travel_m, *(0.0,) * 10], solref=_SOLREF,
    )  # fmt: skip
    return EntityDef(
        name, frozenset({"button", "fixture"}), name, (0.026, 0.026, half),
        (f"{name}_housing", name), joint=name, travel_m=config.travel_m,
    )  # fmt: skip


def add_shelf(spec: mujoco.MjSpec, config: ShelfConfig) -> EntityDef:
    """A board on two sides; the entity's frame is the centre of its top."""
    (hx, hy), w, z = config.half_m, 0.006, config.height_m
    body = spec.worldbody.add_body(
        name=config.name,
        pos=np.add(config.position, (0, 0, z)),
        quat=_turned(config.yaw_rad),
    )
    add_board(body, (0, 0, -w), (hx, hy, w), config.colour)
    side = z / 2 - w
    for end in (-1, 1):
        add_board(body, (end * (hx - w), 0, -2 * w - side), (w, hy, side), config.colour)
    return EntityDef(
        config.name, frozenset({"support", "surface", "fixture"}), config.name, (hx, hy, z / 2),
        (config.name,), region_body=config.name, region_centre=(0.0, 0.0, 0.0),
        region_half=(hx, hy, 0.0),
        spots=tuple((sx * 0.042, sy * 0.042, 0.0) for sx in (-1, 1) for sy in (1, -1)),
    )  # fmt: skip


def add_obstacle(spec: mujoco.MjSpec, config: ObstacleConfig) -> EntityDef:
    """A pillar that nothing moves but `Posing.stand`; the entity's frame is its middle."""
    body = spec.worldbody.add_body(
        name=config.name, mocap=True, pos=np.add(config.position, (0, 0, config.half_m[2]))
    )
    add_board(body, (0, 0, 0), config.half_m, config.colour)
    return EntityDef(
        config.name, frozenset({OBSTACLE}), config.name, config.half_m, (config.name,), symmetry=4
    )


def spots_array(entity: EntityDef) -> Array:
    """(n, 3) candidates of an entity, empty where it carries only one object."""
    return np.array(entity.spots, dtype=float).reshape(len(entity.spots), 3)
