"""The command `kata`: reads the line, opens the folder, calls the verb, writes the result."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from . import help as pages
from .arguments import split
from .keys import verb_keys
from .running import FAILED, INTERRUPTED, refuse, run_once, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done; 1 the job failed; 2 the request cannot be met as it was put; 130 interrupted.
    """
    line = list(sys.argv[1:] if arguments is None else arguments)
    if not line or line[0] in ("-h", "--help", "help"):
        return say(pages.main_page())
    if line[0] in ("-V", "--version"):
        return say(f"kata {pages.version()}")
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
        return refuse(error)


def _verb(verb: str, rest: list[str]) -> int:
    keys = verb_keys(verb)
    arguments = split(rest, keys)
    if arguments.help:
        return say(pages.verb_page(verb))
    from kata.skills.evidence.workers import quiet_threads

    from . import graphics
    from .configuration import compose

    quiet_threads()
    graphics.choose()
    _stop_like_interrupt()
    if arguments.multirun:
        from .sweeping import run_sweep

        return run_sweep(verb, arguments)
    code, _ = run_once(compose(arguments, keys), rest)
    return code


def _stop_like_interrupt() -> None:
    """A polite `kill` says how to go on, as Ctrl-C does."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


if __name__ == "__main__":
    sys.exit(main())
