"""Bags come in by their map: in the right order, at the right time, and told what that cost."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mcap.writer import IndexType, Writer
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as BagWriter

from kata.datasets.dataset import Dataset
from kata.datasets.exchange import bag_files
from kata.datasets.exchange.bag_reader import BagSource
from kata.datasets.exchange.convert import convert
from kata.datasets.exchange.lerobot_reader import LeRobotSource
from kata.datasets.exchange.lerobot_writer import LeRobotSink
from kata.datasets.exchange.messages import Messages
from kata.datasets.exchange.resample import choose, interpolate, sync, ticks
from kata.datasets.exchange.topic_map import parse_topic_map
from kata.datasets.types import ConfigError, DatasetError, KataError, UnknownNameError

MS, BEGIN_NS = 1_000_000, 10**18
JOINTS = ["b", "a", "gripper"]
ROS = Messages()
Sent = tuple[str, int, Any]


def joints(time_ns: int, values: Sequence[float], names: Sequence[str] = JOINTS) -> Any:
    none = np.zeros(0)
    kind, stamp = "sensor_msgs/msg/JointState", ROS.stamp(time_ns)
    return ROS.make(kind, stamp, list(names), np.array(values, dtype=float), none, none)


def array(values: Sequence[float]) -> Any:
    layout = ROS.make("std_msgs/msg/MultiArrayLayout", [], 0)
    return ROS.make("std_msgs/msg/Float64MultiArray", layout, np.array(values, dtype=float))


def text(value: str) -> Any:
    return ROS.make("std_msgs/msg/String", value)


def pose(time_ns: int) -> Any:
    point = ROS.make("geometry_msgs/msg/Point", 1.0, 2.0, 3.0)
    turn = ROS.make("geometry_msgs/msg/Quaternion", 0.1, 0.2, 0.3, 0.9)
    whole = ROS.make("geometry_msgs/msg/Pose", point, turn)
    return ROS.make("geometry_msgs/msg/PoseStamped", ROS.stamp(time_ns), whole)


def image(time_ns: int, level: int, kind: str = "jpeg") -> Any:
    picture = np.full((16, 24, 3), (0, 0, level), dtype=np.uint8)  # red, as OpenCV stores it
    if kind == "raw":
        data = picture.tobytes()
        name = "sensor_msgs/msg/Image"
        return ROS.make(
            name, ROS.stamp(time_ns), 16, 24, "bgr8", 0, 72, np.frombuffer(data, np.uint8)
        )
    data = cv2.imencode(f".{kind}", picture)[1]
    return ROS.make("sensor_msgs/msg/CompressedImage", ROS.stamp(time_ns), kind, data.ravel())


def sent(seconds: float = 2.0) -> list[Sent]:
    """A robot at 100 Hz, commands at 10 Hz, pictures at 15 Hz, a skill that is said once."""
    out: list[Sent] = [("/skill", 0, text("pick"))]
    for i in range(int(100 * seconds)):
        at = i * 10 * MS
        out.append(("/joint_states", at, joints(at, [i, -i, 0.5])))
    for i in range(int(10 * seconds)):
        out.append(("/command", i * 100 * MS, array([i, -i, 0.5])))
        out.append(("/pose", i * 100 * MS, pose(i * 100 * MS)))
    for i in range(int(15 * seconds)):
        at = i * 1000 * MS // 15
        out.append(("/camera", at, image(at, 8 * i)))
    return sorted(out, key=lambda one: one[1])


def write(path: Path, messages: Sequence[Sent], **options: Any) -> Path:
    with path.open("wb") as file:
        writer = Writer(file, **options)
        writer.start(profile="ros2")
        channels: dict[str, int] = {}
        for topic, at, message in messages:
            if topic not in channels:
                kind = message.__msgtype__
                schema = writer.register_schema(kind, "ros2msg", ROS.definition(kind))
                channels[topic] = writer.register_channel(topic, "cdr", schema)
            stamp = BEGIN_NS + at
            writer.add_message(channels[topic], stamp, ROS.write(message), stamp)
        writer.finish()
    return path


TOPICS: Mapping[str, Any] = {
    "observation.state": {"topic": "/joint_states", "joints": ["a", "b", "gripper"]},
    "action": "/command",
    "observation.tool_pose": {"topic": "/pose"},
    "observation.images.front": {"topic": "/camera"},
    "skill": {"topic": "/skill"},
}


def source(path: Path, topics: Mapping[str, Any] = TOPICS, **more: Any) -> BagSource:
    return BagSource(path, parse_topic_map({"topics": topics, **more}, "map"))


def bring(found: BagSource, folder: Path) -> Dataset:
    convert(found, LeRobotSink, LeRobotSource, folder)
    return Dataset.open(folder)


def test_a_bag_becomes_an_episode_at_the_rate_of_the_map(tmp_path: Path) -> None:
    found = source(write(tmp_path / "a.mcap", sent()), labels={"success": True, "task": "pick it"})
    dataset = bring(found, tmp_path / "data")
    state, action = dataset.column("observation.state"), dataset.column("action")
    # The pose is last heard at 1.9 s, so the frames go from 0 to 1.9 s.
    assert (len(dataset), dataset.fps) == (39, 20)
    assert np.array_equal(state[:, 1], 5.0 * np.arange(39))  # joint b, in the order of the map
    assert np.array_equal(state[:, 0], -state[:, 1])
    assert np.array_equal(action[:, 0], np.arange(39) // 2)  # the newest command that had come
    pose_ = np.array([1, 2, 3, 0.9, 0.1, 0.2, 0.3], dtype=np.float32)  # w first
    assert np.array_equal(dataset.column("observation.tool_pose")[7], pose_)
    assert (dataset.skills, dataset.tasks) == (("pick",), ("pick it",))
    red = dataset.images("front", 0)[:, 4, 4]
    assert np.abs(red[:, 0].astype(int) - 8 * (np.arange(39) * 15 // 20)).max() < 12
    assert red[:, 2].max() < 30


def test_what_the_frames_cost_is_said(tmp_path: Path) -> None:
    found = source(write(tmp_path / "a.mcap", sent()))
    list(found.takes())
    fast, slow = (found.syncs[topic]["a.mcap"] for topic in ("/joint_states", "/command"))
    assert (fast.messages, fast.unused, fast.repeated) == (200, 152, 0)
    assert (slow.messages, slow.unused, slow.repeated) == (20, 0, 19)
    assert slow.age_ms == pytest.approx((0.0, 50.0, 50.0))


def test_the_next_state_can_stand_for_the_action(tmp_path: Path) -> None:
    topics = {
        "observation.state": {"topic": "/joint_states", "method": "linear"},
        "action": {"topic": "/joint_states", "shift": 1, "method": "nearest"},
    }
    dataset = bring(source(write(tmp_path / "a.mcap", sent()), topics), tmp_path / "data")
    state, action = dataset.column("observation.state"), dataset.column("action")
    assert np.array_equal(action[:-1], state[1:])


def test_columns_of_several_topics_stand_side_by_side(tmp_path: Path) -> None:
    topics = {"observation.state": [{"topic": "/joint_states", "joints": ["a"]}, "/command"]}
    dataset = bring(source(write(tmp_path / "a.mcap", sent()), topics), tmp_path / "data")
    assert dataset.column("observation.state").shape == (39, 4)


def test_a_topic_on_hold_does_not_end_the_episode(tmp_path: Path) -> None:
    messages = [m for m in sent() if m[0] != "/command"] + [("/command", 30 * MS, array([7.0]))]
    path = write(tmp_path / "a.mcap", sorted(messages, key=lambda one: one[1]))
    topics = {"observation.state": "/joint_states", "action": {"topic": "/command"}}
    assert next(source(path, topics).takes()).frames == 1
    held = {**topics, "action": {"topic": "/command", "method": "hold"}}
    assert next(source(path, held).takes()).frames == 40


def test_stamps_in_the_header_are_used_where_that_is_asked(tmp_path: Path) -> None:
    late = [(t, at, joints(BEGIN_NS + at - 30 * MS, [at // MS, 0, 0])) for t, at, _ in sent()[1:]
            if t == "/joint_states"]  # fmt: skip
    path = write(
        tmp_path / "a.mcap",
        [*late, ("/command", 0, array([1.0])), ("/command", 1000 * MS, array([2.0]))],
    )
    topics = {"observation.state": "/joint_states", "action": "/command"}
    logged = next(source(path, topics).takes()).columns["observation.state"]
    stamped = next(source(path, topics, time="header").takes()).columns["observation.state"]
    assert np.array_equal(np.asarray(logged)[:10, 0] + 30, np.asarray(stamped)[:10, 0])


def test_a_folder_of_bags_is_a_dataset(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / f"{name}.mcap", sent(1.0 if name == "a" else 2.0))
    dataset = bring(source(tmp_path), tmp_path / "data")
    assert [e.stop - e.start for e in dataset.episodes] == [19, 39]
    assert dataset.episodes[0].uuid != dataset.episodes[1].uuid


def record(path: Path, plugin: StoragePlugin) -> Path:
    with BagWriter(path, version=9, storage_plugin=plugin) as writer:
        connections: dict[str, Any] = {}
        for topic, at, message in sent(1.0):
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=ROS.store)
            writer.write(connections[topic], BEGIN_NS + at, ROS.write(message))
    return path


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_the_folder_of_a_recording_is_a_bag(plugin: StoragePlugin, tmp_path: Path) -> None:
    assert next(source(record(tmp_path / "bag", plugin)).takes()).frames == 19


NO_SUMMARY = {
    "index_types": IndexType.NONE,
    "repeat_channels": False,
    "repeat_schemas": False,
    "use_statistics": False,
    "use_summary_offsets": False,
}


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: write(folder / "a.mcap", sent(1.0)),
        lambda folder: write(folder / "a.mcap", sent(1.0), **NO_SUMMARY),
        lambda folder: record(folder / "a", StoragePlugin.MCAP),
    ],
    ids=["a file", "a file without a summary", "a folder"],
)
def test_a_chunk_of_an_impossible_size_is_refused_before_it_is_unpacked(
    make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path)
    assert "/command" in bag_files.topics_of(path)
    monkeypatch.setattr(bag_files, "MOST_BYTES", 999)
    for read in (bag_files.topics_of, lambda bag: list(bag_files.messages_of(bag, ["/command"]))):
        with pytest.raises(DatasetError) as caught:
            read(path)
        assert caught.value.what == "a chunk of an impossible size"
        assert caught.value.got.endswith(" bytes")
        assert str(path) in caught.value.where


def test_raw_images_are_read(tmp_path: Path) -> None:
    messages = [("/camera", i * 50 * MS, image(i * 50 * MS, 100, "raw")) for i in range(10)]
    topics = {"observation.images.front": "/camera"}
    take = next(source(write(tmp_path / "a.mcap", messages), topics).takes())
    assert np.array_equal(next(iter(take.pictures["front"]))[3, 3], [100, 0, 0])


@pytest.mark.parametrize(
    ("topics", "kind", "what"),
    [
        ({"action": "/comand"}, UnknownNameError, "unknown topic '/comand'"),
        (
            {"action": {"topic": "/command", "field": "dta"}},
            UnknownNameError,
            "unknown field 'dta'",
        ),
        (
            {"action": {"topic": "/pose", "field": "header"}},
            ConfigError,
            "a field that holds no numbers",
        ),
        (
            {"action": {"topic": "/command", "field": "__class__"}},
            UnknownNameError,
            "unknown field '__class__'",
        ),
        (
            {"action": {"topic": "/joint_states", "joints": ["c"]}},
            DatasetError,
            "a message without a joint",
        ),
        ({"action": "/camera"}, ConfigError, "a topic of the wrong type"),
        ({"observation.images.front": "/command"}, ConfigError, "a topic of the wrong type"),
    ],
)
def test_a_map_that_does_not_fit_the_bag_is_refused(
    topics: Any, kind: type[KataError], what: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.mcap", sent(0.5))
    with pytest.raises(kind) as caught:
        bring(source(path, topics), tmp_path / "data")
    assert caught.value.what == what
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize(
    ("data", "kind", "what"),
    [
        ({}, ConfigError, "no topics"),
        ({"topics": {"action": {"field": "data"}}}, ConfigError, "not a topic"),
        (
            {"topics": {"action": {"topic": "/a", "methods": "last"}}},
            UnknownNameError,
            "unknown key 'methods'",
        ),
        (
            {"topics": {"action": {"topic": "/a", "method": "cubic"}}},
            UnknownNameError,
            "unknown method 'cubic'",
        ),
        ({"topics": {"action": {"topic": "/a", "joints": "a"}}}, ConfigError, "not joints"),
        ({"topics": {"action": {"topic": "/a", "shift": -1}}}, ConfigError, "not a whole number"),
        ({"topics": {"action": "/a"}, "time": "wall"}, UnknownNameError, "unknown clock 'wall'"),
        ({"topics": {"action": "/a"}, "fps": 20.5}, ConfigError, "not a whole number"),
    ],
)
def test_a_map_that_says_nothing_useful_is_refused(
    data: Any, kind: type[KataError], what: str
) -> None:
    with pytest.raises(kind) as caught:
        parse_topic_map(data, "map")
    assert caught.value.what == what


def test_without_a_map_the_topics_are_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        BagSource(write(tmp_path / "a.mcap", sent(0.5)))
    assert "/joint_states: sensor_msgs/msg/JointState" in caught.value.got


def test_topics_that_never_speak_together_are_refused(tmp_path: Path) -> None:
    messages = [("/joint_states", 0, joints(0, [1, 2, 3])), ("/command", 5000 * MS, array([1]))]
    topics = {"observation.state": "/joint_states", "action": "/command"}
    with pytest.raises(ConfigError) as caught:
        list(source(write(tmp_path / "a.mcap", messages), topics).takes())
    assert caught.value.got == "one begins 5.000 s after another ended"


def test_instants_are_exact_over_hours() -> None:
    at = ticks(10**18, 10**18 + 3600 * 10**9, 30)
    assert len(at) == 108001
    assert np.abs(np.diff(at) - 1e9 / 30).max() <= 1


@pytest.mark.parametrize("seed", range(5))
def test_no_frame_shows_the_future_and_none_is_older_than_need_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stamps = np.sort(rng.integers(0, 10**9, 50))
    at = ticks(int(stamps[0]), int(stamps[-1]), 30)
    shown = choose(stamps, at, "last")
    assert (stamps[shown] <= at).all()
    assert (stamps[np.minimum(shown + 1, 49)] > at)[:-1].all()
    nearest = np.abs(stamps[choose(stamps, at, "nearest")] - at)
    assert np.array_equal(nearest, np.abs(stamps[:, None] - at).min(axis=0))
    line = interpolate(stamps, stamps[:, None] * 2.0, at)
    assert np.allclose(line[:, 0], at * 2.0)
    cost = sync("/a", stamps, 0, shown, at)
    assert cost.messages == 50
    assert cost.unused + len(np.unique(shown)) == 50 - (stamps > at[-1]).sum()
