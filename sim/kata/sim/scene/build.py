"""The whole scene as one MjSpec: floor and light, fixtures, objects, robot, cameras."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from kata.datasets.types import Array

from ..robots.model import RobotModel, explicit_servos
from .config import CameraConfig, TableWorldConfig
from .fixtures import (
    EntityDef,
    add_bin,
    add_button,
    add_drawer,
    add_object,
    add_obstacle,
    add_shelf,
    add_table,
)

_LIGHTS = (((0.9, -0.8, 2.2), 0.52, True), ((-0.4, 1.2, 1.8), 0.16, False))

ROBOT = "robot/"
"""Prefix of the robot's names in the scene's model."""


@dataclass(frozen=True)
class Scene:
    """A compiled scene and what its entities are, in order."""

    model: mujoco.MjModel
    entities: tuple[EntityDef, ...]


def build_scene(config: TableWorldConfig, robot: RobotModel) -> Scene:
    """Compile the scene. Raises SimulationError where the parts do not fit together."""
    spec = mujoco.MjSpec()
    spec.modelname = "table"
    spec.compiler.degree = False
    _options(spec, config, explicit_servos(robot.description))
    add_surroundings(spec)
    # The shadow map covers this much; a longer table needs more of it.
    spec.stat.extent = max(1.0, 1.25 * max(config.table.half_m))
    entities = [add_object(spec, item) for item in config.objects]
    entities.append(add_table(spec, config.table, config))
    entities += [add_drawer(spec, item) for item in config.drawers]
    entities += [add_bin(spec, item) for item in config.bins]
    entities += [add_button(spec, item) for item in config.buttons]
    entities += [add_shelf(spec, item) for item in config.shelves]
    entities += [add_obstacle(spec, item) for item in config.obstacles]
    arm = robot.make()
    same_options(arm, spec)
    spec.attach(arm, prefix=ROBOT, frame=spec.worldbody.add_frame())
    for camera in config.fixed_cameras:
        add_camera(spec, camera)
    _wrist_cameras(spec, robot)
    return Scene(spec.compile(), tuple(entities))


def _options(spec: mujoco.MjSpec, config: TableWorldConfig, explicit: bool) -> None:
    option = spec.option
    option.timestep = config.physics_s
    kinds = mujoco.mjtIntegrator
    option.integrator = kinds.mjINT_EULER if explicit else kinds.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10.0
    # Most objects rest most of the time; leaving them out doubles the speed.
    option.enableflags |= int(mujoco.mjtEnableBit.mjENBL_SLEEP)
    # A divergence must be seen, not repaired silently.
    option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)


def same_options(robot: mujoco.MjSpec, scene: mujoco.MjSpec) -> None:
    """The scene's physics options hold; without this MuJoCo warns of each difference."""
    for name in dir(scene.option):
        value = getattr(scene.option, name)
        if not name.startswith("_") and not callable(value):
            setattr(robot.option, name, value)


def add_surroundings(spec: mujoco.MjSpec, floor_m: float = -0.72) -> None:
    """Sky, a floor at height `floor_m`, materials and light."""
    spec.visual.headlight.ambient = (0.30, 0.30, 0.32)
    spec.visual.headlight.diffuse = (0.16, 0.16, 0.16)
    spec.visual.headlight.specular = (0.05, 0.05, 0.05)
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1920, 1080
    spec.visual.quality.shadowsize = 4096
    spec.visual.map.znear, spec.visual.map.zfar = 0.01, 20.0
    spec.stat.extent, spec.stat.center = 1.0, (0.4, 0.0, 0.2)
    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=256, height=1536,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, rgb1=(0.88, 0.91, 0.95),
        rgb2=(0.60, 0.67, 0.76),
    )  # fmt: skip
    spec.add_texture(
        name="floor", type=mujoco.mjtTexture.mjTEXTURE_2D, width=256, height=256,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER, rgb1=(0.70, 0.73, 0.76),
        rgb2=(0.74, 0.77, 0.80),
    )  # fmt: skip
    floor = spec.add_material(name="floor", texrepeat=(3, 3), texuniform=True, specular=0.1)
    floor.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "floor"
    spec.add_material(name="table", rgba=(0.80, 0.74, 0.65, 1), specular=0.1, shininess=0.2)
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_PLANE, pos=(0, 0, floor_m), size=(6, 6, 0.1), material="floor",
        contype=0, conaffinity=0,
    )  # fmt: skip
    for position, strength, shadow in _LIGHTS:
        direction = np.array((0.4, 0.0, 0.0)) - position
        spec.worldbody.add_light(
            pos=position, dir=direction / np.linalg.norm(direction), diffuse=(strength,) * 3,
            specular=(0.15,) * 3, castshadow=shadow,
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        )  # fmt: skip


def add_camera(spec: mujoco.MjSpec, camera: CameraConfig) -> None:
    """A camera that stands still."""
    spec.worldbody.add_camera(
        name=camera.name, pos=camera.position, fovy=camera.fovy_deg,
        quat=look_at(np.array(camera.position), np.array(camera.target)),
    )  # fmt: skip


def look_at(eye: Array, target: Array) -> Array:
    """Quaternion (4,) of a camera at `eye` (3,) that sees `target` (3,) upright."""
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross((0.0, 0.0, 1.0), back)
    right /= np.linalg.norm(right)
    matrix = np.stack([right, np.cross(back, right), back], axis=1)
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, matrix.ravel())
    return quat


def _wrist_cameras(spec: mujoco.MjSpec, robot: RobotModel) -> None:
    for index, hand in enumerate(robot.description.hands):
        body = spec.body(ROBOT + hand.tool_body)
        # A MuJoCo camera looks along its -z: half a turn about x, then tilted towards the tool.
        half = np.deg2rad(180.0 - hand.camera_tilt_deg) / 2
        turn = np.array([np.cos(half), 0.0, np.sin(half), 0.0])
        roll = np.array([np.cos(np.pi / 4), 0.0, 0.0, np.sin(np.pi / 4)])
        quat = np.zeros(4)
        mujoco.mju_mulQuat(quat, turn, roll)
        name = "wrist" if index == 0 else f"wrist_{hand.name}"
        body.add_camera(name=name, pos=hand.camera_position, quat=quat, fovy=70.0)
