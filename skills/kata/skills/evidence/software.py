"""The versions that a measured number depends on."""

from __future__ import annotations

import importlib.metadata
import platform

_PACKAGES = ("kata-robotics", "numpy", "scipy", "torch", "mujoco")


def software() -> dict[str, str]:
    """Version by name of Python, the kind of processor, and the packages that decide a rollout."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
