"""A robot as the simulator needs it: what the house knows of it, and how MuJoCo gets it.

Read from one YAML file a robot (`configs/robot/NAME.yaml`), whose fields are those of
`Description`. Legend: `D` all commanded joints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from kata.datasets.types import ConfigError, Pose

_NUMBERS = ("home", "velocity", "acceleration", "jerk", "stiffness", "damping", "armature")
SOURCES = ("builtin", "menagerie", "file", "several")


@dataclass(frozen=True, slots=True)
class PartDescription:
    """A part of `RobotSpec` before the model is known.

    Missing limits are filled from the model: position from the joint's range, velocity and the
    rest from `DEFAULT_LIMITS` of `robots.model`. `stiffness` (N m/rad), `damping` (N m s/rad) and
    `armature` (kg m^2, the gears' inertia) replace those of the model; the contacts of an arm
    that has them are exact (see `explicit_servos`).
    """

    name: str
    kind: str
    joints: tuple[str, ...]
    home: tuple[float, ...] = ()
    velocity: tuple[float, ...] = ()
    acceleration: tuple[float, ...] = ()
    jerk: tuple[float, ...] = ()
    stiffness: tuple[float, ...] = ()
    damping: tuple[float, ...] = ()
    armature: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class DriveDescription:
    """A gripper as one opening in m: the sum over `joints` of `scale` times the joint, plus offset.

    `force_n` is the greatest force on each finger.
    """

    joints: tuple[str, ...]
    range_m: tuple[float, float]
    force_n: float
    scale: tuple[float, ...] = ()
    offset_m: float = 0.0


@dataclass(frozen=True, slots=True)
class HandDescription:
    """A hand: tool frame on a body, finger bodies, gripper drive and wrist camera."""

    name: str
    arm: str
    gripper: str
    tool_body: str
    tool: Pose
    fingers: Mapping[str, str] = field(default_factory=dict)
    drive: DriveDescription | None = None
    camera_position: tuple[float, float, float] = (0.075, 0.0, 0.02)
    camera_tilt_deg: float = 18.0


@dataclass(frozen=True, slots=True)
class Member:
    """One of several robots that make one: which, the name of its hand, where it stands.

    `position` is in m in the world's frame, z up; `yaw_rad` the heading of its x axis.
    """

    robot: str
    hand: str
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw_rad: float = 0.0

    @property
    def prefix(self) -> str:
        """What the names of its parts, joints and bodies begin with."""
        return f"{self.hand}_"


@dataclass(frozen=True, slots=True)
class Description:
    """One robot file.

    Attributes:
        source: `builtin` (the panda), `menagerie` (by name), `file` (MJCF or URDF) or `several`:
            the `members`, from which parts and hands follow.
        model: the entry point of a Menagerie robot, or the path of the file.
        touching: bodies that can touch the scene, beside the hands.
        guessed: what was guessed, in sentences; empty for a file that a person wrote.
    """

    name: str
    source: str
    summary: str
    parts: tuple[PartDescription, ...]
    hands: tuple[HandDescription, ...] = ()
    model: str = ""
    touching: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()


def parse(data: Mapping[str, Any], where: str) -> Description:
    """Description of a robot file's mapping. Raises ConfigError naming the field."""
    try:
        description = Description(
            name=str(data["name"]),
            source=str(data["source"]),
            summary=str(data.get("summary", "")),
            parts=tuple(_part(part) for part in _parts_of(data)),
            hands=tuple(_hand(hand) for hand in data.get("hands", ())),
            model=str(data.get("model", "")),
            touching=tuple(map(str, data.get("touching", ()))),
            guessed=tuple(map(str, data.get("guessed", ()))),
            members=tuple(_member(member) for member in data.get("members", ())),
        )
    except KeyError as error:
        raise ConfigError(
            "a robot file lacks a field", where=where, expected=str(error.args[0])
        ) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError("a robot file does not fit", where=where, got=str(error)) from error
    if description.source not in SOURCES:
        raise ConfigError(
            "unknown source", where=where, expected=", ".join(SOURCES), got=description.source
        )
    return description


def to_data(description: Description) -> dict[str, Any]:
    """The mapping of a robot file; `parse` reads it back to an equal description."""
    parts = [
        {
            "name": part.name,
            "kind": part.kind,
            "joints": list(part.joints),
            **{key: list(getattr(part, key)) for key in _NUMBERS if getattr(part, key)},
        }
        for part in description.parts
    ]
    members = [_member_data(member) for member in description.members]
    return {
        "name": description.name,
        "summary": description.summary,
        "source": description.source,
        "model": description.model,
        "parts": parts,
        "hands": [_hand_data(hand) for hand in description.hands],
        "touching": list(description.touching),
        "guessed": list(description.guessed),
        **({"members": members} if members else {}),
    }


def _member_data(member: Member) -> dict[str, Any]:
    return {**asdict(member), "position": list(member.position)}


def _parts_of(data: Mapping[str, Any]) -> Any:
    """The parts of a robot file; those of several robots may be left to follow from them."""
    return data.get("parts", ()) if data.get("members") else data["parts"]


def _member(data: Mapping[str, Any]) -> Member:
    x, y, z = (float(v) for v in data.get("position", (0.0, 0.0, 0.0)))
    hand = str(data["hand"])
    if not hand.isidentifier():
        raise ValueError(f"members.hand: a name wanted, got {hand!r}")
    return Member(str(data["robot"]), hand, (x, y, z), float(data.get("yaw_rad", 0.0)))


def _part(data: Mapping[str, Any]) -> PartDescription:
    joints = tuple(map(str, data["joints"]))
    numbers = {key: tuple(float(x) for x in data.get(key, ())) for key in _NUMBERS}
    for key, values in numbers.items():
        if values and len(values) != len(joints):
            raise ValueError(f"{data['name']}.{key}: {len(joints)} numbers wanted")
    return PartDescription(str(data["name"]), str(data["kind"]), joints, **numbers)


def _hand(data: Mapping[str, Any]) -> HandDescription:
    tool = data["tool"]
    pose = Pose(
        np.array(tool.get("position", (0, 0, 0)), dtype=float),
        np.array(tool.get("quaternion", (1, 0, 0, 0)), dtype=float),
    )
    camera = data.get("camera", {})
    x, y, z = (float(v) for v in camera.get("position", (0.075, 0.0, 0.02)))
    drive = data.get("drive")
    return HandDescription(
        name=str(data["name"]),
        arm=str(data["arm"]),
        gripper=str(data.get("gripper", "")),
        tool_body=str(tool["body"]),
        tool=pose,
        fingers={str(k): str(v) for k, v in data.get("fingers", {}).items()},
        drive=None if drive is None else _drive(drive),
        camera_position=(x, y, z),
        camera_tilt_deg=float(camera.get("tilt_deg", 18.0)),
    )


def _drive(data: Mapping[str, Any]) -> DriveDescription:
    joints = tuple(map(str, data["joints"]))
    low, high = (float(x) for x in data["range_m"])
    scale = tuple(float(x) for x in data.get("scale", (1.0,) * len(joints)))
    if len(scale) != len(joints):
        raise ValueError(f"drive.scale: {len(joints)} numbers wanted")
    return DriveDescription(
        joints, (low, high), float(data["force_n"]), scale, float(data.get("offset_m", 0.0))
    )


def _hand_data(hand: HandDescription) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": hand.name,
        "arm": hand.arm,
        "gripper": hand.gripper,
        "tool": {
            "body": hand.tool_body,
            "position": hand.tool.position.tolist(),
            "quaternion": hand.tool.quaternion.tolist(),
        },
        "camera": {"position": list(hand.camera_position), "tilt_deg": hand.camera_tilt_deg},
        "fingers": dict(hand.fingers),
    }
    if hand.drive is not None:
        data["drive"] = {
            "joints": list(hand.drive.joints),
            "range_m": list(hand.drive.range_m),
            "force_n": hand.drive.force_n,
            "scale": list(hand.drive.scale),
            "offset_m": hand.drive.offset_m,
        }
    return data
