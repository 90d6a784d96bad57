"""The topics that Kata writes a dataset to."""

from __future__ import annotations

from ..schema import CAMERA_PREFIX
from .take import Layout
from .topic_map import Topic, TopicMap

LAYOUT, EPISODE, OWN = "kata.layout", "kata.episode", "json"
"""Names of the records of metadata in a bag, and of the text in them."""

TASK = "task"

JOINT_FIELDS = {
    "observation.state": "position",
    "observation.velocity": "velocity",
    "observation.effort": "effort",
}
JOINT_STATES = "/joint_states"
COMMANDS = {"action": "/joint_trajectory", "executed": "/joint_trajectory/executed"}


def own_topics(layout: Layout) -> TopicMap:
    """The map that reads back what is written of a layout."""
    joints = layout.spec["observation.state"].names if "observation.state" in layout.spec else ()
    topics: dict[str, tuple[Topic, ...]] = {}
    for key, spec in layout.spec.items():
        if key in JOINT_FIELDS and joints and spec.names == joints:
            topics[key] = (Topic(JOINT_STATES, JOINT_FIELDS[key]),)
        elif key in COMMANDS and spec.names:
            topics[key] = (Topic(COMMANDS[key]),)
        elif key == "observation.tool_pose" and len(spec.names) == 7:
            topics[key] = (Topic("/tool_pose"),)
        else:
            topics[key] = (Topic("/kata/" + key.replace(".", "/"), "data"),)
    topics[TASK] = (Topic("/kata/task", "data"),)
    for camera in layout.cameras:
        topics[CAMERA_PREFIX + camera] = (Topic(f"/{camera}/compressed"),)
    return TopicMap(topics, layout.fps, layout.robot)
