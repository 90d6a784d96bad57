"""Robots of the MuJoCo Menagerie by name, through the package `mujoco-menagerie`.

The package reads `MENAGERIE_ROOT` offline, else downloads a model once and caches it.
"""

from __future__ import annotations

import mujoco

from kata.datasets.types import ConfigError, UnknownNameError


def names() -> tuple[str, ...]:
    """Every robot that the package knows; no download."""
    import mujoco_menagerie

    return tuple(mujoco_menagerie.names())


def make_spec(name: str, entry: str = "") -> mujoco.MjSpec:
    """A fresh MjSpec of a robot, without the scene around it.

    Raises UnknownNameError, or ConfigError where the model cannot be had.
    """
    import mujoco_menagerie

    if name not in names():
        raise UnknownNameError("robot", name, names(), where="MuJoCo Menagerie")
    robot = mujoco_menagerie.get(name)
    try:
        spec: mujoco.MjSpec = robot.spec(entry or robot.default_model)
    except (mujoco_menagerie.MenagerieError, OSError, ValueError) as error:
        raise ConfigError(
            f"the Menagerie's model '{name}' cannot be had",
            got=str(error).splitlines()[0],
            hint="connect to the network once, or set MENAGERIE_ROOT to a folder of models",
        ) from error
    return spec
