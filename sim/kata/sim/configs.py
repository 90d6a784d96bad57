"""Where the YAML of `configs/` lies: beside the areas in a checkout, inside `kata` in a wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from kata.datasets.types import ConfigError, UnknownNameError

_HERE = Path(__file__).resolve()


def config_root() -> Path:
    """The folder `configs`. Raises ConfigError where the installation lacks it."""
    for root in (_HERE.parents[1] / "configs", _HERE.parents[3] / "configs"):
        if root.is_dir():
            return root
    raise ConfigError(
        "the folder 'configs' is missing",
        where=str(_HERE.parents[3]),
        hint="reinstall kata-robotics",
    )


def config_names(group: str) -> tuple[str, ...]:
    """Names of the files in a group such as `robot`, sorted."""
    return tuple(sorted(path.stem for path in (config_root() / group).glob("*.yaml")))


def config_file(group: str, name: str) -> Path:
    """The file of a name in a group. Raises UnknownNameError."""
    path = config_root() / group / f"{name}.yaml"
    if not path.is_file():
        raise UnknownNameError(group, name, config_names(group), where=f"configs/{group}")
    return path


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's mapping. Raises ConfigError for other content."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError("cannot read", where=str(path), got=str(error)) from error
    if not isinstance(data, dict):
        raise ConfigError("not a mapping", where=str(path), got=type(data).__name__)
    return data
