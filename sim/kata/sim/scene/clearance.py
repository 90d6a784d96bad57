"""How far the robot is from everything else at joints that it is not at.

Legend: `R` solid geoms of the robot, `S` of the scene and of arms that others touch, `D` joints.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array

from ..robots.drive import Drive
from ..robots.model import ROBOT_BIT
from .reader import SceneReader

FAR_M = 0.5
"""Distances beyond this are not told apart."""


class Clearance:
    """Distances between the robot's solid geoms and the scene's, and between several arms'."""

    def __init__(self, model: mujoco.MjModel, reader: SceneReader, drive: Drive) -> None:
        self.model, self._reader, self._drive = model, reader, drive
        self._data = mujoco.MjData(model)
        kind, accepts = model.geom_contype, model.geom_conaffinity
        self._robot = np.flatnonzero(kind & ROBOT_BIT)
        arms = np.flatnonzero((kind & ROBOT_BIT > 0) & (accepts > 0))
        self._scene = np.concatenate([np.flatnonzero(accepts & ROBOT_BIT), arms])
        self._apart = (kind[self._robot][:, None] & accepts[self._scene][None]) == 0
        bound = model.geom_rbound
        self._bound = bound[self._robot][:, None] + bound[self._scene][None]
        self._planes = model.geom_type[self._scene] == int(mujoco.mjtGeom.mjGEOM_PLANE)

    def at(self, now: mujoco.MjData, position: Array) -> float:
        """Least distance in m at joints (D,), at most `FAR_M`, negative in contact."""
        data, model = self._data, self.model
        data.qpos[:] = now.qpos
        self._drive.place(data, position)
        mujoco.mj_kinematics(model, data)
        robot, scene = data.geom_xpos[self._robot], data.geom_xpos[self._scene]
        least = np.linalg.norm(robot[:, None] - scene[None], axis=-1) - self._bound
        height = robot[:, 2:] - model.geom_rbound[self._robot][:, None]
        least = np.where(self._planes[None], height - scene[None, :, 2], least)
        least[:, self._held()] = np.inf
        least[self._apart] = np.inf
        best = FAR_M
        for flat in np.argsort(least, axis=None, kind="stable"):
            i, j = divmod(int(flat), len(self._scene))
            if least[i, j] >= best:
                break
            pair = int(self._robot[i]), int(self._scene[j])
            best = min(best, mujoco.mj_geomDistance(model, data, *pair, best, None))
        return float(best)

    def _held(self) -> NDArray[np.bool_]:
        """(S,) bool: geoms of what a finger touches now."""
        reader = self._reader
        names = {n for pair in reader.touching() for n in pair if any("." in m for m in pair)}
        bodies = [reader.bodies[i] for i in reader.objects if reader.names[i] in names]
        return np.isin(self.model.geom_bodyid[self._scene], bodies)
