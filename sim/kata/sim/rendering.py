"""Pictures of a running model: one off-screen renderer a size."""

from __future__ import annotations

import atexit
import os
import sys
import weakref

# MuJoCo chooses its OpenGL at import time of the renderer; a server has no display.
if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    os.environ.setdefault("MUJOCO_GL", "egl")

import mujoco
import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import SimulationError


class Painter:
    """Renders a model at one size. Raises SimulationError where there is no OpenGL."""

    def __init__(self, model: mujoco.MjModel, width: int, height: int) -> None:
        try:
            self._renderer = mujoco.Renderer(model, height, width)
        except Exception as error:  # each GL backend raises errors of its own
            raise SimulationError(
                "no off-screen OpenGL",
                got=f"{type(error).__name__}: {error}",
                hint="apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri; or MUJOCO_GL=osmesa",
            ) from error
        _ALIVE.add(self)
        # MuJoCo ends EGL in a handler of its own, registered with the first context; the later
        # registered one runs first.
        atexit.unregister(_close_all)
        atexit.register(_close_all)
        self._option = mujoco.MjvOption()
        self._option.sitegroup[:] = 0

    def paint(
        self, data: mujoco.MjData, camera: str | mujoco.MjvCamera, shadows: bool
    ) -> NDArray[np.uint8]:
        """Image (height, width, 3) of a camera, by name or free."""
        self._renderer.update_scene(data, camera, self._option)
        flags = self._renderer.scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
        flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = shadows
        image: NDArray[np.uint8] = self._renderer.render()
        return image

    def close(self) -> None:
        """Free the OpenGL context."""
        _ALIVE.discard(self)
        self._renderer.close()


_ALIVE: weakref.WeakSet[Painter] = weakref.WeakSet()


def _close_all() -> None:
    for painter in list(_ALIVE):
        painter.close()
