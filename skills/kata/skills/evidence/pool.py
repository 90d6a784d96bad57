"""Jobs by seed on worker processes: the same results, seed by seed, as in one process.

A job is built once a process by a picklable `build` and called with each seed. The parent hands
out blocks of seeds, so that progress shows and Ctrl-C loses at most a block.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, Self

import numpy as np

from kata.datasets.types import ConfigError, ExecutionError

Job = Callable[[int], Any]
Build = Callable[[], Job]
Progress = Callable[[int, int], None]
"""Called with how many are done, of how many."""

_BLOCK = 5
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS")

# What this process built last, with the token of its `build`: a world costs more than a block.
_built: dict[bytes, Job] = {}


class SeedPool:
    """Worker processes for jobs by seed; a context manager.

    Args:
        workers: processes; 1 runs the jobs here. Several maps may use one pool.
    """

    def __init__(self, workers: int = 1) -> None:
        if workers < 1:
            raise ConfigError("not a number of workers", expected="1 or more", got=str(workers))
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def map[T](
        self,
        build: Callable[[], Callable[[int], T]],
        seeds: Sequence[int],
        progress: Progress | None = None,
    ) -> list[T]:
        """Results in the order of `seeds`.

        Raises:
            ExecutionError: a worker died; names the seeds that were lost.
            Whatever a job raises, once all running blocks have ended.
        """
        if self.workers == 1 or len(seeds) <= 1:
            return self._here(build, seeds, progress)
        token = pickle.dumps(build)
        size = max(1, min(_BLOCK, len(seeds) // (2 * self.workers)))
        blocks = [tuple(seeds[i : i + size]) for i in range(0, len(seeds), size)]
        results: dict[int, list[T]] = {}
        try:
            pool = self._started()
            running: dict[Future[list[Any]], int] = {}
            left = iter(enumerate(blocks))
            self._fill(pool, running, left, token)
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    results[running.pop(future)] = future.result()
                self._fill(pool, running, left, token)
                if progress is not None:
                    progress(sum(len(block) for block in results.values()), len(seeds))
        except BrokenProcessPool:
            self.close(now=True)
            lost = [s for i, block in enumerate(blocks) if i not in results for s in block]
            raise ExecutionError(
                "a worker process died",
                where=f"seeds {lost[0]} to {lost[-1]}",
                got=f"{len(results)} of {len(blocks)} blocks of seeds are done",
                hint="often it ran out of memory: try fewer workers; workers=1 shows the error",
            ) from None
        except BaseException:
            self.close(now=True)
            raise
        return list(itertools.chain.from_iterable(results[i] for i in range(len(blocks))))

    def close(self, *, now: bool = False) -> None:
        """End the workers; with `now`, without waiting for what they do."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if now:
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.terminate()
        pool.shutdown(wait=not now, cancel_futures=True)

    def _here[T](
        self,
        build: Callable[[], Callable[[int], T]],
        seeds: Iterable[int],
        progress: Progress | None,
    ) -> list[T]:
        job, results = build(), []
        todo = list(seeds)
        for seed in todo:
            results.append(job(seed))
            if progress is not None:
                progress(len(results), len(todo))
        return results

    def _fill(
        self,
        pool: ProcessPoolExecutor,
        running: dict[Future[list[Any]], int],
        left: Iterable[tuple[int, tuple[int, ...]]],
        token: bytes,
    ) -> None:
        """Two blocks a worker on their way, so that none waits."""
        for index, block in itertools.islice(left, max(0, 2 * self.workers - len(running))):
            running[pool.submit(_run_block, token, block)] = index

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            kinds = multiprocessing.get_all_start_methods()
            # A fork of this process would copy its threads' locks and its GL state.
            context = multiprocessing.get_context(
                "forkserver" if "forkserver" in kinds else "spawn"
            )
            for name in _THREADS:
                os.environ.setdefault(name, "1")
            self._pool = ProcessPoolExecutor(self.workers, context, initializer=_quiet)
        return self._pool


def trial_seeds(seed: int, count: int, stream: int = 0) -> tuple[int, ...]:
    """Seeds of `count` trials, others for each `seed` and `stream`.

    With more of them, the first ones stay the same.
    """
    return tuple(
        int(np.random.SeedSequence([seed, stream, i]).generate_state(1)[0] >> 1)
        for i in range(count)
    )


def _quiet() -> None:
    """In a worker: the parent alone hears Ctrl-C, and a worker ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _run_block(token: bytes, seeds: Sequence[int]) -> list[Any]:
    """In a worker: the job of `token` for each seed."""
    job = _built.get(token)
    if job is None:
        _built.clear()
        # The token comes from our own parent process, through its pipe.
        job = _built[token] = pickle.loads(token)()  # noqa: S301
    return [job(seed) for seed in seeds]
