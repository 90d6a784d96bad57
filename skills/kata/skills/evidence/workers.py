"""Work in other processes: spawned, quiet, one torch thread each, gone when the parent goes."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

from kata.datasets.types import ConfigError, ExecutionError

QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LP_NUM_THREADS": "1",
}
"""One thread a process, set before torch is imported: small networks are ten times faster so."""

Tick = Callable[[], None]


def quiet_threads() -> None:
    """Ask every numerical library for one thread; what the user has set wins."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


class Workers:
    """Worker processes for named calls; a context manager that leaves no process behind.

    Args:
        count: processes, started when first needed; with 1, calls run in this process.

    Raises ConfigError for a count below 1.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ConfigError("no workers", where="workers", expected="1 or more", got=str(count))
        self.count = count
        self._pool: ProcessPoolExecutor | None = None
        self._others: set[BaseProcess] = set()

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
        """End the processes at once; what they were doing is lost."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        # Waiting for running calls would keep the user waiting after Ctrl-C.
        for child in set(multiprocessing.active_children()) - self._others:
            child.terminate()
        pool.shutdown(wait=True, cancel_futures=True)

    def run[T](
        self,
        work: Mapping[str, tuple[Callable[..., T], Sequence[Any]]],
        tick: Tick | None = None,
    ) -> Iterator[tuple[str, T]]:
        """Run each named call and yield its result as it comes.

        `tick` is called about once a second while processes are at work. Calls and results must
        be picklable. Raises what a call raises, and ExecutionError for a process that dies; the
        processes have ended then.
        """
        if self.count == 1:
            for name, (call, arguments) in work.items():
                yield name, call(*arguments)
            return
        with _deferred_interrupts() as stopped:
            try:
                yield from self._collect(work, tick, stopped)
            except BaseException:
                self.close()
                raise

    def _collect[T](
        self,
        work: Mapping[str, tuple[Callable[..., T], Sequence[Any]]],
        tick: Tick | None,
        stopped: Callable[[], bool],
    ) -> Iterator[tuple[str, T]]:
        pool, left = self._started(), iter(work.items())
        pending: dict[Future[T], str] = {}
        while True:
            # A few ahead keep every process busy; all at once would fill the memory.
            for name, (call, arguments) in itertools.islice(left, 2 * self.count - len(pending)):
                pending[pool.submit(call, *arguments)] = name
            if not pending:
                return
            finished, _ = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
            if stopped():
                raise KeyboardInterrupt
            if tick:
                tick()
            for future in sorted(finished, key=lambda f: pending[f]):
                name = pending.pop(future)
                yield name, _result(future, name)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            quiet_threads()
            context = multiprocessing.get_context("spawn")
            self._others = set(multiprocessing.active_children())
            self._pool = ProcessPoolExecutor(self.count, context, _begin)
        return self._pool


def _result[T](future: Future[T], name: str) -> T:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise ExecutionError(
            "a worker process died",
            where=name,
            got=str(error),
            hint="often the memory is full: try workers=1",
        ) from None


@contextlib.contextmanager
def _deferred_interrupts() -> Iterator[Callable[[], bool]]:
    """Meanwhile Ctrl-C and a polite kill are only noted; what it yields says whether one came.

    An interruption inside the pool's own locks would leave them held, and its thread waiting.
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
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _begin() -> None:
    """First act of a worker: leave Ctrl-C to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
