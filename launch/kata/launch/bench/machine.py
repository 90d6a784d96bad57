"""What a number was measured on: processor, memory, and the versions that matter."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from kata.skills.evidence.software import versions

_PACKAGES = (
    *("kata-robotics", "numpy", "torch", "mujoco", "lerobot", "onnxruntime"),
    *("gymnasium-robotics", "av", "ray"),
)


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in GB, system, Python and packages."""
    return {
        "processor": _processor(),
        "cores": _cores(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": versions(_PACKAGES),
    }


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory_gb() -> float:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return 0.0
