"""Which OpenGL MuJoCo draws with: it reads `MUJOCO_GL` once, when it is imported."""

from __future__ import annotations

import ctypes
import os
import sys

_LIBRARIES = {"egl": ("libEGL.so.1",), "osmesa": ("libOSMesa.so.8", "libOSMesa.so")}


def choose() -> str:
    """Sets `MUJOCO_GL` where the user did not, and returns it; empty where nothing is there."""
    if "MUJOCO_GL" not in os.environ and sys.platform == "linux":
        found = next((name for name in _LIBRARIES if _loads(name)), "")
        if found:
            os.environ["MUJOCO_GL"] = found
    os.environ.setdefault("LP_NUM_THREADS", "1")
    return os.environ.get("MUJOCO_GL", "" if sys.platform == "linux" else "native")


def _loads(name: str) -> bool:
    for library in _LIBRARIES[name]:
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return True
    return False
