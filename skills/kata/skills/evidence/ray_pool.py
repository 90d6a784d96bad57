"""A pool on Ray: processes that a cluster gives, of this machine or of many.

Calls travel in Ray's own pickle between processes of one user that trust each other; nothing
that was read from data is ever unpickled. A cluster of our own listens on loopback only.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from kata.datasets.types import (
    ConfigError,
    DatasetError,
    ExecutionError,
    KataError,
    MissingDependencyError,
    PackageError,
    StorageError,
)

from .pool import Answer, WorkerLostError, answer, given

_STORE_BYTES = 256 * 2**20
"""Results are small; Ray would reserve a third of the memory."""

_HANDED_ON = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"),
    *("MUJOCO_GL", "KATA_HOME", "MENAGERIE_ROOT"),
)
"""What a worker must know before it imports anything."""

_ELSEWHERE = (ConfigError, DatasetError, PackageError, StorageError)


class RayPool:
    """A `Pool` of Ray tasks; each is given one CPU, and never retried by Ray itself.

    Args:
        size: calls at a time.
        address: `host:port` of a cluster that runs already, or `auto`; without one, a cluster of
            our own is started on this machine and ended again. A program that has joined one
            before keeps it.
        logs: folder for the log files of a cluster of our own.

    `start` raises MissingDependencyError without Ray, ConfigError for a cluster without CPUs and
    ExecutionError for one that cannot be reached.
    """

    def __init__(self, size: int, address: str | None = None, logs: Path | None = None) -> None:
        self.size, self.address, self.logs = size, address, logs
        self._folder: Path | None = None
        self._call: Any = None
        self._joined = False

    def start(self) -> None:
        """Join the cluster, or start one. Takes some seconds the first time."""
        if self._call is not None:
            return
        if self.address:
            _check_reachable(self.address)
        with _own_signals(), contextlib.nullcontext() if self.address else _on_loopback():
            ray = _ray()
            if not ray.is_initialized():
                self._joined = True
                _join(ray, self._options())
        if ray.cluster_resources().get("CPU", 0) < 1:
            raise ConfigError("a cluster without CPUs", where=f"address={self.address}")
        remote = ray.remote(num_cpus=1, max_retries=0)(answer_there)
        node = ray.get_runtime_context().get_node_id()

        def submit(call: Callable[..., Any], arguments: Sequence[Any]) -> Any:
            return remote.remote(node, str(Path.cwd()), version(), call, tuple(arguments))

        self._call = submit

    def submit(self, call: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Give a call to the cluster. Call and arguments must be picklable."""
        return self._call(call, arguments)

    def finished(self, tickets: Collection[Any], timeout_s: float) -> list[Any]:
        """The calls that have ended."""
        ray, waiting = _ray(), list(tickets)
        if not ray.wait(waiting, num_returns=1, timeout=timeout_s)[0]:
            return []
        ended, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0)
        return list(ended)

    def result(self, ticket: Any) -> Any:
        """The answer of a call. Raises what it raised, WorkerLostError, and ExecutionError."""
        ray = _ray()
        lost = (
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.ObjectLostError,
            ray.exceptions.OutOfMemoryError,
        )
        try:
            return given(ray.get(ticket))
        except lost as error:
            raise WorkerLostError(type(error).__name__) from None
        except ray.exceptions.RayError as error:
            raise ExecutionError(
                "a worker of the cluster cannot read the work",
                where=f"address={self.address or 'local'}",
                got=_first_line(error.__cause__ or error),
                hint=f"install kata-robotics {version()} with the same Python on each machine",
            ) from error

    def close(self) -> None:
        """Leave the cluster; one of our own ends, and its log files are kept in `logs`."""
        self._call = None
        if self._joined:
            self._joined = False
            _ray().shutdown()
        if self._folder is not None:
            found = next(self._folder.glob("session_2*/logs"), None)
            if found is not None and self.logs is not None:
                shutil.copytree(found, self.logs, dirs_exist_ok=True, symlinks=True)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _options(self) -> dict[str, Any]:
        """What Ray is started, or joined, with."""
        quiet = {"configure_logging": False, "log_to_driver": False, "logging_level": "error"}
        if self.address:
            handed = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
            return {**quiet, "address": self.address, "runtime_env": {"env_vars": handed}}
        # Not in the run's folder: a path of a socket has 107 characters at most.
        self._folder = Path(tempfile.mkdtemp(prefix="kata-ray-"))
        return {
            **quiet,
            "num_cpus": self.size,
            "num_gpus": 0,
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
            "_node_ip_address": "127.0.0.1",
            "_temp_dir": str(self._folder),
        }


def answer_there(
    home: str, folder: str, wanted: str, call: Callable[..., Any], arguments: Sequence[Any]
) -> Answer:
    """In a worker: the answer; on another node than `home`, with what may be missing there.

    Relative paths mean those of the caller's `folder`. A ConfigError where it is not the wanted
    version of Kata that answers.
    """
    import ray

    if Path(folder).is_dir():
        os.chdir(folder)
    if wanted != version():
        return ConfigError("another version of Kata", expected=wanted, got=version()), None
    error, value = answer(call, arguments)
    if isinstance(error, _ELSEWHERE) and ray.get_runtime_context().get_node_id() != home:
        error = _lacking(error, socket.gethostname())
    return error, value


def _lacking(error: KataError, host: str) -> KataError:
    """The error of a worker on another machine, with what that one must have."""
    error.where = f"{error.where}, on the worker {host}".lstrip(", ")
    shared = "datasets, packages and libraries must lie there under the same path: share the folder"
    error.hint = f"{error.hint}; {shared}, or copy it".lstrip("; ")
    return error


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError:
        raise MissingDependencyError("ray", "ray", purpose="runtime=ray") from None
    return ray


def _join(ray: Any, options: dict[str, Any]) -> None:
    try:
        ray.init(**options)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        if "address" not in options:
            raise ExecutionError(
                "cannot start Ray",
                where="runtime=ray",
                got=_first_line(error),
                hint="runtime=local",
            ) from error
        raise ExecutionError(
            "cannot join the Ray cluster",
            where=f"address={options['address']}",
            got=_first_line(error),
            hint="`ray status` must work on this machine; where the cluster has a token, set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN",
        ) from error


def _check_reachable(address: str) -> None:
    """Raise at once where Ray would try for a minute."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdigit():
        raise ConfigError("not an address", where="address", expected="HOST:PORT", got=address)
    try:
        socket.create_connection((host, int(port)), timeout=5.0).close()
    except (OSError, OverflowError) as error:
        raise ExecutionError(
            "no Ray cluster there",
            where=f"address={address}",
            got=str(error),
            hint="start one with `ray start --head`, or leave address out",
        ) from None


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """The surroundings in which a cluster of our own starts, seen by this machine alone.

    Ray replaces 127.0.0.1 by the address of a network unless it believes that this system knows
    no clusters, as on macOS.
    """
    values = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    if "ray" not in sys.modules:
        # It is read once, at the import; a new one is known to nobody else.
        values["RAY_AUTH_TOKEN"] = os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)
        values["RAY_AUTH_MODE"] = "token"
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    _ray()
    from ray._private import ray_constants

    clusters, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = clusters
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Ray would take a polite kill for itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def version() -> str:
    """The version that every worker must have too."""
    return importlib.metadata.version("kata-robotics")


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
