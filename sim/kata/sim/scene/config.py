"""The table world as data: what stands where, how big, how heavy, how it looks.

Read from `configs/world/table.yaml`. Frame: the robot's base on the table plane, x forward,
y left, z up; lengths in m.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from kata.datasets.types import ConfigError

from ..configs import config_file, read_yaml

Vector = tuple[float, float, float]
Colour = tuple[float, float, float, float]
Area = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ObjectConfig:
    """A cube that can be moved about."""

    name: str
    colour: Colour
    half_m: Vector = (0.02, 0.02, 0.02)
    mass_kg: float = 0.06
    friction: float = 1.0


@dataclass(frozen=True, slots=True)
class TableConfig:
    """The table top; its frame is the world's."""

    name: str = "table"
    half_m: tuple[float, float] = (0.56, 0.80)
    centre: tuple[float, float] = (0.38, 0.03)
    colour: Colour = (0.80, 0.70, 0.58, 1.0)
    friction: float = 0.8


@dataclass(frozen=True, slots=True)
class DrawerConfig:
    """A cabinet with one sliding drawer; `position` is its front's foot, closed."""

    name: str = "drawer"
    position: Vector = (0.42, 0.51, 0.0)
    yaw_rad: float = 0.0
    inside_half_m: tuple[float, float] = (0.12, 0.075)
    wall_height_m: float = 0.050
    front_height_m: float = 0.072
    handle_height_m: float = 0.074
    handle_gap_m: float = 0.050
    handle_half_m: float = 0.050
    travel_m: float = 0.16
    friction_n: float = 1.5
    damping: float = 8.0
    colour: Colour = (0.36, 0.44, 0.55, 1.0)
    front_colour: Colour = (0.80, 0.83, 0.87, 1.0)


@dataclass(frozen=True, slots=True)
class BinConfig:
    """An open box."""

    name: str = "bin"
    position: Vector = (0.32, -0.41, 0.0)
    yaw_rad: float = 0.0
    inside_half_m: tuple[float, float] = (0.09, 0.09)
    height_m: float = 0.070
    colour: Colour = (0.30, 0.32, 0.36, 1.0)


@dataclass(frozen=True, slots=True)
class ButtonConfig:
    """A spring button that latches at the end of its travel."""

    name: str = "button"
    position: Vector = (0.66, 0.32, 0.0)
    yaw_rad: float = 0.0
    travel_m: float = 0.012
    spring_n_m: float = 250.0
    colour: Colour = (0.90, 0.16, 0.14, 1.0)


@dataclass(frozen=True, slots=True)
class ShelfConfig:
    """A raised board on two sides."""

    name: str = "shelf"
    position: Vector = (0.55, -0.41, 0.0)
    yaw_rad: float = 0.0
    half_m: tuple[float, float] = (0.09, 0.09)
    height_m: float = 0.120
    colour: Colour = (0.62, 0.45, 0.30, 1.0)


@dataclass(frozen=True, slots=True)
class ObstacleConfig:
    """A pillar that stands in the way and must not be touched.

    `position` is its foot. A trial moves it between the tool and where the task leads it.
    """

    name: str = "pillar"
    position: Vector = (0.45, 0.0, 0.0)
    half_m: Vector = (0.025, 0.025, 0.11)
    colour: Colour = (0.93, 0.45, 0.10, 1.0)


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """A camera that stands still, looking from `position` at `target`."""

    name: str
    position: Vector
    target: Vector
    fovy_deg: float = 45.0


@dataclass(frozen=True, slots=True)
class NoiseConfig:
    """Standard deviations of what sensors report; 0 is none."""

    joint_rad: float = 0.0
    position_m: float = 0.0
    angle_rad: float = 0.0

    @property
    def any(self) -> bool:
        """Whether there is noise at all."""
        return max(self.joint_rad, self.position_m, self.angle_rad) > 0.0


def _cubes() -> tuple[ObjectConfig, ...]:
    return (
        ObjectConfig("red_cube", (0.86, 0.16, 0.14, 1.0)),
        ObjectConfig("blue_cube", (0.13, 0.36, 0.83, 1.0)),
        ObjectConfig("green_cube", (0.13, 0.62, 0.27, 1.0)),
        ObjectConfig("yellow_cube", (0.96, 0.76, 0.10, 1.0)),
    )


_FRONT = CameraConfig("front", (1.36, 0.05, 0.80), (0.41, 0.05, 0.04), 48.0)
_VIEW = CameraConfig("view", (1.50, -1.06, 1.06), (0.30, 0.05, 0.21), 40.0)


