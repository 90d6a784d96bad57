"""The checks of `kata doctor`: each finds out one thing, as far as it can without heavy imports."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .keys import kata_home

_GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `needed` for the base install, else `purpose` says what it is for."""

    name: str
    ok: bool
    found: str
    mend: str = ""
    needed: bool = False
    purpose: str = ""

    def plain(self) -> dict[str, Any]:
        """Plain data for a file."""
        return asdict(self)


def python() -> Finding:
    """Python 3.12."""
    version = ".".join(map(str, sys.version_info[:3]))
    mend = "install Python 3.12 and make the environment with it"
    return Finding("python", sys.version_info[:2] == (3, 12), version, mend, needed=True)


def packages() -> Finding:
    """The distributions that the base install asks for."""
    import re

    asked = importlib.metadata.requires("kata-robotics") or []
    names = [re.split(r"[^\w.-]", line)[0] for line in asked if "extra ==" not in line]
    missing = [name for name in names if _version(name) is None]
    found = f"{len(names)} installed" if not missing else "no " + ", ".join(missing)
    mend = "pip install --force-reinstall kata-robotics"
    return Finding("packages", not missing, found, mend, needed=True)


def graphics() -> Finding:
    """A headless OpenGL: tried by drawing in a process of its own, because a bad one crashes."""
    code = "import mujoco; c = mujoco.GLContext(16, 16); c.make_current(); c.free()"
    backend = os.environ.get("MUJOCO_GL", "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    found = f"draws with {backend or 'the default'}" if done.returncode == 0 else "cannot draw"
    mend = "sudo apt-get install -y libegl1 libegl-mesa0 libgl1-mesa-dri"
    return Finding("opengl", done.returncode == 0, found, mend, needed=True)


def cuda() -> Finding:
    """A GPU that torch can use."""
    driver = shutil.which("nvidia-smi")
    if driver is None or not _lists_gpu(driver):
        return Finding("gpu", False, "none", "nothing; the CPU is enough", purpose="device=cuda")
    code = "import torch, sys; sys.exit(not torch.cuda.is_available())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    mend = "pip install torch for your CUDA (pytorch.org), or update the driver"
    found = "torch uses it" if done.returncode == 0 else "torch cannot use it"
    return Finding("gpu", done.returncode == 0, found, mend, purpose="device=cuda")


def _lists_gpu(driver: str) -> bool:
    done = subprocess.run([driver, "-L"], capture_output=True, check=False, timeout=20)
    return done.returncode == 0 and b"GPU" in done.stdout


def video() -> Finding:
    """An h264 encoder for the mp4 of a run."""
    import av

    ok = "libx264" in av.codecs_available
    return Finding("video", ok, f"PyAV {av.__version__}", "pip install --force-reinstall av")


def ffmpeg() -> Finding:
    """FFmpeg's shared libraries, that torchcodec looks for."""
    path = shutil.which("ffmpeg")
    mend = "sudo apt-get install -y ffmpeg"
    purpose = "faster video in LeRobot; PyAV does it without"
    return Finding("ffmpeg", path is not None, path or "none", mend, purpose=purpose)


def menagerie() -> Finding:
    """Robot models beside the built-in arm."""
    root = os.environ.get("MENAGERIE_ROOT")
    ok = Path(root).is_dir() if root else _version("mujoco-menagerie") is not None
    found = root or ("downloaded when first asked for" if ok else "none")
    mend = "point MENAGERIE_ROOT to a folder that exists, or unset it to download"
    return Finding("menagerie models", ok, found, mend, purpose="other robots")


def extra(name: str, module: str, extra_name: str, purpose: str) -> Callable[[], Finding]:
    """A check for an optional package."""

    def check() -> Finding:
        ok = importlib.util.find_spec(module) is not None
        mend = f"pip install 'kata-robotics[{extra_name}]'"
        return Finding(name, ok, "installed" if ok else "none", mend, purpose=purpose)

    check.__doc__ = f"Whether {module} is installed."
    return check


def home() -> Finding:
    """`KATA_HOME`, where the library lives."""
    folder = kata_home()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    ok = os.access(existing, os.W_OK)
    return Finding("KATA_HOME", ok, str(folder), "set KATA_HOME to a folder you may write", True)


def disk() -> Finding:
    """Room for a run."""
    free = shutil.disk_usage(Path.cwd()).free / _GIGABYTE
    return Finding("disk", free > 1.0, f"{free:.0f} GB free here", "free 1 GB", needed=True)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


CHECKS: tuple[Callable[[], Finding], ...] = (
    python,
    packages,
    graphics,
    video,
    home,
    disk,
    cuda,
    menagerie,
    ffmpeg,
    extra("lerobot", "lerobot", "lerobot", "its policies and loaders"),
    extra("ROS 2", "rclpy", "ros2", "robots behind ROS 2"),
    extra("Isaac Lab", "isaaclab", "isaac", "training with a GPU's simulator"),
    extra("ray", "ray", "ray", "rollouts over many machines"),
)
"""In the order in which they are shown: what is needed first."""
