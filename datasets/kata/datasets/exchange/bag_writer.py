"""Episodes as bags of ROS 2: an `.mcap` file each, and a map that reads them back.

Every frame is a message of every topic at the frame's instant. Numbers travel as float64, which
holds float32 and small integers to the bit; pictures as PNG.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..files import told, write_synced
from ..schema import CAMERA_PREFIX
from .bag_topics import EPISODE, JOINT_FIELDS, JOINT_STATES, LAYOUT, OWN, TASK, own_topics
from .description import layout_text, outcome_text
from .messages import PICTURES, Messages
from .optional import need
from .pictures import encode_png
from .take import Layout, Take
from .topic_map import topic_map_text

MAP = "topics.yaml"
BEGIN_NS = 1_000_000_000_000_000_000
"""Stamp of the first frame; fixed, so that equal datasets give equal bags."""

_JOINTS, _TRAJECTORY, _POINT = (
    "sensor_msgs/msg/JointState",
    "trajectory_msgs/msg/JointTrajectory",
    "trajectory_msgs/msg/JointTrajectoryPoint",
)
_POSE, _ARRAY, _TEXT = (
    "geometry_msgs/msg/PoseStamped",
    "std_msgs/msg/Float64MultiArray",
    "std_msgs/msg/String",
)
_NONE = np.zeros(0)


class BagSink:
    """Writes into an empty folder."""

    def __init__(self, root: Path, layout: Layout) -> None:
        self._writing = need("mcap.writer", "a bag of ROS 2")
        self._messages = Messages()
        self.root, self.layout = root, layout
        self._topics = own_topics(layout)
        self._count, self._next_ns = 0, BEGIN_NS

    def add(self, take: Take) -> None:
        """Write one episode's bag."""
        path = self.root / f"episode_{self._count:06d}.mcap"
        with told(path), path.open("wb") as file:
            writer = self._writing.Writer(file)
            writer.start(profile="ros2", library="kata")
            channels: dict[str, int] = {}
            schemas: dict[str, int] = {}
            for frame in range(take.frames):
                time_ns = self._next_ns + round(frame * (1_000_000_000 / self.layout.fps))
                for topic, message in self._frame(take, frame, time_ns):
                    kind = message.__msgtype__
                    if kind not in schemas:
                        text = self._messages.definition(kind)
                        schemas[kind] = writer.register_schema(kind, "ros2msg", text)
                    if topic not in channels:
                        channels[topic] = writer.register_channel(topic, "cdr", schemas[kind])
                    data = self._messages.write(message)
                    writer.add_message(channels[topic], time_ns, data, time_ns)
            self._pictures(writer, take, schemas)
            writer.add_metadata(LAYOUT, {OWN: layout_text(self.layout)})
            writer.add_metadata(EPISODE, {OWN: outcome_text(take, self._count)})
            writer.finish()
        seconds = -(-take.frames // self.layout.fps) + 1
        self._count, self._next_ns = self._count + 1, self._next_ns + seconds * 1_000_000_000

    def close(self) -> None:
        """Write the map of topics."""
        path = self.root / MAP
        with told(path):
            write_synced(path, topic_map_text(self._topics).encode())

    def _frame(self, take: Take, frame: int, time_ns: int) -> Any:
        """The messages of one frame, pictures apart, by topic."""
        make, joint = self._messages.make, {}
        for key, parts in self._topics.topics.items():
            if key == TASK:
                yield parts[0].topic, make(_TEXT, take.tasks[frame])
                continue
            if key.startswith(CAMERA_PREFIX):
                continue
            topic, values = parts[0].topic, take.columns[key]
            if isinstance(values, list):
                yield topic, make(_TEXT, values[frame])
                continue
            row = np.asarray(values[frame], dtype=np.float64)
            if topic == JOINT_STATES:
                joint[JOINT_FIELDS[key]] = row
            else:
                yield topic, self._numbers(key, topic, row, time_ns)
        if joint:
            names = list(self.layout.spec["observation.state"].names)
            fields = (joint.get(name, _NONE) for name in ("position", "velocity", "effort"))
            yield JOINT_STATES, make(_JOINTS, self._messages.stamp(time_ns), names, *fields)

    def _numbers(self, key: str, topic: str, row: Any, time_ns: int) -> Any:
        make, stamp = self._messages.make, self._messages.stamp(time_ns)
        if topic.startswith("/joint_trajectory"):
            period_ns = round(1_000_000_000 / self.layout.fps)
            due = make("builtin_interfaces/msg/Duration", *divmod(period_ns, 1_000_000_000))
            point = make(_POINT, row, _NONE, _NONE, _NONE, due)
            return make(_TRAJECTORY, stamp, list(self.layout.spec[key].names), [point])
        if topic == "/tool_pose":
            x, y, z, qw, qx, qy, qz = row.tolist()
            point = make("geometry_msgs/msg/Point", x, y, z)
            turn = make("geometry_msgs/msg/Quaternion", qx, qy, qz, qw)
            return make(_POSE, stamp, make("geometry_msgs/msg/Pose", point, turn))
        return make(_ARRAY, make("std_msgs/msg/MultiArrayLayout", [], 0), row)

    def _pictures(self, writer: Any, take: Take, schemas: dict[str, int]) -> None:
        for camera in self.layout.cameras:
            topic = self._topics.topics[CAMERA_PREFIX + camera][0].topic
            kind = PICTURES[0]
            if kind not in schemas:
                text = self._messages.definition(kind)
                schemas[kind] = writer.register_schema(kind, "ros2msg", text)
            channel = writer.register_channel(topic, "cdr", schemas[kind])
            for frame, picture in enumerate(take.pictures[camera]):
                time_ns = self._next_ns + round(frame * (1_000_000_000 / self.layout.fps))
                data = np.frombuffer(encode_png(picture), dtype=np.uint8)
                message = self._messages.make(kind, self._messages.stamp(time_ns), "png", data)
                writer.add_message(channel, time_ns, self._messages.write(message), time_ns)
