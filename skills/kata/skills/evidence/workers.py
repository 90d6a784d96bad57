"""Named calls on workers: each answered once, however often a worker dies on the way."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from kata.datasets.types import ConfigError, ExecutionError

from .pool import Pool, Ticket, WorkerLostError
from .processes import ProcessPool

QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LP_NUM_THREADS": "1",
}
"""One thread a process, set before torch is imported: small networks are ten times faster so."""

Tick = Callable[[], None]

_LOG = logging.getLogger("kata.skills.evidence")

RETRIES = 2
"""A call whose worker died is made again so often: more deaths are no accident."""


def quiet_threads() -> None:
    """Ask every numerical library for one thread; what the user has set wins."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


class Workers:
    """Workers for named calls; a context manager that leaves no process behind.

    Args:
        count: calls at a time; with 1 and no pool, they run in this process.
        pool: where they run; processes of this machine unless given.

    Raises ConfigError for a count below 1.
    """

    def __init__(self, count: int, pool: Pool | None = None) -> None:
        if count < 1:
            raise ConfigError("no workers", where="workers", expected="1 or more", got=str(count))
        self.count = count
        self._pool = pool or (ProcessPool(count) if count > 1 else None)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers at once; what they were doing is lost."""
        if self._pool is not None:
            self._pool.close()

    def run[T](
        self,
        work: Mapping[str, tuple[Callable[..., T], Sequence[Any]]],
        tick: Tick | None = None,
        instead: Callable[[str, Exception], T] | None = None,
    ) -> Generator[tuple[str, T]]:
        """Run each named call and yield its result as it comes.

        `tick` is called about once a second while workers are busy. Calls and results must be
        picklable. A worker that dies costs only the call it was at: that one is made again, after
        all others. Raises what a call raises, and ExecutionError for a call whose worker died
        each time; the workers have ended then. With `instead`, the result of such a call is what
        that gives for its name and error, and the others are still made.

        Ctrl-C and a polite kill raise KeyboardInterrupt where the next result is asked for, or
        where this is closed.
        """
        if self._pool is None:
            for name, (call, arguments) in work.items():
                try:
                    found = call(*arguments)
                except Exception as error:
                    if instead is None:
                        raise
                    found = instead(name, error)
                yield name, found
            return
        with _deferred_interrupts() as stopped:
            try:
                quiet_threads()
                self._pool.start()
                yield from _collect(self._pool, work, tick, stopped, instead)
            except BaseException:
                self.close()
                raise


def _collect[T](
    pool: Pool,
    work: Mapping[str, tuple[Callable[..., T], Sequence[Any]]],
    tick: Tick | None,
    stopped: Callable[[], bool],
    instead: Callable[[str, Exception], T] | None,
) -> Iterator[tuple[str, T]]:
    left, deaths = deque(work), Counter[str]()
    busy: dict[Ticket, str] = {}
    found: list[tuple[str, T]] = []
    given_up: ExecutionError | None = None
    while left or busy:
        while left and len(busy) < pool.size:
            name = left.popleft()
            busy[pool.submit(*work[name])] = name
        # Only now, so that no worker waits for what the caller does with a result.
        yield from found
        found.clear()
        ended = pool.finished(busy, timeout_s=0.5)
        if stopped():
            raise KeyboardInterrupt
        if tick:
            tick()
        for ticket in sorted(ended, key=lambda ticket: busy[ticket]):
            name = busy.pop(ticket)
            try:
                found.append((name, pool.result(ticket)))
            except WorkerLostError as lost:
                deaths[name] += 1
                if deaths[name] <= RETRIES:
                    _LOG.warning("%s: its worker died (%s), so it is done once more", name, lost)
                    left.append(name)
                    continue
                hopeless = _gives_up(name, deaths[name], lost)
                if instead is None:
                    # The rest has done nothing wrong: it is finished first, and not lost.
                    given_up = given_up or hopeless
                    continue
                found.append((name, instead(name, hopeless)))
            except Exception as error:
                if instead is None:
                    yield from found
                    raise
                found.append((name, instead(name, error)))
    yield from found
    if given_up is not None:
        raise given_up


def _gives_up(name: str, deaths: int, lost: WorkerLostError) -> ExecutionError:
    return ExecutionError(
        "a worker process died",
        where=name,
        got=f"{deaths} deaths at the same work, the last: {lost}",
        hint="often the memory is full: try workers=1",
    )


@contextlib.contextmanager
def _deferred_interrupts() -> Iterator[Callable[[], bool]]:
    """Meanwhile Ctrl-C and a polite kill are only noted; what it yields says whether one came.

    An interruption inside the pool's own locks would leave them held, and its thread waiting.
    Raises KeyboardInterrupt at the end where one came, unless an error is under way.
    """
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {
        number: signal.signal(number, lambda number, _frame: noted.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(noted)
    except GeneratorExit:
        # The caller has enough, which is no error: what was noted meanwhile still counts.
        if not noted:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if noted:
        raise KeyboardInterrupt
