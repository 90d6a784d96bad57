"""One run of a verb: its folder, its log, its result, its answer and its exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .help import version

if TYPE_CHECKING:
    from kata.datasets.types import KataError

    from .configuration import Config
    from .job import Done, Job

OK, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def run_once(config: Config, rest: list[str]) -> tuple[int, dict[str, Any]]:
    """One run of a verb in its folder: exit code and result. Raises KataError.

    An interruption is told, with the command that goes on.
    """
    from kata.datasets.types import KataError

    from .job import Job
    from .planners import check_secrets
    from .workspace import RESULT, RESUMING, command_again, open_folder

    check_secrets(config)
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

    from .trusting import warnings_shown
    from .workspace import RESULT, logging_to

    config, folder = job.config, job.folder
    began = time.monotonic()
    module = importlib.import_module(f"kata.launch.verbs.{config.verb}")
    with logging_to(folder), warnings_shown():
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
            "version": version(),
            "seed": config.seed,
            "seconds": round(time.monotonic() - began, 2),
            **done.result,
        }
        folder.write_json(RESULT, result)
        log.info("done in %s s", result["seconds"])
    return done, result


def _answer(done: Done, path: str) -> None:
    for text in done.lines:
        say(text)
    say(f"result: {path}")
    if done.then:
        say(f"next: {done.then}")


def refuse(error: KataError) -> int:
    """Tell an error, and whether the job failed or was refused as an exit code."""
    from kata.datasets.types import ExecutionError, PlanError, SimulationError, StorageError

    sys.stderr.write(f"error: {error}\n")
    failed = isinstance(error, ExecutionError | PlanError | SimulationError | StorageError)
    return FAILED if failed else MISUSED


def say(text: str) -> int:
    """One line of the answer; the exit code of a job that is done."""
    sys.stdout.write(text + "\n")
    return OK