@dataclass(frozen=True, slots=True)
class TableWorldConfig:
    """Everything about a table world.

    Attributes:
        robot: name for `kata.sim.robots.load`.
        area: (x low, x high, y low, y high) of the objects' centres at a reset, in m, and of the
            table's spots.
        zones: areas that take the objects in turn at a reset, in an order drawn anew; none: all
            objects go to `area`.
        gap_m: least free distance between objects' centres at a reset.
        start_noise_rad: greatest deviation of each arm joint from home at a reset.
        period_s: servo period; physics_s: step of the physics, a whole fraction of it.
        cameras: rendered into each observation; empty costs nothing.
        image: (width, height) in pixels of these.
    """

    robot: str = "panda"
    area: Area = (0.30, 0.60, -0.20, 0.20)
    zones: tuple[Area, ...] = ()
    gap_m: float = 0.085
    start_noise_rad: float = 0.05
    period_s: float = 0.01
    physics_s: float = 0.0025
    objects: tuple[ObjectConfig, ...] = _cubes()
    table: TableConfig = TableConfig()
    drawers: tuple[DrawerConfig, ...] = (DrawerConfig(),)
    bins: tuple[BinConfig, ...] = (BinConfig(),)
    buttons: tuple[ButtonConfig, ...] = (ButtonConfig(),)
    shelves: tuple[ShelfConfig, ...] = (ShelfConfig(),)
    obstacles: tuple[ObstacleConfig, ...] = ()
    fixed_cameras: tuple[CameraConfig, ...] = (_FRONT, _VIEW)
    cameras: tuple[str, ...] = ()
    image: tuple[int, int] = (96, 96)
    noise: NoiseConfig = NoiseConfig()

    def __post_init__(self) -> None:
        whole_multiple(self.period_s, self.physics_s, "period_s", "physics_s")
        names = self.entity_names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError("two things of one name", where="world", got=", ".join(twice))
        for field, area in (("area", self.area), *(("zones", zone) for zone in self.zones)):
            x0, x1, y0, y1 = area
            if x0 >= x1 or y0 >= y1:
                raise ConfigError("empty area", where=f"world.{field}",
                                  expected="[x0, x1, y0, y1]", got=str(area))  # fmt: skip

    @property
    def entity_names(self) -> tuple[str, ...]:
        """Names in the scene's order: objects, table, drawers, bins, buttons, shelves, pillars."""
        return (
            *(item.name for item in self.objects),
            self.table.name,
            *(item.name for item in self.drawers),
            *(item.name for item in self.bins),
            *(item.name for item in self.buttons),
            *(item.name for item in self.shelves),
            *(item.name for item in self.obstacles),
        )

    @property
    def substeps(self) -> int:
        """Physics steps a servo period."""
        return round(self.period_s / self.physics_s)

    def fingerprint(self) -> str:
        """Hex digest of the scene; snapshots carry it."""
        body = asdict(self)
        for late in ("zones", "obstacles"):
            # A scene without them is the one that it was before there were any.
            if not body[late]:
                del body[late]
        return hashlib.sha256(repr(sorted(body.items())).encode()).hexdigest()[:16]

    @classmethod
    def load(cls, name: str = "table", **changes: Any) -> TableWorldConfig:
        """From `configs/world/NAME.yaml`, with fields replaced. Raises UnknownNameError."""
        path = config_file("world", name)
        return cls.from_data({**read_yaml(path), **changes}, where=f"configs/world/{path.name}")

    @classmethod
    def from_data(cls, data: Mapping[str, Any], where: str = "world") -> TableWorldConfig:
        """From plain data. Raises ConfigError for a key or value that does not fit."""
        values = dict(data)
        lists = {
            "objects": ObjectConfig, "drawers": DrawerConfig, "bins": BinConfig,
            "buttons": ButtonConfig, "shelves": ShelfConfig, "obstacles": ObstacleConfig,
            "fixed_cameras": CameraConfig,
        }  # fmt: skip
        for key, kind in lists.items():
            if key in values:
                values[key] = tuple(
                    _build(kind, item, f"{where}.{key}") for item in values[key] or ()
                )
        for key, one in (("table", TableConfig), ("noise", NoiseConfig)):
            if key in values:
                values[key] = _build(one, values[key], f"{where}.{key}")
        return _build(cls, values, where)


def _build[Config](kind: type[Config], data: Any, where: str) -> Config:
    if isinstance(data, kind):
        return data
    if not isinstance(data, Mapping):
        raise ConfigError("not a mapping", where=where, got=repr(data))
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    surplus = sorted(set(data) - set(known))
    if surplus:
        raise ConfigError("unknown key", where=where, expected=", ".join(known), got=surplus[0])
    try:
        return kind(**{key: _freeze(value) for key, value in data.items()})
    except (TypeError, ValueError) as error:
        raise ConfigError("does not fit", where=where, got=str(error)) from error


def _freeze(value: Any) -> Any:
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value


def whole_multiple(long_s: float, short_s: float, long_name: str, short_name: str) -> int:
    """How many times `short_s` fits into `long_s`. Raises ConfigError if not a whole number."""
    ratio = long_s / short_s if short_s > 0 else 0.0
    count = round(ratio)
    if count < 1 or abs(ratio - count) > 1e-6:
        raise ConfigError(
            f"{long_name} is not a whole multiple of {short_name}",
            expected=f"{long_name} = n * {short_name}, n = 1, 2, ...",
            got=f"{long_s:g} and {short_s:g}",
        )
    return count
