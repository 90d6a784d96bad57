"""What Python refuses inside the sandbox of an audit, and a test in the child that it does.

Python's audit hook sees what Python code asks for, not what compiled code does by itself. So what
is reported as refused was tried in the same process, each by a call that changes nothing where it
is let through: on a path that is not there, or with the signal 0.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_FORBIDDEN = frozenset(
    f"os.{name}"
    for name in (
        *("link", "symlink", "rename", "remove", "rmdir", "mkdir", "truncate", "chmod", "chown"),
        *("chflags", "utime", "setxattr", "removexattr", "lockf", "kill", "killpg", "system"),
        *("exec", "fork", "forkpty", "posix_spawn", "spawn", "startfile"),
    )
) | {"subprocess.Popen", "pty.spawn", "signal.pthread_kill", "fcntl.flock", "fcntl.lockf"}

_UNHEARD = {
    "os": ("mkfifo", "mknod"),
    "posix": ("mkfifo", "mknod"),
    "signal": ("pidfd_send_signal",),
    "_signal": ("pidfd_send_signal",),
}
"""Functions that Python does not report to its hook, by module: they are taken away."""

_LIBRARIES = ("importlib._bootstrap", "OpenGL", "mujoco")
"""Who may load compiled libraries: modules that are being imported, and what draws pictures."""

_NOWHERE = "/nonexistent-kata-audit/file"


def refuse_the_rest() -> str:
    """Refuse it from now on, for the life of this process; what a test found, in words."""
    sys.dont_write_bytecode = True
    for where, names in _UNHEARD.items():
        module = sys.modules.get(where)
        for name in names:
            if hasattr(module, name):
                setattr(module, name, _taken_away(name))
    sys.addaudithook(_refuse)
    return _told({name: _is_refused(attempt) for name, attempt in _attempts().items()})


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook."""
    if event == "open":
        # os.open() gives no mode, so that the flags are judged, too.
        path, mode, flags = (*arguments, None, None)[:3]
        by_mode = any(letter in str(mode or "") for letter in "wax+")
        by_flags = isinstance(flags, int) and bool(flags & _WRITES)
        refused = (by_mode or by_flags) and path != os.devnull
    elif event in ("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function"):
        refused = not _is_library(sys._getframe(1))
    else:
        network = event.startswith("socket.") and event != "socket.gethostname"
        refused = network or event in _FORBIDDEN
    if refused:
        raise _refusal(event)


def _refusal(event: str) -> PermissionError:
    return PermissionError(f"'{event}' is not allowed in an audit")


def _is_library(frame: FrameType | None) -> bool:
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        # The exact package, or a part of it: another module may begin with the same letters.
        if any(f"{name}.".startswith(f"{known}.") for known in _LIBRARIES):
            return True
        frame = frame.f_back
    return False


def _taken_away(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise _refusal(name)

    return refuse


def _attempts() -> Mapping[str, Callable[[], object]]:
    """One try of each sort, by what it is called; none does anything where it is let through."""
    import ctypes
    import socket
    import subprocess

    nowhere, there = Path(_NOWHERE), f"{_NOWHERE}-2"
    return {
        "open to write": lambda: nowhere.open("w"),
        "os.open to write": lambda: os.open(_NOWHERE, os.O_WRONLY),
        "os.open to truncate": lambda: os.open(_NOWHERE, os.O_TRUNC),
        "link": lambda: os.link(_NOWHERE, there),
        "symlink": lambda: nowhere.symlink_to(there),
        "rename": lambda: nowhere.rename(there),
        "remove": nowhere.unlink,
        "mkdir": nowhere.mkdir,
        "rmdir": nowhere.rmdir,
        "mkfifo": lambda: os.mkfifo(_NOWHERE),
        "truncate": lambda: os.truncate(_NOWHERE, 0),
        "chmod": lambda: nowhere.chmod(0),
        "chown": lambda: os.chown(_NOWHERE, -1, -1),
        "utime": lambda: os.utime(_NOWHERE),
        "signals": lambda: os.kill(os.getpid(), 0),
        "sockets": lambda: socket.socket().close(),
        "other programs": lambda: subprocess.Popen([_NOWHERE]),
        "exec": lambda: os.execv(_NOWHERE, [_NOWHERE]),
        "spawn": lambda: os.posix_spawn(_NOWHERE, [_NOWHERE], {}),
        "ctypes": lambda: ctypes.CDLL(None),
    }


def _is_refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except PermissionError as error:
        # The system's own refusal has a number; it is not the one that is tested here.
        return error.errno is None
    except Exception:  # noqa: BLE001  # it was let through, and failed on its own
        return False
    return False


def _told(refused: Mapping[str, bool]) -> str:
    held = [name for name, holds in refused.items() if holds]
    open_ = [name for name, holds in refused.items() if not holds]
    words = f"refused to Python code: {', '.join(held)}" if held else "nothing is refused"
    return f"{words}; not refused: {', '.join(open_)}" if open_ else words


def reaches_loopback() -> bool:
    """Whether a datagram finds a way to this machine itself: without any network, it does not."""
    import socket

    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.sendto(b"", ("127.0.0.1", 9))
    except OSError:
        return False
    return True


def can_map(size: int) -> bool:
    """Whether so many bytes of address space can be had."""
    import mmap

    try:
        mmap.mmap(-1, size).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def can_grow_a_file() -> bool:
    """Whether a byte can be written into a file; it is one without a name."""
    import tempfile

    try:
        file = os.memfd_create("kata") if hasattr(os, "memfd_create") else tempfile.mkstemp()[0]
    except OSError:
        return False
    try:
        os.write(file, b"x")
    except OSError as error:
        return error.errno != errno.EFBIG
    finally:
        os.close(file)
    return True
