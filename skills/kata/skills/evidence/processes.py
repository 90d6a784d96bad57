"""A pool of processes on this machine: spawned, one torch thread each, gone with the parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Collection, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from kata.datasets.children import deaf, end_with_parent, how_it_ended

from .pool import WorkerLostError, answer, given


class _Worker:
    """One process and the line to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, other = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(other,), daemon=False)
        with deaf():
            self.process.start()
        other.close()

    def end(self) -> None:
        self.process.terminate()
        self.process.join()
        self.line.close()


class ProcessPool:
    """A `Pool` of processes of this machine, each on a line of its own: one death is one loss."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, _Worker] = {}

    def start(self) -> None:
        """Nothing: each process starts when a call needs it."""

    def submit(self, call: Callable[..., Any], arguments: Sequence[Any]) -> Connection:
        """Give a call to an idle process, or to a new one. Call and arguments must be picklable."""
        worker = self._idle.pop() if self._idle else _Worker()
        self._busy[worker.line] = worker
        # One that died while it was idle is found out as any other: by the end of its line.
        with contextlib.suppress(ConnectionError):
            worker.line.send((call, tuple(arguments)))
        return worker.line

    def finished(self, tickets: Collection[Connection], timeout_s: float) -> list[Connection]:
        """The lines on which there is an answer, or the end."""
        ready = wait(list(tickets), timeout_s)
        return [line for line in ready if isinstance(line, Connection)]

    def result(self, ticket: Connection) -> Any:
        """The answer of a call. Raises what it raised, and WorkerLostError."""
        worker = self._busy.pop(ticket)
        try:
            found = ticket.recv()
        except (EOFError, ConnectionError):
            worker.process.join()
            worker.line.close()
            raise WorkerLostError(how_it_ended(worker.process.exitcode)) from None
        self._idle.append(worker)
        return given(found)

    def close(self) -> None:
        """End the processes, busy or not."""
        for worker in (*self._idle, *self._busy.values()):
            worker.end()
        self._idle.clear()
        self._busy.clear()


def _serve(line: Connection) -> None:
    """Answer calls until the line ends."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    while True:
        try:
            found = answer(*line.recv())
        except (EOFError, ConnectionError):
            return
        except Exception as error:  # noqa: BLE001  # a call that cannot be read is an answer too
            found = (error, None)
        try:
            line.send(found)
        except ConnectionError:
            return
        except Exception as error:  # noqa: BLE001  # nor can every result be sent
            line.send((error, None))
