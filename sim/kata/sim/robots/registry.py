"""Robots by name: the built-in arm, the Menagerie's, and those a user has added."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import mujoco
import platformdirs

from kata.datasets.types import ConfigError, UnknownNameError

from ..configs import config_file, config_names, read_yaml
from . import menagerie
from .description import Description, parse
from .model import RobotModel, build_model
from .panda import make_panda
from .several import combine, make_several


def user_folder() -> Path:
    """Where added robots lie: `$KATA_HOME/robots`, by default in the user's data folder."""
    home = os.environ.get("KATA_HOME") or platformdirs.user_data_dir("kata")
    return Path(home) / "robots"


def names() -> tuple[str, ...]:
    """Names that `load` takes: described ones, the user's, and all of the Menagerie."""
    return tuple(sorted({*config_names("robot"), *_user_names(), *menagerie.names()}))


def describe(name: str) -> Description:
    """The robot file of a name; one is guessed for a Menagerie robot without.

    Raises UnknownNameError, or ConfigError for a file that does not fit.
    """
    path = user_folder() / f"{name}.yaml"
    if path.is_file():
        return _with_members(parse(read_yaml(path), str(path)))
    if name in config_names("robot"):
        path = config_file("robot", name)
        return _with_members(parse(read_yaml(path), f"configs/robot/{path.name}"))
    if name in menagerie.names():
        from .guess import guess

        return guess(menagerie.make_spec(name), name, source="menagerie")
    raise UnknownNameError("robot", name, names())


def _with_members(description: Description) -> Description:
    if not description.members:
        return description
    own = [member.robot for member in description.members if member.robot == description.name]
    if own:
        raise ConfigError("a robot cannot be a member of itself", where=description.name)
    return combine(description, [describe(member.robot) for member in description.members])


@functools.lru_cache(maxsize=8)
def _load(name: str, home: str) -> RobotModel:
    del home  # the user's folder is a part of the name
    return load_described(describe(name))


def load(name: str) -> RobotModel:
    """The robot of a name, ready for use. Raises UnknownNameError or ConfigError."""
    return _load(name, str(user_folder()))


def load_described(description: Description) -> RobotModel:
    """A robot of its description. Raises ConfigError where the model does not fit it."""
    return build_model(description, _source_of(description))


def _source_of(description: Description) -> Callable[[], mujoco.MjSpec]:
    """What makes a fresh MjSpec of a robot; picklable."""
    if description.source == "builtin":
        return make_panda
    if description.source == "menagerie":
        return functools.partial(menagerie.make_spec, description.name, description.model)
    if description.source == "several":
        members = description.members
        sources = [_source_of(describe(member.robot)) for member in members]
        return functools.partial(make_several, members, sources)
    return functools.partial(spec_of_file, description.model)


def spec_of_file(path: str) -> mujoco.MjSpec:
    """A fresh MjSpec of an MJCF or URDF file. Raises ConfigError."""
    if not Path(path).is_file():
        raise ConfigError("the robot's model file is gone", where=path, hint="add it again")
    try:
        return mujoco.MjSpec.from_file(path)
    except ValueError as error:
        raise ConfigError("not a robot model", where=path, got=str(error)) from error


def _user_names() -> tuple[str, ...]:
    return tuple(path.stem for path in user_folder().glob("*.yaml"))
