"""What a verb gets and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .configuration import Config
from .workspace import RunFolder


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a verb: its configuration and its folder."""

    config: Config
    folder: RunFolder


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
