"""How another dataset's names become Kata's: a small YAML file, `map=FILE`.

columns:                                # ours: theirs, or a list of theirs side by side
  observation.state: [robot0_joint_pos, robot0_gripper_qpos]
  action: actions
cameras: {front: agentview_image}
units: {observation.state: degrees}     # becomes rad; millimetres become m
labels: {skill: pick, arguments: {object: red_cube}, success: true, task: pick up the cube}
names: {action: [joint1, joint2, opening]}
robot: panda
fps: 20
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import ConfigError, UnknownNameError
from ..types.arguments import arguments_text

UNITS = {"degrees": np.pi / 180.0, "millimetres": 1e-3}
_LABELS = ("skill", "arguments", "success", "task", "source")


@dataclass(frozen=True, slots=True)
class Labels:
    """What is true of every frame of the data that are taken in; None where it is not said."""

    skill: str | None = None
    arguments: str = ""
    success: bool | None = None
    task: str = ""
    source: str = "human"


@dataclass(frozen=True, slots=True)
class NameMap:
    """See the module; everything may be left out."""

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cameras: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Labels = field(default_factory=Labels)
    robot: str = ""
    fps: int = 0

    def scaled(self, key: str, values: NDArray[Any]) -> NDArray[Any]:
        """Values in SI units."""
        unit = self.units.get(key)
        return values if unit is None else np.asarray(values * UNITS[unit], dtype=values.dtype)


def read_name_map(path: Path | None) -> NameMap:
    """The map of a file; an empty one without. Raises ConfigError, UnknownNameError."""
    return parse_name_map(read_map(path), str(path)) if path else NameMap()


def parse_name_map(data: Mapping[str, Any], where: str) -> NameMap:
    """A map from plain data. Raises ConfigError, UnknownNameError."""
    known = {"columns", "cameras", "units", "names", "labels", "robot", "fps"}
    check_keys(data, known, where)
    columns = {
        str(ours): tuple(map(str, theirs)) if isinstance(theirs, list) else (str(theirs),)
        for ours, theirs in table(data, "columns", where).items()
    }
    units = {str(k): str(v) for k, v in table(data, "units", where).items()}
    for unit in units.values():
        if unit not in UNITS:
            raise UnknownNameError("unit", unit, UNITS, where=where)
    names = table(data, "names", where)
    if not all(isinstance(value, list) for value in names.values()):
        raise ConfigError("not names", where=f"{where}, names", expected="lists of names")
    return NameMap(
        columns,
        {str(k): str(v) for k, v in table(data, "cameras", where).items()},
        units,
        {str(k): tuple(map(str, v)) for k, v in names.items()},
        parse_labels(table(data, "labels", where), where),
        str(data.get("robot") or ""),
        whole(data, "fps", where),
    )


def parse_labels(data: Mapping[str, Any], where: str) -> Labels:
    """Labels from plain data. Raises ConfigError, UnknownNameError."""
    check_keys(data, set(_LABELS), f"{where}, labels")
    arguments, success = data.get("arguments") or {}, data.get("success")
    if not isinstance(arguments, Mapping):
        raise ConfigError(
            "not arguments",
            where=f"{where}, labels",
            expected="{object: red_cube}",
            got=str(arguments),
        )
    if not isinstance(success, bool | None):
        raise ConfigError(
            "not a success", where=f"{where}, labels", expected="true or false", got=str(success)
        )
    skill = data.get("skill")
    return Labels(
        None if skill is None else str(skill),
        arguments_text({str(k): str(v) for k, v in arguments.items()}),
        success,
        str(data.get("task") or ""),
        str(data.get("source") or "human"),
    )


def read_map(path: Path) -> dict[str, Any]:
    """A YAML file with a mapping. Raises ConfigError."""
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            "cannot read the map", where=str(path), got=" ".join(str(error).split())[:200]
        ) from None
    if not isinstance(data, dict):
        raise ConfigError(
            "not a map", where=str(path), expected="key: value", got=type(data).__name__
        )
    return data


def check_keys(data: Mapping[str, Any], known: set[str], where: str) -> None:
    """Raise UnknownNameError for a key that is not known."""
    for key in data:
        if key not in known:
            raise UnknownNameError("key", str(key), known, where=where)


def table(data: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """A mapping inside the data, empty if it is not there. Raises ConfigError."""
    found = data.get(key) or {}
    if not isinstance(found, Mapping):
        raise ConfigError(
            "not a mapping", where=f"{where}, {key}", expected="name: value", got=str(found)
        )
    return found


def whole(data: Mapping[str, Any], key: str, where: str) -> int:
    """A whole number, 0 if it is not there. Raises ConfigError."""
    value = data.get(key) or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(
            "not a whole number", where=f"{where}, {key}", expected="1 or more", got=str(value)
        )
    return value
