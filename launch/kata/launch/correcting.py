"""What a person says while `kata run` goes on: typed at the terminal, or from a script."""

from __future__ import annotations

import json
import queue
import re
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from kata.datasets.types import ConfigError

if TYPE_CHECKING:
    from kata.datasets.types import Facts, Observation
    from kata.skills.contract.call import Call
    from kata.skills.execution.correcting import Corrector

    from .configuration import Config
    from .trials import Block
    from .workspace import RunFolder

TYPED = "-"
"""The value of `correct` that means the terminal."""

LOG = "corrections.jsonl"
"""Everything that was heard in a run, one line each, in its folder."""

_LINE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*s?\s*:\s*(\S.*)")
_MOST_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Script:
    """Corrections at their times; picklable, each episode begins it anew.

    Attributes:
        lines: (s since the run began, text), in the order of time.
    """

    lines: tuple[tuple[float, str], ...]

    @classmethod
    def read(cls, path: Path) -> Script:
        """Of a file with a line `SECONDS: TEXT` each; `#` begins a comment. Raises ConfigError."""
        where = f"correct={path}"
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ConfigError("too long", where=where, expected=f"{_MOST_BYTES} bytes at most")
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                "cannot read what is to be said",
                where=where,
                got=str(error),
                hint="name a file, or - to type it while it runs",
            ) from None
        lines = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.split("#")[0].strip():
                continue
            match = _LINE.fullmatch(line.split("#")[0])
            if match is None:
                raise ConfigError(
                    "not something to say",
                    where=f"{where}, line {number}",
                    expected="SECONDS: TEXT, as in 1.5: a bit to the left",
                    got=line[:80],
                )
            lines.append((float(match[1]), match[2].strip()))
        return cls(tuple(sorted(lines, key=lambda line: line[0])))

    def begin(self) -> Corrector:
        """For one run."""
        return _Reader(self.lines)


@dataclass(slots=True)
class _Reader:
    lines: Sequence[tuple[float, str]]
    began_s: float | None = None
    done: int = 0

    def says(self, observation: Observation, facts: Facts, call: Call | None) -> Sequence[str]:
        """The lines whose time has come."""
        if self.began_s is None:
            self.began_s = observation.time_s
        before, now = self.done, observation.time_s - self.began_s + 1e-9
        while self.done < len(self.lines) and self.lines[self.done][0] <= now:
            self.done += 1
        return [text for _, text in self.lines[before : self.done]]


@dataclass(slots=True)
class Terminal:
    """Lines that are typed while it runs, heard when they are finished.

    The run is held back to the pace of the clock: nobody can talk to one that is over in a second.
    """

    stream: TextIO = field(default_factory=lambda: sys.stdin)
    _typed: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    _listening: bool = False
    _ahead_s: float | None = None

    def begin(self) -> Corrector:
        """Listen from now on; the clock begins anew."""
        self._ahead_s = None
        if not self._listening:
            self._listening = True
            # Reading blocks, and ends with the process.
            threading.Thread(target=self._read, daemon=True).start()
        return self

    def says(self, observation: Observation, facts: Facts, call: Call | None) -> Sequence[str]:
        """What was typed since the last frame."""
        now = time.monotonic()
        if self._ahead_s is None:
            self._ahead_s = observation.time_s - now
        time.sleep(max(0.0, observation.time_s - now - self._ahead_s))
        said = []
        while not self._typed.empty():
            said.append(self._typed.get_nowait())
        return said

    def _read(self) -> None:
        for line in self.stream:
            if line.strip():
                self._typed.put(line.strip())


def voice_of(config: Config) -> Script | Terminal | None:
    """Who corrects, as `correct` says. Raises ConfigError where it cannot be."""
    if config.correct is None:
        return None
    if config.correct != TYPED:
        return Script.read(Path(str(config.correct)).expanduser())
    if config.trials != 1 or config.workers != 1 or config.runtime != "local":
        raise ConfigError(
            "only one run can be talked to",
            where=f"correct={TYPED}",
            expected="trials=1 workers=1 runtime=local",
            hint="a script of lines SECONDS: TEXT is said in every run",
        )
    return Terminal()


def heard_lines(heard: Iterable[Any], block: Block) -> list[Block]:
    """What was heard in an episode, each with what came of its call and of the episode."""
    ends = [span for span in block.get("spans", ()) if span["kind"] == "call"]
    return [
        {
            **each.to_data(),
            "seed": block["seed"],
            "success": block["success"],
            "outcome": next(
                (
                    span["outcome"]
                    for span in ends
                    if span["call"] == each.call and span["end_s"] >= each.time_s
                ),
                "",
            ),
        }
        for each in heard
    ]


def keep_heard(folder: RunFolder, episodes: Iterable[Block]) -> int:
    """Take what was heard out of the episodes into the folder's log; how much was said.

    Raises StorageError where the disk refuses.
    """
    from .workspace import write_text

    lines = [line for episode in episodes for line in episode.pop("heard", ())]
    if not lines:
        return 0
    write_text(folder / LOG, "".join(json.dumps(line) + "\n" for line in lines))
    return sum(bool(line["text"]) for line in lines)
