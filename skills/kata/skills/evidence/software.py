"""The versions that a measured number depends on."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable

_PACKAGES = ("kata-robotics", "numpy", "scipy", "torch", "mujoco")


def software() -> dict[str, str]:
    """Version by name of Python, the kind of processor, and the packages that decide a rollout."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    return found | versions(_PACKAGES)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Version by name of those that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
