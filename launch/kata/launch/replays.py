"""Failed trials in files: where they lie, and their worlds as plain data."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from kata.datasets.types import ConfigError, KataError, TrialWorld

from .workspace import RunFolder, write_text

if TYPE_CHECKING:
    from kata.sim.tasks import Start, TrialTable
    from kata.skills.evidence.replay import Replay

FAILURES = "failures"
"""Folder of the replays inside an evaluation's folder."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_STEPS, _MOST_THINGS = 100, 64


def scene_of(world: TrialWorld) -> dict[str, Any]:
    """A trial's table as plain data; nothing for a world of another kind."""
    from kata.sim.tasks import TrialTable

    if not isinstance(world, TrialTable):
        return {}
    return {
        "task": world.task,
        "start": world.start,
        "table": dataclasses.asdict(world.world.config),
    }


def world_of(replay: Replay, where: str) -> TrialTable:
    """The world of a replay, anew.

    Raises ConfigError or UnknownNameError for one that is no table of Kata's or costs too much.
    """
    data = replay.world
    if set(data) != {"task", "start", "table"} or not isinstance(data["table"], Mapping):
        raise ConfigError(
            "a replay of a world that cannot be made",
            where=where,
            expected="a table of Kata's: task, start, table",
            got=", ".join(map(str, data)) or "nothing",
        )
    try:
        return _made(data["task"], data["start"], data["table"], where)
    except KataError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise ConfigError(
            "a replay of a world that cannot be made", where=where, got=str(error)[:200]
        ) from None


def _made(task: Any, start: Any, table: Mapping[str, Any], where: str) -> TrialTable:
    from kata.sim.scene.config import TableWorldConfig
    from kata.sim.tasks import make_trial

    # What a stranger wrote must not become a path, or hours of work.
    robot = table.get("robot")
    if not (isinstance(robot, str) and _NAME.fullmatch(robot)):
        raise ConfigError("not a robot's name", where=where, got=repr(robot)[:80])
    config = TableWorldConfig.from_data({**table, "cameras": []}, where=f"{where}: world.table")
    things, steps = len(config.entity_names), config.substeps
    if things > _MOST_THINGS or steps > _MOST_STEPS:
        raise ConfigError(
            "a world that costs too much",
            where=where,
            expected=f"at most {_MOST_THINGS} things, {_MOST_STEPS} physics steps a period",
            got=f"{things} things, {steps} steps",
        )
    if not (isinstance(task, str) and isinstance(start, str)):
        raise ConfigError("not a task", where=where, got=repr((task, start))[:80])
    return make_trial(task, cast("Start", start), config)


def keep_failures(folder: RunFolder, episodes: Sequence[dict[str, Any]]) -> None:
    """Write each failed episode's replay to a file of its own, and its name in its place."""
    for episode in episodes:
        text = episode.pop("replay", None)
        if text is not None:
            episode["replay"] = f"{FAILURES}/{episode['start_kind']}-{episode['seed']}.json"
            (folder / FAILURES).mkdir(exist_ok=True)
            write_text(folder / episode["replay"], text)
