"""What a person sees meanwhile: bars with ETA on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Advance = Callable[[float], None]
"""Takes how much is done so far."""

_LINE_EVERY_S = 15.0


def say(text: str = "") -> None:
    """One line of the answer, to stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One line on the way, to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextlib.contextmanager
def bar(title: str, total: float) -> Iterator[Advance]:
    """A bar for `total` steps; call what it yields with the number that are done."""
    with bars() as add:
        yield add(title, total)


@contextlib.contextmanager
def bars() -> Iterator[Callable[[str, float], Advance]]:
    """Several bars at once; what it yields adds one and returns its `Advance`."""
    if not sys.stderr.isatty():
        yield _Lines
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def add(title: str, total: float) -> Advance:
            task = progress.add_task(title, total=total)

            def advance(done: float) -> None:
                progress.update(task, completed=done)

            return advance

        yield add


class _Lines:
    """A bar for a file or a pipe: a line now and then, and one at the end."""

    def __init__(self, title: str, total: float) -> None:
        self.title, self.total = title, total
        self.began = self.said = time.monotonic()
        self.first = -1.0
        self.over = False

    def __call__(self, done: float) -> None:
        now = time.monotonic()
        if self.first < 0:
            self.first = done
        if self.over or (done < self.total and now - self.said < _LINE_EVERY_S):
            return
        self.over = done >= self.total
        self.said = now
        spent = now - self.began
        pace = spent / (done - self.first) if done > self.first else None
        tail = "" if pace is None else f", about {pace * (self.total - done):.0f} s left"
        if done >= self.total:
            tail = f", {spent:.0f} s"
        note(f"{self.title}: {done:.0f}/{self.total:.0f}{tail}")


def spread(advance: Advance, parts: int) -> Callable[[int, float], None]:
    """Sums what several workers have done: call it with a worker's index and its own number."""
    done = [0.0] * parts

    def of_part(index: int, value: float) -> None:
        done[index] = value
        advance(sum(done))

    return of_part


def percent(block: Any) -> str:
    """A rate with its interval, as in `92.0 % (85.0 to 95.9)`."""
    return f"{100 * block['rate']:.1f} % ({bounds(block['interval'])})"


def bounds(interval: Sequence[float]) -> str:
    """An interval in percent, as in `85.0 to 95.9`."""
    low, high = interval
    return f"{100 * low:.1f} to {100 * high:.1f}"
