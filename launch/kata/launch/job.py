"""What a verb gets and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .arguments import override_key
from .configuration import Config
from .workspace import RunFolder

_SCENE = frozenset({"world", "robot", "library", "trust", "seed", "planner", "llm"})


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a verb: its configuration, its folder and the `key=value` that the user gave."""

    config: Config
    folder: RunFolder
    given: tuple[str, ...] = ()

    def same_scene(self) -> list[str]:
        """What was given of scene, robot, library, planner and seed, for the next command."""
        return [text for text in self.given if override_key(text).split(".")[0] in _SCENE]


@dataclass(frozen=True, slots=True)
class Done:
    """How a run ended.

    Attributes:
        result: what is special to the verb in `result.json`.
        lines: the answer, for a person.
        then: what to do next, the last line.
        code: the exit code: 0, or 1 where the job did not reach what was asked.
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    then: str = ""
    code: int = 0
