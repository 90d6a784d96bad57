"""Numbers, texts and pictures out of ROS 2 messages of the standard types, and into them.

Only the types that come with `rosbags` are read: a definition that a bag brings along would be
turned into code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import ConfigError, DatasetError, UnknownNameError
from .optional import need
from .pictures import Picture, decode

CUSTOMARY = {
    "sensor_msgs/msg/JointState": "position",
    "trajectory_msgs/msg/JointTrajectory": "points.-1.positions",
    "geometry_msgs/msg/PoseStamped": "pose",
    "geometry_msgs/msg/TwistStamped": "twist",
    "geometry_msgs/msg/WrenchStamped": "wrench",
}
"""The field that is meant where a map names none; `data` for any other type that has it."""

PICTURES = ("sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/Image")

_PARTS = {
    "geometry_msgs/msg/Pose": ("position", "orientation"),
    "geometry_msgs/msg/Point": ("x", "y", "z"),
    "geometry_msgs/msg/Vector3": ("x", "y", "z"),
    "geometry_msgs/msg/Quaternion": ("w", "x", "y", "z"),
    "geometry_msgs/msg/Transform": ("translation", "rotation"),
    "geometry_msgs/msg/Twist": ("linear", "angular"),
    "geometry_msgs/msg/Wrench": ("force", "torque"),
}
"""Numbers of a message in Kata's order: a quaternion has w first."""


class Messages:
    """Serialises and deserialises; a stranger's bytes raise DatasetError."""

    def __init__(self) -> None:
        typesys = need("rosbags.typesys", "a bag of ROS 2")
        self.store: Any = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)

    def make(self, kind: str, *values: Any) -> Any:
        """A message of a type."""
        return self.store.types[kind](*values)

    def stamp(self, time_ns: int) -> Any:
        """A header."""
        seconds, rest = divmod(time_ns, 1_000_000_000)
        time = self.make("builtin_interfaces/msg/Time", seconds, rest)
        return self.make("std_msgs/msg/Header", time, "")

    def write(self, message: Any) -> bytes:
        """As CDR."""
        return bytes(self.store.serialize_cdr(message, message.__msgtype__))

    def definition(self, kind: str) -> bytes:
        """The text that describes a type."""
        return str(self.store.generate_msgdef(kind, ros_version=2)[0]).encode()

    def knows(self, kind: str) -> bool:
        """Whether messages of the type can be read."""
        return kind in self.store.fielddefs

    def read(self, data: bytes, kind: str, where: str) -> Any:
        """A message. Raises DatasetError for bytes that are none of that type."""
        try:
            return self.store.deserialize_cdr(data, kind)
        except Exception as error:
            raise DatasetError(
                "a message that cannot be read", where=where, expected=kind, got=repr(error)[:160]
            ) from error


def time_of(message: Any, logged_ns: int) -> int:
    """The stamp in a message's header in ns; when it was logged where it has none."""
    header = getattr(message, "header", None)
    if header is None:
        return logged_ns
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def field_of(message: Any, path: str, where: str) -> Any:
    """The part of a message at a dotted path, customary if it is empty. Raises ConfigError."""
    kind = message.__msgtype__
    node = message
    for part in (path or CUSTOMARY.get(kind, "data")).split("."):
        if isinstance(node, list | tuple) and part.lstrip("-").isdigit():
            place = int(part)
            if not -len(node) <= place < len(node):
                raise DatasetError("a message without that part", where=f"{where}, {part}")
            node = node[place]
        elif part.startswith("_") or not hasattr(node, part):
            known = (
                [name for name in vars(node) if not name.startswith("_")]
                if hasattr(node, "__dict__")
                else _slots(node)
            )
            raise UnknownNameError("field", part, known, where=f"{where}, {kind}")
        else:
            node = getattr(node, part)
    return node


def _slots(node: Any) -> list[str]:
    return [name for name in getattr(node, "__dataclass_fields__", {}) if not name.startswith("_")]


def numbers_of(node: Any, where: str) -> NDArray[np.float64]:
    """Numbers of a part of a message (W,). Raises ConfigError for one that has none."""
    kind = getattr(node, "__msgtype__", "")
    if kind in _PARTS:
        return np.concatenate([numbers_of(getattr(node, part), where) for part in _PARTS[kind]])
    if isinstance(node, bool | int | float | np.generic):
        return np.array([float(node)])
    if isinstance(node, np.ndarray) and node.dtype.kind in "fiub":
        return node.astype(np.float64).ravel()
    raise ConfigError(
        "a field that holds no numbers",
        where=where,
        expected="numbers, a pose, a vector",
        got=kind or type(node).__name__,
        hint="name another field in the map",
    )


def ordered(
    message: Any, values: NDArray[np.float64], joints: Sequence[str], where: str
) -> NDArray[np.float64]:
    """Values in the order of these joints. Raises DatasetError where one is not in the message."""
    names = list(getattr(message, "name", None) or getattr(message, "joint_names", None) or ())
    if len(names) != len(values):
        raise DatasetError(
            "a message with other joints than values",
            where=where,
            expected=f"{len(names)} values",
            got=f"{len(values)}",
        )
    missing = [joint for joint in joints if joint not in names]
    if missing:
        raise DatasetError(
            "a message without a joint",
            where=where,
            expected=", ".join(joints),
            got=", ".join(map(str, names)) or "no names",
        )
    return np.asarray(values[[names.index(joint) for joint in joints]])


def picture_of(message: Any, where: str) -> Picture:
    """The picture of an image message, RGB. Raises DatasetError."""
    if message.__msgtype__ == PICTURES[0]:
        return decode(message.data.tobytes(), where)
    channels = {"rgb8": 3, "bgr8": 3, "mono8": 1}.get(message.encoding)
    height, width, step = int(message.height), int(message.width), int(message.step)
    if channels is None or step < width * channels or len(message.data) != height * step:
        raise DatasetError(
            "a picture that cannot be read",
            where=where,
            expected="rgb8, bgr8 or mono8, height times step bytes",
            got=f"{message.encoding}, {height} x {width}, step {step}, {len(message.data)} bytes",
        )
    rows = np.asarray(message.data, dtype=np.uint8).reshape(height, step)[:, : width * channels]
    picture: NDArray[np.uint8] = rows.reshape(height, width, channels)
    if message.encoding == "bgr8":
        picture = picture[..., ::-1]
    return np.ascontiguousarray(np.broadcast_to(picture, (height, width, 3)))
