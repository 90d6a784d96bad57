"""The folder of a run: `config.yaml`, `result.json` and `log.txt`, whole or absent, never half."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.datasets.types import ConfigError, StorageError

from .configuration import Config

CONFIG, RESULT, LOG = "config.yaml", "result.json", "log.txt"
SUBJECTS = "subjects.json"
"""Who is tried in a run's folder: a digest by name."""

RESUMING = frozenset({"bench", "compare", "demo", "evaluate", "publish", "record", "train"})
"""Verbs that go on where an earlier run with the same folder stopped."""

FREE = frozenset({"address", "device", "processes", "runtime", "vector", "workers"})
FREE |= {"allow_unsigned", "trust"}
"""Keys that may differ between a run and its continuation: they change no result but its time, or
say who may be loaded at all."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """An open run folder; make it with `open_folder`. `new` if this run began it."""

    path: Path
    new: bool = False

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def write_json(self, name: str, data: Mapping[Any, Any]) -> Path:
        """Write plain data to `name`; a reader sees the old file or the new one."""
        target = self.path / name
        write_text(target, json.dumps(data, indent=2, allow_nan=False) + "\n")
        return target

    def drop_if_bare(self) -> None:
        """Remove a folder that this run made and that holds nothing but how it began.

        So a request that was refused leaves no trace, and its `out` is free for the next one.
        """
        if self.new and {path.name for path in self.path.iterdir()} <= {CONFIG, LOG, SUBJECTS}:
            shutil.rmtree(self.path)

    def keep_subjects(self, digests: Mapping[str, str]) -> None:
        """Write down who is tried, before the first trial, so that no others go on with the run.

        Raises ConfigError where the run was begun with others, or with the same names for others.
        """
        begun = self.read_json(SUBJECTS)
        if begun is None:
            self.write_json(SUBJECTS, digests)
        elif begun != digests:
            raise ConfigError(
                "the folder was begun with another package",
                where=f"out={self.path}",
                expected=_subjects_beside(begun, digests),
                got=_subjects_beside(digests, begun),
                hint="name another out; the trials in this one are of what it began with",
            )

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Plain data of `name`, None if it is not there. Raises StorageError for another file."""
        target = self.path / name
        if not target.exists():
            return None
        try:
            data = json.loads(target.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StorageError(
                "not JSON", where=str(target), got=str(error), hint="remove the file and run again"
            ) from None
        assert isinstance(data, dict)
        return data


def _subjects_beside(own: Mapping[str, str], other: Mapping[str, str]) -> str:
    """Those that differ from the others, for a person."""
    differ = {name: digest for name, digest in own.items() if other.get(name) != digest}
    return ", ".join(f"{name} (identity {digest[:12]})" for name, digest in differ.items())


def write_text(target: Path, text: str) -> None:
    """Write a text file whole. Raises StorageError."""
    from kata.datasets.files import write_file

    write_file(target, text.encode())


def default_folder(verb: str) -> Path:
    """A new folder `runs/VERB/DATE` of the current directory."""
    date = dt.datetime.now(dt.UTC).astimezone().strftime("%Y-%m-%d_%H-%M-%S")
    base = Path("runs") / verb / date
    for number in range(2, 1000):
        if not base.exists():
            break
        base = base.with_name(f"{date}_{number}")
    return base


def open_folder(config: Config) -> RunFolder:
    """The folder of this configuration, made or gone on with.

    Raises ConfigError for a folder that holds something else or was begun with another
    configuration, and StorageError where the disk refuses.
    """
    verb = str(config.verb)
    path = Path(config.out).expanduser() if config.out else default_folder(verb)
    wanted = _stored(config)
    if (path / CONFIG).exists():
        _check_same(path, wanted, whole=verb in RESUMING)
    elif path.exists() and not (path / CONFIG).exists() and not _is_empty(path):
        raise ConfigError(
            "the folder holds something else",
            where=f"out={path}",
            expected=f"a new folder, or one of an earlier 'kata {verb}'",
            hint="name another folder",
        )
    new = not (path / CONFIG).exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            "cannot make the run's folder", where=str(path), got=str(error), hint="name out=DIR"
        ) from None
    write_text(path / CONFIG, _yaml(wanted))
    return RunFolder(path, new)


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _stored(config: Config) -> dict[str, Any]:
    return {key: value for key, value in config.plain().items() if key != "out"}


def _yaml(data: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True))


def _check_same(path: Path, wanted: dict[str, Any], *, whole: bool) -> None:
    """Another verb's folder is never taken; `whole` asks for the same configuration too."""
    import yaml

    try:
        stored = yaml.safe_load((path / CONFIG).read_text(encoding="utf-8"))
    except yaml.YAMLError:
        stored = None
    if not isinstance(stored, dict):
        raise ConfigError("not a configuration", where=str(path / CONFIG), hint="name another out")
    whole = whole and stored.get("verb") == wanted["verb"]
    keys = [key for key in {**stored, **wanted} if key not in FREE] if whole else ["verb"]
    changed = [key for key in keys if stored.get(key) != wanted.get(key)]
    if changed:
        raise ConfigError(
            "the folder was begun with another configuration",
            where=f"out={path}",
            expected=", ".join(f"{key}={stored.get(key)}" for key in changed),
            got=", ".join(f"{key}={wanted.get(key)}" for key in changed),
            hint="name another out, or give the values it was begun with",
        )


def command_again(verb: str, arguments: list[str], path: Path) -> str:
    """The shell command that goes on with a run in its folder."""
    kept = [argument for argument in arguments if not argument.startswith("out=")]
    return shlex.join(["kata", verb, *kept, f"out={path}"])


@contextlib.contextmanager
def logging_to(folder: RunFolder) -> Iterator[None]:
    """Everything that Kata logs goes to the folder's `log.txt` meanwhile."""
    logger = logging.getLogger("kata")
    handler = logging.FileHandler(folder / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
        handler.close()
