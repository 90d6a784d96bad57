"""A process of its own for what is not trusted: bounded in time and memory, without a network.

What holds inside, as far as the system grants it (`Sandbox.enforced` says what it did):

| bound | by |
|---|---|
| wall time of a call | the parent, which kills the process |
| address space | `RLIMIT_AS` |
| size of any file that is written, core dumps | `RLIMIT_FSIZE` of 0, `RLIMIT_CORE` of 0 |
| no network | a network namespace of its own, where the kernel lets users make one; else none |
| no socket, no program, no file to write | Python's audit hook, for Python code only |
| nothing secret in the environment | all variables but a few are dropped |
| only data comes back | JSON of bounded size; nothing that the process says is unpickled |

There is no seccomp filter, and files that the user may read can be read: a package holds no code,
so that this bounds what a policy's numbers can do, and what a fault in a reader of them could.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any

from kata.datasets.children import deaf, end_with_parent, how_it_ended
from kata.datasets.types import ExecutionError

from .workers import quiet_threads

_KEPT = frozenset({"PATH", "HOME", "LANG", "KATA_HOME", "MUJOCO_GL", "MENAGERIE_ROOT", "TMPDIR"})
_THREADS = ("OMP_", "OPENBLAS_", "MKL_", "LP_")
_LARGEST = 16 << 20
"""Bytes of an answer."""

_FORBIDDEN = (
    "socket.connect",
    "socket.bind",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.truncate",
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a call inside may take.

    Attributes:
        seconds: wall time of one call; the first one also pays for starting the process.
        memory_gib: address space of the process, libraries included.
    """

    seconds: float = 120.0
    memory_gib: float = 8.0


class SandboxStoppedError(Exception):
    """A call was stopped, or died; the text says why."""


class Sandbox:
    """Calls in a process that is bounded; a context manager that leaves no process behind.

    After a call that was stopped, the next one gets a fresh process.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self.enforced: dict[str, str] = {}
        self._process: SpawnProcess | None = None
        self._line: Connection | None = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process at once."""
        if self._process is not None and self._line is not None:
            self._process.kill()
            self._process.join()
            self._line.close()
        self._process = self._line = None

    def call(self, call: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """What a call gives, as plain data. Call and arguments must be picklable.

        Raises SandboxStoppedError where it took too long or too much, or died, and ExecutionError
        with the words of what it raised.
        """
        line = self._line or self._start()
        line.send((call, tuple(arguments)))
        try:
            if not line.poll(self.bounds.seconds):
                self.close()
                raise SandboxStoppedError(f"not done after {self.bounds.seconds:g} s")
            data = json.loads(line.recv_bytes(_LARGEST))
        except (EOFError, OSError, ValueError):
            process = self._process
            assert process is not None
            process.join(5.0)
            text = how_it_ended(process.exitcode)
            self.close()
            raise SandboxStoppedError(f"its process died: {text}") from None
        if "error" in data:
            if data["error"] == MemoryError.__name__:
                self.close()
                raise SandboxStoppedError(f"more than {self.bounds.memory_gib:g} GiB of memory")
            raise ExecutionError(str(data["error"])[:500], where=str(data["where"])[:200])
        return data["value"]

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        quiet_threads()
        self._line, other = context.Pipe()
        memory = int(self.bounds.memory_gib * 2**30)
        self._process = context.Process(target=_serve, args=(other, memory), daemon=False)
        with deaf():
            self._process.start()
        other.close()
        if not self._line.poll(self.bounds.seconds):
            self.close()
            raise SandboxStoppedError(f"not started after {self.bounds.seconds:g} s")
        self.enforced = json.loads(self._line.recv_bytes(_LARGEST))
        return self._line


def _serve(line: Connection, memory: int) -> None:
    """Bound the own process, say how, and answer calls until the line ends."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    enforced = _enter(memory)
    end_with_parent()
    line.send_bytes(json.dumps(enforced).encode())
    while True:
        try:
            # From the parent only: what comes back is never unpickled.
            call, arguments = line.recv()
        except (EOFError, OSError):
            return
        try:
            answer = {"value": call(*arguments)}
            told = json.dumps(answer, allow_nan=False).encode()
        except MemoryError:
            told = json.dumps({"error": MemoryError.__name__, "where": ""}).encode()
        except Exception as error:  # noqa: BLE001  # it is told to the parent in words
            first = str(error).partition("\n")[0]
            words, name = f"{type(error).__name__}: {first}", getattr(call, "__name__", "")
            told = json.dumps({"error": words, "where": name}).encode()
        line.send_bytes(told)


def _enter(memory: int) -> dict[str, str]:
    """Give up what is not needed; what was given up, in words."""
    import resource

    for name in list(os.environ):
        if name not in _KEPT and not name.startswith(_THREADS):
            del os.environ[name]
    enforced = {"environment": "a few variables only", "network": _leave_network()}
    for name, kind, most in (
        ("memory", resource.RLIMIT_AS, memory),
        ("files", resource.RLIMIT_FSIZE, 0),
        ("core", resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(kind, (most, most))
            enforced[name] = f"at most {most} bytes"
        except (OSError, ValueError) as error:
            enforced[name] = f"not bounded: {error}"
    # A write beyond the limit is an error to handle, not a signal to die of.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sys.addaudithook(_refuse)
    enforced["python"] = "no socket, no other program, no file opened to write"
    return enforced


def _leave_network() -> str:
    """Move into a network namespace without any interface, where that is allowed."""
    if not hasattr(os, "unshare"):
        return "not bounded: this system has no namespaces"
    try:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
    except OSError as error:
        return f"not bounded by the kernel: {error.strerror}"
    return "none: a namespace of its own"


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and any(letter in str(arguments[1] or "") for letter in "wax+")
    if event in _FORBIDDEN or (writes and arguments[0] != os.devnull):
        raise PermissionError(f"'{event}' is not allowed in an audit")
