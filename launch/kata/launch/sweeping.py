"""Sweeps: every combination of a multirun in a folder of its own, one by one or side by side."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
import traceback
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError, KataError

from . import build
from .arguments import Arguments, override_key
from .configuration import Config, compose, sweep
from .keys import verb_keys
from .running import FAILED, INTERRUPTED, OK, refuse, run_once, say
from .workspace import RESULT, RunFolder, default_folder

if TYPE_CHECKING:
    from kata.skills.evidence.workers import Workers

SPREAD = ("workers", "runtime", "address")
"""Keys of the sweep itself: they spread its runs, each of which then has one worker."""


@dataclass(frozen=True, slots=True)
class Combination:
    """One run of a sweep: `own` is what was chosen for it, `overrides` all that it is given."""

    verb: str
    title: str
    words: tuple[str, ...]
    own: tuple[str, ...]
    overrides: tuple[str, ...]

    def config(self) -> Config:
        """Its configuration. Raises ConfigError and UnknownNameError."""
        return compose(Arguments(self.words, self.overrides), verb_keys(self.verb))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: exit code, result or error, and what it wrote to stdout and stderr."""

    code: int
    result: dict[str, Any]
    error: str = ""
    said: str = ""
    noted: str = ""


def run_sweep(verb: str, arguments: Arguments) -> int:
    """Run every combination and write what came of them, in order; the worst exit code.

    A run that fails costs only itself. Raises ConfigError and UnknownNameError, before anything
    runs, for a combination that cannot be.
    """
    top, spread = _folder(verb, arguments), _spread(arguments)
    runs = _combinations(verb, arguments, top, spread)
    for one in runs:
        one.config()
    summary, worst = [], OK
    try:
        with contextlib.closing(_results(runs, spread, top)) as results:
            for ended, one in zip(results, runs, strict=True):
                if ended.code == INTERRUPTED:
                    raise KeyboardInterrupt
                worst = max(worst, ended.code)
                error = {"error": ended.error} if ended.error else {}
                summary.append({"overrides": list(one.own), "result": ended.result, **error})
    except KeyboardInterrupt:
        sys.stderr.write(f"\ninterrupted; again with: {_command(verb, arguments, top)}\n")
        return INTERRUPTED
    RunFolder(top).write_json(RESULT, {"verb": verb, "runs": summary})
    say(f"result: {top / RESULT}")
    return worst


def run_captured(one: Combination) -> Ended:
    """One run in a worker: what it writes comes back."""
    said, noted = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(noted):
        ended = _run_here(one)
    return Ended(ended.code, ended.result, ended.error, said.getvalue(), noted.getvalue())


def _run_here(one: Combination) -> Ended:
    say(one.title)
    try:
        code, result = run_once(one.config(), [*one.words, *one.own])
    except KataError as error:
        return Ended(refuse(error), {}, str(error))
    except BrokenPipeError:
        # Nobody reads what the sweep says: there is nothing to go on for.
        raise
    except Exception as error:  # noqa: BLE001  # the other runs are none the worse for it
        sys.stderr.write(traceback.format_exc())
        return Ended(FAILED, {}, _named(error))
    return Ended(code, result)


def _named(error: Exception) -> str:
    return str(error) if isinstance(error, KataError) else f"{type(error).__name__}: {error}"


def _results(runs: Sequence[Combination], spread: Config | None, top: Path) -> Generator[Ended]:
    """How each run ended, in order; told as soon as all before it were."""
    if spread is None:
        yield from map(_run_here, runs)
        return
    with build.workers(spread, top) as workers:
        yield from _in_order(runs, workers)


def _in_order(runs: Sequence[Combination], workers: Workers) -> Generator[Ended]:
    work = {f"run {i}": (run_captured, (one,)) for i, one in enumerate(runs)}
    titles = {name: one.title for name, one in zip(work, runs, strict=True)}

    def lost(name: str, error: Exception) -> Ended:
        told = _named(error)
        return Ended(FAILED, {}, told, f"{titles[name]}\n", f"error: {told}\n")

    early: dict[str, Ended] = {}
    waiting = iter(work)
    name = next(waiting, None)
    for found, ended in workers.run(work, instead=lost):
        early[found] = ended
        while name in early:
            ready = early.pop(name)
            sys.stdout.write(ready.said)
            sys.stderr.write(ready.noted)
            sys.stdout.flush()
            yield ready
            name = next(waiting, None)


def _folder(verb: str, arguments: Arguments) -> Path:
    named = [o.split("=", 1)[1] for o in arguments.overrides if override_key(o) == "out"]
    return Path(named[-1]).expanduser() if named else default_folder(verb)


def _spread(arguments: Arguments) -> Config | None:
    """Which workers share the runs; None if they run here, one by one."""
    asked: dict[str, Any] = {"workers": "1", "runtime": "local", "address": None}
    asked |= {override_key(o): o.split("=", 1)[1] for o in _of_sweep(arguments)}
    if not str(asked["workers"]).isdigit():
        raise ConfigError(
            "a value of another kind",
            where="workers",
            expected="a whole number, such as 2",
            got=str(asked["workers"]),
        )
    config = Config({**asked, "workers": int(asked["workers"])}, "a sweep")
    build.workers(config)
    return config if config.workers > 1 or config.runtime != "local" else None


def _of_sweep(arguments: Arguments) -> list[str]:
    """What was given for the sweep itself; a key with several values is a matter of the runs."""
    own = [o for o in arguments.overrides if override_key(o) in SPREAD]
    return [o for o in own if len(sweep(Arguments((), (o,)))) == 1]


def _combinations(
    verb: str, arguments: Arguments, top: Path, spread: Config | None
) -> list[Combination]:
    hidden = {"out", *map(override_key, _of_sweep(arguments))}
    one_each = ("workers=1",) if spread and verb_keys(verb).knows("workers") else ()
    runs = sweep(arguments)
    found = []
    for index, one in enumerate(runs):
        own = tuple(o for o in one.overrides if override_key(o) not in hidden)
        title = f"[{index + 1}/{len(runs)}] kata {verb} {' '.join((*one.words, *own))}"
        # A sweep over the workers themselves wins over one for each run.
        given = (*one_each, *own, f"out={top / str(index)}")
        found.append(Combination(verb, title, one.words, own, given))
    return found


def _command(verb: str, arguments: Arguments, top: Path) -> str:
    kept = [o for o in arguments.overrides if override_key(o) != "out"]
    return shlex.join(["kata", verb, *arguments.words, *kept, "--multirun", f"out={top}"])
