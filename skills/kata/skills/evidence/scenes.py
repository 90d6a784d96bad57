"""Scenes of trials: robot, start and world. What was tried in different ones is not compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kata.datasets.types import PackageError

_LONG = 60


def require_scene(best: str, known: Mapping[str, Any], scene: Mapping[str, Any]) -> None:
    """Raise PackageError that tells what differs between two scenes.

    Args:
        best: name of the version that earned its place in the `known` scene.
        known: its scene; where nothing is recorded nothing is asked.
        scene: that of the trials to come.
    """
    if not known:
        return
    before, now = dict(_flat(known)), dict(_flat(scene))
    differ = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if differ:
        raise PackageError(
            f"another scene than that in which {best} became the best one",
            where=", ".join(differ),
            expected=_told(before, differ),
            got=_told(now, differ),
            hint="try it in that scene; versions for another one belong in a library of their "
            "own (library=FOLDER), or promote without a test: override=true reason=...",
        )


def _flat(scene: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every value with its key, as one would write them in a command."""
    for key, value in scene.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", each) for inner, each in value.items())
        else:
            yield key, value


def _told(values: Mapping[str, Any], keys: list[str]) -> str:
    told = ", ".join(f"{key}={values.get(key, '(nothing)')}" for key in keys)
    return told if len(told) <= _LONG else told[:_LONG] + " ..."
