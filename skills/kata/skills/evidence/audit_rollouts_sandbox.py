"""A process of its own for what is not trusted: bounded in time and memory, without a network.

What holds inside, as far as the system grants it; `Sandbox.enforced` says what a test inside the
process itself found to hold:

| bound | by |
|---|---|
| wall time of a call, to the last byte of its answer | the parent, which kills the process |
| address space | `RLIMIT_AS` |
| size of any file that is written, core dumps | `RLIMIT_FSIZE` of 0, `RLIMIT_CORE` of 0 |
| no network | a network namespace of its own, where the kernel lets users make one; else none |
| no socket, program, signal or ctypes; no file made or changed | Python's audit hook: Python code |
| nothing secret in `os.environ` | all variables but a few are dropped |
| only data comes back | JSON of bounded size; nothing that the process says is unpickled |

There is no seccomp filter: compiled code can do what its user can, but for the limits and the
namespace. Files that the user may read can be read, `/proc/self/environ` among them. A package
holds no code, so that this bounds what a policy's numbers can do, and what a fault in a reader of
them could.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any

from kata.datasets.children import deaf, end_with_parent, how_it_ended
from kata.datasets.types import ExecutionError

from .audit_rollouts_refusals import (
    can_grow_a_file,
    can_map,
    reaches_loopback,
    refuse_the_rest,
)
from .workers import quiet_threads

_KEPT = frozenset({"PATH", "HOME", "LANG", "KATA_HOME", "MUJOCO_GL", "MENAGERIE_ROOT", "TMPDIR"})
_THREADS = ("OMP_", "OPENBLAS_", "MKL_", "LP_")
_LARGEST = 16 << 20
"""Bytes of an answer."""

_HEAD = struct.Struct("!q")
"""Before each answer: its bytes."""


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
        try:
            line.send((call, tuple(arguments)))
            data = _answer(line, self.bounds.seconds)
        except TimeoutError:
            self.close()
            raise SandboxStoppedError(f"not done after {self.bounds.seconds:g} s") from None
        except (EOFError, OSError, ValueError):
            process = self._process
            assert process is not None
            process.join(5.0)
            code = process.exitcode
            self.close()
            if code is None:
                raise SandboxStoppedError("it gave no answer that can be read") from None
            raise SandboxStoppedError(f"its process died: {how_it_ended(code)}") from None
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
        try:
            self.enforced = _answer(self._line, self.bounds.seconds)
        except TimeoutError:
            self.close()
            raise SandboxStoppedError(f"not started after {self.bounds.seconds:g} s") from None
        except (EOFError, OSError, ValueError):
            self.close()
            raise SandboxStoppedError("its process died before it began") from None
        return self._line


def _answer(line: Connection, seconds: float) -> dict[str, Any]:
    """What the child says, whole, within this time.

    It may write half an answer and wait, so that every read has the deadline. Raises TimeoutError,
    EOFError or OSError where the child ended, ValueError for what is no answer.
    """
    until = time.monotonic() + seconds
    (size,) = _HEAD.unpack(_exactly(line, _HEAD.size, until))
    if not 0 <= size <= _LARGEST:
        raise ValueError(f"an answer of {size} bytes")
    data = json.loads(_exactly(line, size, until))
    if not isinstance(data, dict):
        raise ValueError("an answer of another form")
    return data


def _exactly(line: Connection, size: int, until: float) -> bytes:
    found = bytearray()
    while len(found) < size:
        if not line.poll(max(0.0, until - time.monotonic())):
            raise TimeoutError
        part = os.read(line.fileno(), min(size - len(found), 1 << 16))
        if not part:
            raise EOFError
        found += part
    return bytes(found)


def _tell(line: Connection, told: bytes) -> None:
    left = memoryview(_HEAD.pack(len(told)) + told)
    while left:
        left = left[os.write(line.fileno(), left) :]


def _serve(line: Connection, memory: int) -> None:
    """Bound the own process, say how, and answer calls until the line ends."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    enforced = _enter(memory)
    end_with_parent()
    _tell(line, json.dumps(enforced).encode())
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
        _tell(line, told)


def _enter(memory: int) -> dict[str, str]:
    """Give up what is not needed; what a test then found to be gone, in words."""
    import resource
    import tempfile

    # Found and kept while a file can still be made: libraries ask for it when they are imported.
    tempfile.gettempdir()
    for name in list(os.environ):
        if not _is_kept(name):
            del os.environ[name]
    kept = all(map(_is_kept, os.environ))
    enforced = {
        "environment": "a few variables only" if kept else "not bounded",
        "network": _leave_network(),
    }
    # A write beyond the limit is an error to handle, not a signal to die of.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    bounds: tuple[tuple[str, int, int, Callable[[], bool]], ...] = (
        ("memory", resource.RLIMIT_AS, memory, lambda: can_map(memory)),
        ("files", resource.RLIMIT_FSIZE, 0, can_grow_a_file),
        ("core", resource.RLIMIT_CORE, 0, lambda: any(resource.getrlimit(resource.RLIMIT_CORE))),
    )
    for name, kind, most, is_open in bounds:
        try:
            resource.setrlimit(kind, (most, most))
            held = f"at most {most} bytes"
            enforced[name] = "not bounded: a test went beyond it" if is_open() else held
        except (OSError, ValueError) as error:
            enforced[name] = f"not bounded: {error}"
    enforced["python"] = refuse_the_rest()
    return enforced


def _is_kept(name: str) -> bool:
    return name in _KEPT or name.startswith(_THREADS)


def _leave_network() -> str:
    """Move into a network namespace without any interface, where that is allowed."""
    if not hasattr(os, "unshare"):
        return "not bounded by the kernel: this system has no namespaces"
    try:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
    except OSError as error:
        return f"not bounded by the kernel: {error.strerror}"
    if reaches_loopback():
        return "not bounded by the kernel: a test reached this machine"
    return "none: a namespace of its own"
