"""The command `kata`: reads the line, opens the folder, calls the verb, writes the result."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import help as pages
from .arguments import Arguments, split
from .keys import verb_keys

if TYPE_CHECKING:
    from kata.datasets.types import KataError

    from .configuration import Config
    from .job import Done, Job

OK, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done; 1 the job failed; 2 the request cannot be met as it was put; 130 interrupted.
    """
    line = list(sys.argv[1:] if arguments is None else arguments)
    if not line or line[0] in ("-h", "--help", "help"):
        return _say(pages.main_page())
    if line[0] in ("-V", "--version"):
        return _say(f"kata {pages.version()}")
    try:
        return _verb(line[0], line[1:])
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted before anything was begun\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away, as in `kata library list | head`; nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        from kata.datasets.types import KataError

        if not isinstance(error, KataError):
            raise
        return _refuse(error)


def _verb(verb: str, rest: list[str]) -> int:
    keys = verb_keys(verb)
    arguments = split(rest, keys)
    if arguments.help:
        return _say(pages.verb_page(verb))
    from kata.skills.evidence.workers import quiet_threads

    from . import graphics
    from .configuration import compose

    quiet_threads()
    graphics.choose()
    _stop_like_interrupt()
    if arguments.multirun:
        return _sweep(verb, arguments)
    code, _ = _run(compose(arguments, keys), rest)
    return code


def _run(config: Config, rest: list[str]) -> tuple[int, dict[str, Any]]:
    """One run of a verb in its folder: exit code and result."""
    from kata.datasets.types import KataError

    from .job import Job
    from .workspace import RESULT, RESUMING, command_again, open_folder

    folder = open_folder(config)
    try:
        done, result = _work(Job(config, folder, tuple(rest)))
    except KeyboardInterrupt:
        again = "go on" if config.verb in RESUMING else "again"
        command = command_again(config.verb, rest, folder.path)
        sys.stderr.write(f"\ninterrupted; {again} with: {command}\n")
        return INTERRUPTED, {}
    except KataError:
        folder.drop_if_bare()
        raise
    _answer(done, str(folder / RESULT))
    return done.code, result


def _work(job: Job) -> tuple[Done, dict[str, Any]]:
    """Call the verb and write what came of it; everything goes to the log."""
    import importlib
    import logging
    import time

    from .workspace import RESULT, logging_to

    config, folder = job.config, job.folder
    began = time.monotonic()
    module = importlib.import_module(f"kata.launch.verbs.{config.verb}")
    with logging_to(folder):
        log = logging.getLogger("kata.launch")
        log.info("kata %s %s", config.verb, config.plain())
        try:
            done = module.run(job)
        except KeyboardInterrupt:
            log.warning("interrupted")
            raise
        except Exception:
            log.exception("failed")
            raise
        result = {
            "verb": config.verb,
            "version": pages.version(),
            "seed": config.seed,
            "seconds": round(time.monotonic() - began, 2),
            **done.result,
        }
        folder.write_json(RESULT, result)
        log.info("done in %s s", result["seconds"])
    return done, result


def _answer(done: Done, path: str) -> None:
    for text in done.lines:
        _say(text)
    _say(f"result: {path}")
    if done.then:
        _say(f"next: {done.then}")


def _sweep(verb: str, arguments: Arguments) -> int:
    """Every combination of a multirun, each in its own folder below one."""
    from pathlib import Path

    from .arguments import override_key
    from .configuration import compose, sweep
    from .workspace import RunFolder, default_folder

    runs = sweep(arguments)
    named = [o for o in arguments.overrides if override_key(o) == "out"]
    top = Path(named[-1].split("=", 1)[1]) if named else default_folder(verb)
    worst, summary = OK, []
    for index, one in enumerate(runs):
        own = [o for o in one.overrides if override_key(o) != "out"]
        _say(f"[{index + 1}/{len(runs)}] kata {verb} {' '.join((*one.words, *own))}")
        overrides = (*own, f"out={top / str(index)}")
        config = compose(Arguments(one.words, overrides), verb_keys(verb))
        code, result = _run(config, [*one.words, *own])
        if code == INTERRUPTED:
            return code
        worst = max(worst, code)
        summary.append({"overrides": own, "result": result})
    RunFolder(top).write_json("result.json", {"verb": verb, "runs": summary})
    _say(f"result: {top / 'result.json'}")
    return worst


def _refuse(error: KataError) -> int:
    from kata.datasets.types import ExecutionError, PlanError, SimulationError, StorageError

    sys.stderr.write(f"error: {error}\n")
    failed = isinstance(error, ExecutionError | PlanError | SimulationError | StorageError)
    return FAILED if failed else MISUSED


def _stop_like_interrupt() -> None:
    """A polite `kill` says how to go on, as Ctrl-C does."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def _say(text: str) -> int:
    sys.stdout.write(text + "\n")
    return OK


if __name__ == "__main__":
    sys.exit(main())
