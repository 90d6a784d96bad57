"""Work in other processes: spawned, quiet, one torch thread each, gone when the parent goes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from kata.datasets.types import ExecutionError

QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LP_NUM_THREADS": "1",
}
"""One thread a process, set before torch is imported: small networks are ten times faster so."""


def quiet_threads(environment: dict[str, str] | None = None) -> None:
    """Ask every numerical library for one thread; what the user has set wins."""
    target = os.environ if environment is None else environment
    for name, value in QUIET.items():
        target.setdefault(name, value)


def run_all[T](
    work: Mapping[str, tuple[Callable[..., T], Sequence[Any]]],
    workers: int,
    tick: Callable[[], None] | None = None,
) -> Iterator[tuple[str, T]]:
    """Run each named call and yield its result as it comes; at most `workers` at a time.

    `tick` is called about once a second while workers are at work.
    Calls and results must be picklable. With one worker, or one call, everything runs in this
    process. An interruption ends the workers at once. Raises what a call raises, and ExecutionError
    for a worker that dies.
    """
    if workers <= 1 or len(work) <= 1:
        for name, (call, arguments) in work.items():
            yield name, call(*arguments)
        return
    quiet_threads()
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(workers, len(work)), context, _begin)
    try:
        pending = {pool.submit(call, *args): name for name, (call, args) in work.items()}
        yield from _collect(pending, tick)
    except BaseException:
        # Waiting for running calls would keep the user waiting after Ctrl-C.
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collect[T](
    pending: dict[Future[T], str], tick: Callable[[], None] | None
) -> Iterator[tuple[str, T]]:
    while pending:
        finished, _ = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
        if tick:
            tick()
        for future in sorted(finished, key=lambda f: pending[f]):
            name = pending.pop(future)
            try:
                result = future.result()
            except BrokenProcessPool as error:
                raise ExecutionError(
                    "a worker process died",
                    where=name,
                    got=str(error),
                    hint="often the memory is full: try workers=1",
                ) from None
            yield name, result


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
