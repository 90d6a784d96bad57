"""Which topics of a bag become which columns: a YAML file, `map=FILE`.

    fps: 20
    robot: panda
    time: log                       # when a message came; header: the stamp inside it
    topics:
      observation.state:
        {topic: /joint_states, field: position, joints: [joint1, joint2], method: linear}
      action: {topic: /arm/joint_trajectory}
      observation.tool_pose: {topic: /tool_pose}
      observation.images.front: {topic: /front/compressed}
      skill: {topic: /skill}
    labels: {success: true, task: pick up the cube}

A column may be a list of topics, whose numbers stand side by side. `method` is `last` (the newest
message that had come by then), `nearest`, `linear`, or `hold`: as `last`, for a topic that speaks
only when something changes. `shift: 1` takes what came a frame later, so that the next state can
stand for an action that was not recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from ..schema import CAMERA_PREFIX
from ..types import ConfigError, UnknownNameError
from .name_map import Labels, check_keys, parse_labels, read_map, table, whole

Method = Literal["last", "nearest", "linear", "hold"]
Clock = Literal["log", "header"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic that a column comes from; `field` is empty for the customary one of its type."""

    topic: str
    field: str = ""
    joints: tuple[str, ...] = ()
    method: Method = "last"
    shift: int = 0


@dataclass(frozen=True, slots=True)
class TopicMap:
    """See the module."""

    topics: Mapping[str, tuple[Topic, ...]]
    fps: int = 20
    robot: str = ""
    time: Clock = "log"
    labels: Labels = field(default_factory=Labels)

    @property
    def cameras(self) -> dict[str, Topic]:
        """The topic of each camera."""
        prefix = CAMERA_PREFIX
        return {
            k.removeprefix(prefix): v[0] for k, v in self.topics.items() if k.startswith(prefix)
        }


def read_topic_map(path: Path) -> TopicMap:
    """The map of a file. Raises ConfigError, UnknownNameError."""
    return parse_topic_map(read_map(path), str(path))


def parse_topic_map(data: Mapping[str, Any], where: str) -> TopicMap:
    """A map from plain data. Raises ConfigError, UnknownNameError."""
    check_keys(data, {"topics", "fps", "robot", "time", "labels"}, where)
    clock = data.get("time") or "log"
    if clock not in get_args(Clock):
        raise UnknownNameError("clock", str(clock), get_args(Clock), where=f"{where}, time")
    topics = {}
    for key, value in table(data, "topics", where).items():
        parts = value if isinstance(value, list) else [value]
        topics[str(key)] = tuple(_topic(part, f"{where}, topics, {key}") for part in parts)
    if not topics:
        raise ConfigError(
            "no topics", where=where, expected="topics: {observation.state: {topic: /joint_states}}"
        )
    labels = parse_labels(table(data, "labels", where), where)
    robot, fps = str(data.get("robot") or ""), whole(data, "fps", where) or 20
    return TopicMap(topics, fps, robot, cast("Clock", clock), labels)


def _topic(data: Any, where: str) -> Topic:
    if isinstance(data, str):
        data = {"topic": data}
    if not isinstance(data, Mapping) or not data.get("topic"):
        raise ConfigError("not a topic", where=where, expected="{topic: /name}", got=str(data))
    check_keys(data, {"topic", "field", "joints", "method", "shift"}, where)
    method, joints = data.get("method") or "last", data.get("joints") or ()
    if method not in get_args(Method):
        raise UnknownNameError("method", str(method), get_args(Method), where=where)
    if isinstance(joints, str) or not isinstance(joints, list | tuple):
        raise ConfigError("not joints", where=where, expected="[joint1, joint2]", got=str(joints))
    return Topic(
        str(data["topic"]),
        str(data.get("field") or ""),
        tuple(map(str, joints)),
        cast("Method", method),
        whole(data, "shift", where),
    )


def topic_map_text(topics: TopicMap) -> str:
    """A map as YAML, for a person to change."""
    import yaml

    def plain(topic: Topic) -> dict[str, Any]:
        found: dict[str, Any] = {"topic": topic.topic, "field": topic.field, "method": topic.method}
        if topic.joints:
            found["joints"] = list(topic.joints)
        if topic.shift:
            found["shift"] = topic.shift
        return found

    named = {
        key: plain(parts[0]) if len(parts) == 1 else [plain(part) for part in parts]
        for key, parts in topics.topics.items()
    }
    data = {"fps": topics.fps, "robot": topics.robot, "time": topics.time, "topics": named}
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None))
