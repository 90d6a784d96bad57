"""The built-in arm: Franka's published kinematics and masses, drawn with primitive shapes.

Kinematics, joint limits and torques: Franka Emika, "Robot and interface specifications" (FCI
documentation, table of Denavit-Hartenberg parameters). Masses and centres of mass: Gaz, Cognetti,
Oliva, Robuffo Giordano and De Luca, RA-L 4(4), 2019. The inertia tensors are those of solid
capsules about these centres, which is close enough for a position-controlled arm whose gears
dominate (armature).
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

_WHITE = (0.93, 0.94, 0.95, 1.0)
_GREY = (0.72, 0.74, 0.77, 1.0)
_DARK = (0.17, 0.18, 0.20, 1.0)
_RUBBER = (0.28, 0.30, 0.33, 1.0)
_BLUE = (0.20, 0.58, 0.86, 1.0)

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class _Link:
    """A link: frame in its parent, mass (kg), centre of mass (m), a rod for its inertia, bounds.

    `rod` is half length and radius in m; its axis runs along the link's longest extent.
    """

    position: Point
    quaternion: tuple[float, float, float, float]
    mass_kg: float
    centre: Point
    rod: tuple[float, float]
    axis: int
    lower: float
    upper: float
    torque_nm: float


_H = 2.0**-0.5
_LINKS = (
    _Link((0, 0, 0.333), (1, 0, 0, 0), 4.970684, (0.003875, 0.002081, -0.04762),
          (0.10, 0.06), 2, -2.8973, 2.8973, 87),
    _Link((0, 0, 0), (_H, -_H, 0, 0), 0.646926, (-0.003141, -0.02872, 0.003495),
          (0.10, 0.06), 1, -1.7628, 1.7628, 87),
    _Link((0, -0.316, 0), (_H, _H, 0, 0), 3.228604, (0.027518, 0.039252, -0.066502),
          (0.09, 0.06), 2, -2.8973, 2.8973, 87),
    _Link((0.0825, 0, 0), (_H, _H, 0, 0), 3.587895, (-0.05317, 0.104419, 0.027454),
          (0.09, 0.06), 1, -3.0718, -0.0698, 87),
    _Link((-0.0825, 0.384, 0), (_H, -_H, 0, 0), 1.225946, (-0.011953, 0.041065, -0.038437),
          (0.12, 0.05), 2, -2.8973, 2.8973, 12),
    _Link((0, 0, 0), (_H, _H, 0, 0), 1.666555, (0.060149, -0.014117, -0.010517),
          (0.06, 0.05), 0, -0.0175, 3.7525, 12),
    _Link((0.088, 0, 0), (_H, _H, 0, 0), 0.735522, (0.010517, -0.004252, 0.061597),
          (0.05, 0.045), 2, -2.8973, 2.8973, 12),
)  # fmt: skip

# Shapes of the links: (from, to, radius, colour); a capsule unless the name says cylinder.
_Shape = tuple[str, Point, Point, float, tuple[float, float, float, float]]
_SHAPES: tuple[tuple[_Shape, ...], ...] = (
    (
        ("cylinder", (0, 0, -0.195), (0, 0, -0.06), 0.0605, _WHITE),
        ("capsule", (0, -0.035, 0), (0, 0.035, 0), 0.0625, _WHITE),
        ("cylinder", (0, -0.105, 0), (0, 0.105, 0), 0.045, _DARK),
        ("cylinder", (0, 0, -0.201), (0, 0, -0.195), 0.062, _DARK),
    ),
    (
        ("capsule", (0, 0, -0.02), (0, -0.10, 0), 0.060, _WHITE),
        ("cylinder", (0, -0.10, 0), (0, -0.180, 0), 0.060, _WHITE),
        ("cylinder", (0, -0.180, 0), (0, -0.186, 0), 0.062, _DARK),
    ),
    (
        ("cylinder", (0, 0, -0.130), (0, 0, -0.06), 0.0585, _WHITE),
        ("capsule", (0, 0, -0.06), (0.070, 0, -0.004), 0.0545, _WHITE),
        ("cylinder", (0.0825, -0.070, 0), (0.0825, 0.070, 0), 0.056, _WHITE),
        ("cylinder", (0.0825, -0.078, 0), (0.0825, 0.078, 0), 0.040, _DARK),
    ),
    (
        ("capsule", (-0.012, 0.01, 0), (-0.0825, 0.085, 0), 0.0535, _WHITE),
        ("cylinder", (-0.0825, 0.08, 0), (-0.0825, 0.140, 0), 0.0575, _WHITE),
        ("cylinder", (-0.0825, 0.140, 0), (-0.0825, 0.146, 0), 0.059, _DARK),
    ),
    (
        ("cylinder", (0, 0, -0.238), (0, 0, -0.165), 0.0570, _WHITE),
        ("capsule", (0, 0.008, -0.165), (0, 0.024, -0.06), 0.0470, _WHITE),
        ("capsule", (0, 0.024, -0.06), (0, 0.018, 0.0), 0.0450, _WHITE),
    ),
    (
        ("cylinder", (0, 0, -0.068), (0, 0, 0.056), 0.0470, _WHITE),
        ("cylinder", (0, 0, -0.074), (0, 0, -0.068), 0.0350, _DARK),
        ("capsule", (0.01, 0, 0), (0.078, 0, 0), 0.0430, _WHITE),
    ),
    (
        ("cylinder", (0, 0, -0.062), (0, 0, 0.062), 0.0455, _WHITE),
        ("cylinder", (0, 0, -0.068), (0, 0, -0.062), 0.0380, _BLUE),
        ("cylinder", (0, 0, 0.062), (0, 0, 0.082), 0.0400, _GREY),
        ("cylinder", (0, 0, 0.082), (0, 0, 0.107), 0.0340, _DARK),
    ),
)  # fmt: skip


def make_panda() -> mujoco.MjSpec:
    """MjSpec of the arm with its two-finger hand; the base stands in the world's origin.

    The fingers are coupled, as on the robot. The hand carries body `hand`, the fingers bodies
    `left_finger` and `right_finger`; the description names the tool frame between the pads.
    """
    spec = mujoco.MjSpec()
    spec.modelname = "panda"
    spec.compiler.degree = False
    body = _base(spec)
    for index, (link, shapes) in enumerate(zip(_LINKS, _SHAPES, strict=True), start=1):
        body = body.add_body(name=f"link{index}", pos=link.position, quat=link.quaternion)
        _inertia(body, link)
        body.add_joint(
            name=f"joint{index}",
            type=mujoco.mjtJoint.mjJNT_HINGE,
            axis=(0, 0, 1),
            range=(link.lower, link.upper),
            limited=mujoco.mjtLimited.mjLIMITED_TRUE,
        )
        for shape in shapes:
            _add_shape(body, shape)
        _servo(spec, f"joint{index}", link)
    _hand(spec, body)
    return spec


def _base(spec: mujoco.MjSpec) -> mujoco.MjsBody:
    body: mujoco.MjsBody = spec.worldbody.add_body(name="link0")
    body.mass, body.ipos = 0.629769, (-0.041018, -0.00014, 0.049974)
    body.inertia, body.explicitinertial = (0.00315, 0.00388, 0.004285), True
    for shape in (
        ("cylinder", (0, 0, 0.0), (0, 0, 0.012), 0.092, _DARK),
        ("cylinder", (0, 0, 0.012), (0, 0, 0.132), 0.0680, _WHITE),
        ("capsule", (-0.095, 0, 0.040), (0, 0, 0.058), 0.0400, _WHITE),
        ("cylinder", (-0.135, 0, 0.040), (-0.110, 0, 0.040), 0.0300, _DARK),
    ):
        _add_shape(body, shape)
    return body


def _inertia(body: mujoco.MjsBody, link: _Link) -> None:
    half, radius = link.rod
    across = link.mass_kg * (3 * radius**2 + 4 * half**2) / 12
    inertia = np.full(3, across)
    inertia[link.axis] = link.mass_kg * radius**2 / 2
    body.mass, body.ipos, body.inertia = link.mass_kg, link.centre, inertia
    body.explicitinertial = True


def _add_shape(body: mujoco.MjsBody, shape: _Shape) -> None:
    kind, start, end, radius, colour = shape
    types = {"capsule": mujoco.mjtGeom.mjGEOM_CAPSULE, "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER}
    body.add_geom(
        type=types[kind],
        fromto=(*start, *end),
        size=(radius, 0, 0),
        rgba=colour,
        mass=0.0,
    )


def _servo(spec: mujoco.MjSpec, joint: str, link: _Link) -> None:
    servo = spec.add_actuator(
        name=joint,
        target=joint,
        trntype=mujoco.mjtTrn.mjTRN_JOINT,
        ctrlrange=(link.lower, link.upper),
        ctrllimited=mujoco.mjtLimited.mjLIMITED_TRUE,
        forcerange=(-link.torque_nm, link.torque_nm),
        forcelimited=mujoco.mjtLimited.mjLIMITED_TRUE,
    )
    servo.set_to_position(kp=1000.0)  # the robot file has the gains


def _hand(spec: mujoco.MjSpec, flange: mujoco.MjsBody) -> None:
    turn = -np.pi / 8
    hand = flange.add_body(name="hand", pos=(0, 0, 0.107), quat=(np.cos(turn), 0, 0, np.sin(turn)))
    hand.mass, hand.ipos, hand.inertia = 0.73, (-0.01, 0, 0.03), (0.001, 0.0025, 0.0017)
    hand.explicitinertial = True
    box = mujoco.mjtGeom.mjGEOM_BOX
    hand.add_geom(type=box, size=(0.0315, 0.082, 0.0250), pos=(0, 0, 0.0250), rgba=_WHITE, mass=0)
    hand.add_geom(type=box, size=(0.0230, 0.092, 0.0080), pos=(0, 0, 0.0570), rgba=_DARK, mass=0)
    for end in (-1, 1):
        _add_shape(
            hand, ("cylinder", (0, end * 0.082, 0.002), (0, end * 0.082, 0.0500), 0.0230, _WHITE)
        )
    for name, quat in (("left", (1, 0, 0, 0)), ("right", (0, 0, 0, 1))):
        _finger(hand, name, quat)
    spec.add_equality(
        name="fingers",
        type=mujoco.mjtEq.mjEQ_JOINT,
        objtype=mujoco.mjtObj.mjOBJ_JOINT,
        name1="finger_joint1",
        name2="finger_joint2",
        data=[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        solref=(0.005, 1),
        solimp=(0.95, 0.99, 0.001, 0.5, 2),
    )


def _finger(hand: mujoco.MjsBody, side: str, quat: tuple[int, int, int, int]) -> None:
    finger = hand.add_body(name=f"{side}_finger", pos=(0, 0, 0.0584), quat=quat)
    finger.mass, finger.ipos = 0.015, (0, 0.012, 0.02)
    finger.inertia, finger.explicitinertial = (2.4e-6, 2.4e-6, 7.5e-7), True
    finger.add_joint(
        name="finger_joint1" if side == "left" else "finger_joint2",
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=(0, 1, 0),
        range=(0, 0.04),
        limited=mujoco.mjtLimited.mjLIMITED_TRUE,
        armature=0.1,
        damping=1.0,
    )
    box = mujoco.mjtGeom.mjGEOM_BOX
    shapes = (
        ("body", (0.0105, 0.0075, 0.0190), (0, 0.0145, 0.0190), _GREY),
        ("pad", (0.0105, 0.0060, 0.0090), (0, 0.0060, 0.0450), _RUBBER),
        ("neck", (0.0100, 0.0040, 0.0060), (0, 0.0080, 0.0320), _DARK),
    )
    for name, size, pos, colour in shapes:
        finger.add_geom(
            name=f"{side}_{name}",
            type=box,
            size=size,
            pos=pos,
            rgba=colour,
            mass=0,
        )
