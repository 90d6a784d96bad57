"""Add a robot of one's own: an MJCF or URDF file becomes one robot file in the user's folder."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from kata.datasets.types import ConfigError

from .description import Description, to_data
from .guess import guess
from .registry import load_described, names, spec_of_file, user_folder

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def add(file: str | Path, name: str = "", *, replace: bool = False) -> tuple[Path, Description]:
    """Guess a model's parts, tool and gripper and keep them; returns the robot file's path.

    The description's `guessed` says what was guessed; edit the file to correct it. The model
    stays where it is. Raises ConfigError for a file that is no model, or a taken name.
    """
    path = Path(file).expanduser().resolve()
    if path.suffix.lower() not in (".xml", ".urdf", ".mjcf"):
        raise ConfigError("not a robot model", where=str(path), expected="an MJCF or URDF file")
    wanted = name or re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")
    if not _NAME.fullmatch(wanted):
        raise ConfigError("bad robot name", expected="lower case, digits, _", got=wanted)
    if wanted in names() and not replace:
        raise ConfigError(
            f"there is a robot '{wanted}' already", where=str(path), hint="give another name=..."
        )
    description = guess(spec_of_file(str(path)), wanted, source="file", path=str(path))
    load_described(description).make().compile()
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{wanted}.yaml"
    text = yaml.safe_dump(to_data(description), sort_keys=False, allow_unicode=True)
    target.write_text(text, encoding="utf-8")
    return target, description
