"""A robot ready for use: its specification and an MjSpec that all worlds can drive alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from kata.datasets.types import ConfigError, Hand, Limits, Part, RobotSpec

from .description import Description, DriveDescription, PartDescription
from .several import base_of, contact_bits

DEFAULT_LIMITS = {"velocity": 2.0, "acceleration": 10.0, "jerk": 5000.0}
"""Used where a robot file is silent; rad or m, per s, s^2 and s^3."""

ROBOT_BIT, SCENE_BITS = 2, 1
"""Contact filter: robots touch the scene (whose geoms accept bit 2), never themselves; several
that make one robot touch each other (`several.contact_bits`)."""

_FINGER_STIFFNESS = 4000.0
_RUBBER = {
    # The pads' own contact wins over the object's: stiff enough that a squeezed cube keeps its
    # place between the pads.
    "priority": 1,
    "condim": 4,
    "friction": (1.5, 0.02, 0.0001),
    "solref": (0.006, 1.0),
    "solimp": (0.97, 0.995, 0.001, 0.5, 2.0),
}


@dataclass(frozen=True)
class RobotModel:
    """A robot by name.

    Attributes:
        spec: what the rest of the house sees.
        description: the robot file.
        source: makes a fresh, unprepared MjSpec; picklable.
        missing: why the tasks of the table cannot run on it; empty where they can.
    """

    spec: RobotSpec
    description: Description
    source: Callable[[], mujoco.MjSpec]
    missing: str = ""

    def require_manipulation(self) -> None:
        """Raise ConfigError where the tasks of the table cannot run on this robot."""
        if self.missing:
            raise ConfigError(
                f"the table's tasks cannot run on '{self.spec.name}'",
                got=self.missing,
                hint=f"'kata robot show {self.spec.name}' works; 'kata robot list' names others",
            )

    def make(self) -> mujoco.MjSpec:
        """An MjSpec with one position actuator a commanded joint, gravity compensated.

        A gripper is driven through the tendon `GRIPPER_PART` whose length is its opening.
        """
        spec = self.source()
        prepare(spec, self.description)
        return spec


def build_model(description: Description, source: Callable[[], mujoco.MjSpec]) -> RobotModel:
    """Read limits from the model and join them with the file. Raises ConfigError."""
    spec = source()
    parts: list[Part] = []
    columns: dict[str, list[float]] = {
        key: [] for key in ("lower", "upper", "velocity", "acceleration", "jerk", "home")
    }
    drives = {hand.gripper: hand.drive for hand in description.hands if hand.drive is not None}
    for part in description.parts:
        parts.append(Part(part.name, part.kind, part.joints, len(columns["home"])))
        _read_part(spec, part, drives.get(part.name), columns)
    array = {key: np.array(values) for key, values in columns.items()}
    limits = Limits(*(array[k] for k in ("lower", "upper", "velocity", "acceleration", "jerk")))
    hands = tuple(
        Hand(h.name, h.arm, h.gripper, base_of(description, h.name))
        for h in description.hands
        if h.gripper
    )
    home = limits.clip(array["home"])
    robot = RobotSpec(description.name, tuple(parts), limits, home, hands)
    return RobotModel(robot, description, source, missing_for_tasks(description))


def missing_for_tasks(description: Description) -> str:
    """Why the tasks of the table cannot run on a robot, in one sentence; empty if they can."""
    kinds = [part.kind for part in description.parts]
    arms = kinds.count("arm")
    if arms != 1 and arms != len(description.members):
        return f"the tasks are for one arm; this robot has {arms}"
    if set(kinds) - {"arm", "gripper"}:
        return "the tasks are for an arm with a fixed base"
    if min(len(p.joints) for p in description.parts if p.kind == "arm") < 6:
        return "the tasks need an arm with at least six joints"
    if not description.hands or any(hand.drive is None for hand in description.hands):
        return "the arm has no gripper that the tasks could close"
    return ""


def _read_part(
    spec: mujoco.MjSpec,
    part: PartDescription,
    drive: DriveDescription | None,
    columns: dict[str, list[float]],
) -> None:
    if part.kind == "gripper" and drive is not None:
        lower, upper = [drive.range_m[0]], [drive.range_m[1]]
    else:
        lower, upper = [], []
        for name in part.joints:
            joint = find(spec, "joint", name, part.name)
            low, high = (float(x) for x in joint.range)
            if low >= high:
                low, high = -2 * np.pi, 2 * np.pi
            lower.append(low)
            upper.append(high)
    middle = [
        0.0 if low < 0 < high else (low + high) / 2 for low, high in zip(lower, upper, strict=True)
    ]
    columns["lower"] += lower
    columns["upper"] += upper
    columns["home"] += list(part.home) or middle
    for key, value in DEFAULT_LIMITS.items():
        columns[key] += list(getattr(part, key)) or [value] * len(part.joints)


def find(spec: mujoco.MjSpec, kind: str, name: str, where: str) -> mujoco.MjsJoint:
    """An element of a model by name. Raises ConfigError that lists what there is."""
    element = getattr(spec, kind)(name)
    if element is None:
        plural = "bodies" if kind == "body" else f"{kind}s"
        names = ", ".join(e.name for e in getattr(spec, plural) if e.name)
        raise ConfigError(
            f"the model has no {kind} '{name}'", where=where, expected=names, got=name
        )
    return element


def prepare(spec: mujoco.MjSpec, description: Description) -> None:
    """Make a model drivable: gravity compensation, contact filter, gripper drive, tool sites."""
    for items in (spec.keys, spec.sensors, spec.lights, spec.cameras):
        for item in list(items):
            spec.delete(item)
    touching = set(description.touching)
    for hand in description.hands:
        root = find(spec, "body", hand.tool_body, hand.name)
        touching |= {root.name, *(b.name for b in root.find_all("body"))}
        root.add_site(name=f"tool_{hand.name}", pos=hand.tool.position, quat=hand.tool.quaternion,
                      size=(0.002, 0.002, 0.002), group=5)  # fmt: skip
        if hand.drive is not None:
            _drive_gripper(spec, hand.gripper, hand.drive)
    fingers = {body for hand in description.hands for body in hand.fingers.values()}
    for body in spec.bodies[1:]:
        body.gravcomp = 1.0
        for geom in body.geoms:
            solid = geom.contype and body.name in touching
            bits = contact_bits(description, body.name, ROBOT_BIT) if solid else (0, 0)
            geom.contype, geom.conaffinity = bits
            if body.name in fingers:
                for key, value in _RUBBER.items():
                    setattr(geom, key, value)
    _add_missing_servos(spec, description)
    for part in description.parts:
        _tune(spec, part)


def explicit_servos(description: Description) -> bool:
    """Whether all arms bring servo gains that an explicit integrator can bear.

    An implicit one would damp the arm after the contacts were solved, so that what the fingers
    hold slips a little whenever the arm accelerates (measured: 2-4 mm a lift against 0.3 mm).
    """
    return all(part.stiffness for part in description.parts if part.kind == "arm")


def _tune(spec: mujoco.MjSpec, part: PartDescription) -> None:
    servos = {actuator.target: actuator for actuator in spec.actuators}
    columns = zip(part.joints, part.stiffness, part.damping, part.armature, strict=False)
    for name, stiffness, damping, armature in columns:
        joint = find(spec, "joint", name, part.name)
        joint.armature, joint.damping = armature, (0.0, 0.0, 0.0)
        servos[name].set_to_position(kp=stiffness, kv=damping)


def _drive_gripper(spec: mujoco.MjSpec, name: str, drive: DriveDescription) -> None:
    joints = set(drive.joints)
    tendons = {t.name for t in spec.tendons if {w.target.name for w in t.path} & joints}
    for actuator in list(spec.actuators):
        if actuator.target in joints | tendons:
            spec.delete(actuator)
    for tendon in list(spec.tendons):
        if tendon.name in tendons:
            spec.delete(tendon)
    tendon = spec.add_tendon(name=name)
    for joint, scale in zip(drive.joints, drive.scale, strict=True):
        find(spec, "joint", joint, name)
        tendon.wrap_joint(joint, scale)
    servo = spec.add_actuator(
        name=name,
        target=name,
        trntype=mujoco.mjtTrn.mjTRN_TENDON,
        forcerange=(-drive.force_n, drive.force_n),
        forcelimited=mujoco.mjtLimited.mjLIMITED_TRUE,
    )
    servo.set_to_position(kp=_FINGER_STIFFNESS, dampratio=1.0)


def _add_missing_servos(spec: mujoco.MjSpec, description: Description) -> None:
    driven = {actuator.target: actuator for actuator in spec.actuators}
    grippers = {h.gripper for h in description.hands if h.drive is not None}
    for part in description.parts:
        for name in part.joints if part.name not in grippers else ():
            servo = driven.get(name)
            if servo is None:
                servo = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
            elif servo.biasprm[1] == -servo.gainprm[0] != 0:
                continue
            servo.ctrllimited = mujoco.mjtLimited.mjLIMITED_FALSE
            servo.set_to_position(kp=500.0, dampratio=1.0)
