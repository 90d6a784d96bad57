"""How far the robot, and what it carries, is from everything else at joints that it is not at.

Legend: `R` solid geoms of the robot and of what it carries, `S` of the scene and of arms that
others touch, `D` joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import mujoco
import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, Pose, UnknownNameError
from kata.datasets.types.pose import pose_compose, pose_relative

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
        self._arms = np.flatnonzero((kind & ROBOT_BIT > 0) & (accepts > 0))
        self._others = np.flatnonzero(accepts & ROBOT_BIT)
        self._scene = np.concatenate([self._others, self._arms])
        self._planes = model.geom_type[self._scene] == int(mujoco.mjtGeom.mjGEOM_PLANE)
        self._pairs = cache(self._pairs_of)

    def at(self, now: mujoco.MjData, position: Array, carried: Sequence[str] = ()) -> float:
        """Least distance in m at joints (D,), at most `FAR_M`, negative in contact.

        What is `carried` moves with the tool that is nearest to it now and counts as the robot;
        what a finger touches and is not carried is left out for its own arm. Raises
        UnknownNameError for a name that is no object of the scene.
        """
        data, model = self._data, self.model
        data.qpos[:], data.mocap_pos[:], data.mocap_quat[:] = (
            now.qpos,
            now.mocap_pos,
            now.mocap_quat,
        )
        self._drive.place(data, position)
        mujoco.mj_kinematics(model, data)
        bodies = tuple(self._body(name) for name in carried)
        for body in bodies:
            self._carry(now, body)
        rows, arms, bound, apart = self._pairs(tuple((b, self._kind_of(now, b)) for b in bodies))
        robot, scene = data.geom_xpos[rows], data.geom_xpos[self._scene]
        least = np.linalg.norm(robot[:, None] - scene[None], axis=-1) - bound
        height = robot[:, 2:] - model.geom_rbound[rows][:, None]
        least = np.where(self._planes[None], height - scene[None, :, 2], least)
        least[apart] = np.inf
        for arm, held in self._held().items():
            least[np.ix_(arms == arm, held)] = np.inf
        best = FAR_M
        for flat in np.argsort(least, axis=None, kind="stable"):
            i, j = divmod(int(flat), len(self._scene))
            if least[i, j] >= best:
                break
            pair = int(rows[i]), int(self._scene[j])
            best = min(best, mujoco.mj_geomDistance(model, data, *pair, best, None))
        return float(best)

    def _pairs_of(
        self, carried: tuple[tuple[int, int], ...]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, NDArray[np.bool_]]:
        """Geoms (R,), whose arm's each is, reach to the scene's (R, S), which pairs never meet.

        Arms are told by their contact bits. Carried are bodies, each with those of its arm.
        """
        model, scene = self.model, self._scene
        kind, accepts, owner = model.geom_contype, model.geom_conaffinity, model.geom_bodyid
        bodies = [body for body, _ in carried]
        along = [np.flatnonzero((owner == body) & (kind > 0)) for body in bodies]
        rows = np.concatenate([self._robot, *along]).astype(np.int64)
        apart = np.zeros((len(rows), len(scene)), dtype=bool)
        apart[: len(self._robot)] = (kind[self._robot][:, None] & accepts[scene][None]) == 0
        # A hand touches what it carries, and so may the arm behind it; another arm may not.
        at = len(self._robot)
        for (_, arm), geoms in zip(carried, along, strict=True):
            apart[at : at + len(geoms), len(self._others) :] = kind[self._arms] == arm
            at += len(geoms)
        apart[:, np.isin(owner[scene], bodies)] = True
        bound = model.geom_rbound[rows][:, None] + model.geom_rbound[scene][None]
        counts = [len(geoms) for geoms in along]
        arms = np.repeat([arm for _, arm in carried], counts).astype(np.int64)
        return rows, np.concatenate([kind[self._robot], arms]), bound, apart

    def _body(self, name: str) -> int:
        reader = self._reader
        names = [reader.names[i] for i in reader.objects]
        if name not in names:
            raise UnknownNameError("object to carry", name, names, where="clearance")
        return int(reader.bodies[reader.names.index(name)])

    def _tool(self, now: mujoco.MjData, body: int) -> int:
        """The site of the tool that is nearest to a body now."""
        sites = list(self._reader.tool_sites.values())
        gaps = np.linalg.norm(now.site_xpos[sites] - now.xpos[body], axis=1)
        return int(sites[int(gaps.argmin())])

    def _kind_of(self, now: mujoco.MjData, body: int) -> int:
        """Contact bits of the arm whose tool is nearest to a body now."""
        return self._kind_at(self._tool(now, body))

    def _kind_at(self, site: int) -> int:
        """Contact bits of the arm that has a tool's site."""
        root = self.model.body_rootid[self.model.site_bodyid[site]]
        own = self._robot[self.model.body_rootid[self.model.geom_bodyid[self._robot]] == root]
        return int(self.model.geom_contype[own[0]])

    def _carry(self, now: mujoco.MjData, body: int) -> None:
        """Put a body's geoms where the tool takes them, as it holds the body now."""
        model, data = self.model, self._data
        site = self._tool(now, body)
        before = _pose(now.site_xpos[site], now.site_xmat[site])
        after = _pose(data.site_xpos[site], data.site_xmat[site])
        geoms = np.flatnonzero(model.geom_bodyid == body)
        for geom in geoms:
            held = pose_relative(before, _pose(now.geom_xpos[geom], now.geom_xmat[geom]))
            pose = pose_compose(after, held)
            data.geom_xpos[geom] = pose[:3]
            mujoco.mju_quat2Mat(data.geom_xmat[geom], pose[3:])

    def _held(self) -> dict[int, NDArray[np.bool_]]:
        """(S,) bool for each arm's contact bits: geoms of what its fingers touch now."""
        reader, owner = self._reader, self.model.geom_bodyid[self._scene]
        touching = reader.touching()
        out: dict[int, NDArray[np.bool_]] = {}
        for hand, site in reader.tool_sites.items():
            names = {
                n for pair in touching if any(m.startswith(f"{hand}.") for m in pair) for n in pair
            }
            bodies = [reader.bodies[i] for i in reader.objects if reader.names[i] in names]
            arm = self._kind_at(site)
            out[arm] = np.isin(owner, bodies) | out.get(arm, False)
        return out


def _pose(position: Array, matrix: Array) -> Array:
    """(7,) of a position (3,) and a matrix (9,)."""
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, matrix)
    return Pose(position, quaternion).array()
