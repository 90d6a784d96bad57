"""Pictures for people: a robot by itself, and the table from several sides."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array

from .rendering import Painter
from .robots.model import RobotModel
from .scene.build import add_surroundings, same_options
from .world import TableWorld

Image = NDArray[np.uint8]


def robot_picture(robot: RobotModel, width: int = 640, height: int = 480) -> Image:
    """Image (height, width, 3) of a robot in its home pose. Raises SimulationError without GL."""
    body = robot.source()
    for items in (body.lights, body.cameras):
        for item in list(items):
            body.delete(item)
    alone = body.compile()
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    centre, low, radius = _extent(alone, _home(robot, alone))
    add_surroundings(spec, floor_m=low)
    # The shadow map covers this much around the robot.
    spec.stat.extent, spec.stat.center = 1.5 * radius, centre
    same_options(body, spec)
    spec.attach(body, prefix="", frame=spec.worldbody.add_frame())
    model = spec.compile()
    data = _home(robot, model)
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.lookat[:], camera.distance = centre, 2.6 * radius
    camera.azimuth, camera.elevation = 150.0, -18.0
    painter = Painter(model, width, height)
    try:
        return painter.paint(data, camera, shadows=True).copy()
    finally:
        painter.close()


def _home(robot: RobotModel, model: mujoco.MjModel) -> mujoco.MjData:
    """The model at the robot's home; a floating base stands as in the model's keyframe."""
    data = mujoco.MjData(model)
    if model.nkey and model.nq == len(model.key_qpos[0]):
        mujoco.mj_resetDataKeyframe(model, data, 0)
    for part in robot.spec.parts:
        for k, name in enumerate(part.joints, start=part.start):
            joint = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name)
            if joint >= 0:
                data.qpos[model.jnt_qposadr[joint]] = robot.spec.home[k]
    mujoco.mj_forward(model, data)
    return data


def _extent(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Array, float, float]:
    """Centre (3,), lowest z and radius of the boxes around all shapes of the robot."""
    signs = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, -1).T
    rows = np.flatnonzero(model.geom_type != int(mujoco.mjtGeom.mjGEOM_PLANE))
    box, matrix = model.geom_aabb[rows], data.geom_xmat[rows].reshape(-1, 3, 3)
    local = box[:, None, :3] + signs[None] * box[:, None, 3:]
    corners = data.geom_xpos[rows][:, None] + np.einsum("nij,nkj->nki", matrix, local)
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    return (low + high) / 2, float(low[2]), float(np.linalg.norm(high - low) / 2)


def table_pictures(
    folder: Path, world: TableWorld | None = None, seed: int = 3, size: tuple[int, int] = (960, 720)
) -> list[Path]:
    """Write PNGs of the table with its drawer half open: view, front and wrist camera."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    own = world or TableWorld()
    own.reset(seed)
    for entity in own.entities:
        if "openable" in entity.tags:
            own.set_opening(entity.name, 0.6)
    paths = []
    for camera in ("view", "front", "wrist"):
        image = own.render(camera, *size, shadows=True)
        paths.append(folder / f"{own.robot.name}-{camera}.png")
        cv2.imwrite(str(paths[-1]), image[..., ::-1])
    if world is None:
        own.close()
    return paths
