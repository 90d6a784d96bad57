"""What goes out comes back the same to the bit; what is foreign keeps its numbers."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kata.datasets.dataset import Dataset
from kata.datasets.exchange.bag_reader import BagSource
from kata.datasets.exchange.bag_writer import BagSink
from kata.datasets.exchange.convert import STAGING, convert
from kata.datasets.exchange.lerobot_reader import LeRobotSource
from kata.datasets.exchange.lerobot_writer import LeRobotSink
from kata.datasets.exchange.name_map import NameMap, parse_name_map
from kata.datasets.exchange.renamed import Renamed
from kata.datasets.exchange.robomimic_reader import RobomimicSource
from kata.datasets.exchange.robomimic_writer import FILE, RobomimicSink
from kata.datasets.exchange.robot_names import with_robot
from kata.datasets.exchange.take import Layout, Sink, Source
from kata.datasets.exchange.topic_map import read_topic_map
from kata.datasets.quality.check import check
from kata.datasets.testing import fake_frames, fake_recorder, fake_robot
from kata.datasets.types import ConfigError, DatasetError, KataError, Outcome, UnknownNameError

CAMERA = {"front": (48, 64)}
STATE, ACTION = "observation.state", "action"


@dataclass(frozen=True)
class Format:
    sink: Callable[[Path, Layout], Sink]
    source: Callable[[Path], Source]


FORMATS = {
    "lerobot": Format(LeRobotSink, LeRobotSource),
    "robomimic": Format(RobomimicSink, lambda folder: RobomimicSource(folder / FILE)),
    "mcap": Format(BagSink, BagSource),
}
each_format = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Episodes with every kind of label: a failure, a branch, two skills, values that are NaN."""
    root = tmp_path_factory.mktemp("recorded") / "data"
    with fake_recorder(root, cameras=CAMERA) as recorder:
        for number in range(4):
            skill = ("pick", "place")[number % 2]
            for frame in fake_frames(12 + number, number, skill=skill, cameras=CAMERA):
                if number == 3:
                    frame.executed[2] = np.nan
                recorder.add(frame)
            parent = {"parent_uuid": recorder.last_uuid, "parent_frame": 5} if number == 2 else {}
            recorder.save_episode(Outcome(number != 1, f"reason {number}", 100 + number, **parent))
    return root


def import_(source: Source, folder: Path) -> Dataset:
    convert(source, LeRobotSink, LeRobotSource, folder)
    return Dataset.open(folder)


@each_format
def test_what_goes_out_comes_back_the_same(name: str, recorded: Path, tmp_path: Path) -> None:
    there = FORMATS[name]
    done = convert(LeRobotSource(recorded), there.sink, there.source, tmp_path / "out")
    assert (done.sums.episodes, done.sums.frames) == (4, 54)
    assert done.sums.pictures == {"front": 54}
    before = Dataset.open(recorded)
    after = import_(there.source(tmp_path / "out"), tmp_path / "back")
    assert after.content_hash == before.content_hash
    assert after.episodes == before.episodes
    assert after.tasks == before.tasks
    assert after.schema == before.schema
    assert (tmp_path / "back/meta/kata.json").exists()


@each_format
def test_pictures_come_back(name: str, recorded: Path, tmp_path: Path) -> None:
    there = FORMATS[name]
    convert(LeRobotSource(recorded), there.sink, there.source, tmp_path / "out")
    before = Dataset.open(recorded).images("front", 2)
    kept = next(take for i, take in enumerate(there.source(tmp_path / "out").takes()) if i == 2)
    assert np.array_equal(np.stack(list(kept.pictures["front"])), before)
    after = import_(there.source(tmp_path / "out"), tmp_path / "back").images("front", 2)
    assert after.shape == before.shape
    # LeRobot to LeRobot copies the video; from the others it is encoded again, with its loss.
    assert np.abs(after.astype(int) - before).mean() < (0.0 if name == "lerobot" else 6.0) + 1e-9


@each_format
def test_equal_datasets_give_equal_content(name: str, recorded: Path, tmp_path: Path) -> None:
    there = FORMATS[name]
    sums = [
        convert(LeRobotSource(recorded), there.sink, there.source, tmp_path / folder).sums
        for folder in "ab"
    ]
    assert sums[0] == sums[1]


def test_a_recorder_goes_on_with_what_was_imported(recorded: Path, tmp_path: Path) -> None:
    dataset = import_(LeRobotSource(recorded), tmp_path / "data")
    with fake_recorder(tmp_path / "data", cameras=CAMERA) as recorder:
        assert recorder.episodes == len(dataset.episodes)
        for frame in fake_frames(5, 9, cameras=CAMERA):
            recorder.add(frame)
        recorder.save_episode(Outcome(True))
    assert len(Dataset.open(tmp_path / "data").episodes) == 5
    assert check(tmp_path / "data").episodes == 5


def test_episodes_are_left_out(recorded: Path, tmp_path: Path) -> None:
    before = Dataset.open(recorded)
    after = import_(LeRobotSource(recorded, [0, 2]), tmp_path / "data")
    assert [e.uuid for e in after.episodes] == [before.episodes[i].uuid for i in (1, 3)]
    assert np.array_equal(
        after.column(STATE)[:13], before.column(STATE)[before.episodes[1].start :][:13]
    )


@pytest.mark.parametrize(("drop", "got"), [([7], "7"), ([0, 1, 2, 3], "0, 1, 2, 3")])
def test_only_some_episodes_can_be_left_out(drop: list[int], got: str, recorded: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        LeRobotSource(recorded, drop)
    assert caught.value.got == got


def test_a_damaged_episode_is_named_and_can_be_left_out(recorded: Path, tmp_path: Path) -> None:
    root = tmp_path / "damaged"
    shutil.copytree(recorded, root)
    path = root / "data/chunk-000/file-002.parquet"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DatasetError) as caught:
        import_(LeRobotSource(root), tmp_path / "a")
    assert "leave it out: drop=[2]" in caught.value.hint
    assert not list((tmp_path / "a").iterdir())
    assert len(import_(LeRobotSource(root, [2]), tmp_path / "b").episodes) == 3


def test_what_is_there_is_not_written_over(recorded: Path, tmp_path: Path) -> None:
    first = import_(LeRobotSource(recorded), tmp_path / "data").content_hash
    with pytest.raises(DatasetError) as caught:
        import_(LeRobotSource(recorded, [0]), tmp_path / "data")
    assert caught.value.what == "there is something already"
    assert Dataset.open(tmp_path / "data").content_hash == first


@each_format
def test_all_is_durable_before_it_gets_its_name(
    name: str, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    named: list[set[int]] = []
    fsync, rename = os.fsync, Path.rename

    def noting_fsync(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def noting_rename(path: Path, target: Path) -> Path:
        if path.parent.name == STAGING:
            named.append(set(synced))
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(Path, "rename", noting_rename)
    wanted = FORMATS[name]
    convert(LeRobotSource(recorded), wanted.sink, wanted.source, tmp_path / "out")
    assert {path.stat().st_ino for path in (tmp_path / "out").rglob("*")} <= named[0]


@each_format
def test_a_lie_on_the_way_is_noticed(
    name: str, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = FORMATS[name]

    class Liar:
        def __init__(self, folder: Path) -> None:
            self._source = there.source(folder)
            self.layout, self.notes, self.count = self._source.layout, (), self._source.count

        def takes(self) -> Any:
            for take in self._source.takes():
                changed = np.array(take.columns[ACTION])
                changed[3, 1] = np.nextafter(changed[3, 1], np.float32(9))
                yield type(take)(
                    {**take.columns, ACTION: changed}, take.tasks, take.outcome, take.pictures
                )

    with pytest.raises(DatasetError) as caught:
        convert(LeRobotSource(recorded), there.sink, Liar, tmp_path / "out")
    assert caught.value.what == "what was written is not what was read"
    assert caught.value.expected.startswith("action ")
    assert not list((tmp_path / "out").iterdir())


def robomimic_file(path: Path, demos: int = 3, **kwargs: Any) -> Path:
    """A file as robosuite's scripts leave it."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        for number in range(demos):
            demo, count = data.create_group(f"demo_{number}"), 20 + number
            demo.attrs["num_samples"] = count
            demo.create_dataset("actions", data=rng.normal(size=(count, 8)))
            demo.create_dataset(
                "rewards", data=(np.arange(count) == count - 1) * float(number != 1)
            )
            demo.create_dataset("dones", data=np.zeros(count, dtype=np.int64))
            demo.create_dataset("states", data=rng.normal(size=(count, 30)))
            observations = demo.create_group("obs")
            observations["robot0_joint_pos"] = np.cumsum(rng.normal(size=(count, 7)), axis=0)
            observations["robot0_gripper_qpos"] = rng.normal(size=(count, 1))
            observations["object"] = rng.normal(size=(count, 10))
            pictures = rng.integers(0, 255, (count, 16, 16, 3), dtype=np.uint8)
            observations["agentview_image"] = pictures
        data.attrs["total"] = sum(20 + n for n in range(demos))
        environment = {"env_name": "Lift", "type": 1, "env_kwargs": {"control_freq": 20}}
        data.attrs["env_args"] = json.dumps({**environment, **kwargs})
    return path


MAP = {
    "columns": {STATE: ["robot0_joint_pos", "robot0_gripper_qpos"]},
    "cameras": {"front": "agentview_image"},
    "units": {STATE: "degrees"},
    "labels": {"skill": "pick", "arguments": {"object": "red_cube"}, "task": "pick it up"},
}


def test_robomimics_own_file_comes_in_by_a_map(tmp_path: Path) -> None:
    path = robomimic_file(tmp_path / "low_dim.hdf5")
    source = RobomimicSource(path, parse_name_map(MAP, "map"))
    source.layout = with_robot(source.layout, fake_robot())
    dataset = import_(source, tmp_path / "data")
    with h5py.File(path) as file:
        joints = np.array(file["data/demo_1/obs/robot0_joint_pos"])
    rows = slice(dataset.episodes[1].start, dataset.episodes[1].stop)
    found = dataset.column(STATE)[rows, :7]
    assert np.array_equal(found, (joints.astype(np.float32) * (np.pi / 180)).astype(np.float32))
    assert dataset.column("observation.object").shape == (63, 10)
    assert [e.success for e in dataset.episodes] == [True, False, True]
    assert (dataset.skills, dataset.fps) == (("pick",), 20)
    assert dataset.episodes[0].arguments == {"object": "red_cube"}
    assert dataset.images("front", 0).shape == (20, 16, 16, 3)
    assert dataset.schema.joints == fake_robot().joints
    assert f"{ACTION}: float64 became float32" in source.notes


def test_without_a_map_every_number_keeps_its_name(tmp_path: Path) -> None:
    source = RobomimicSource(robomimic_file(tmp_path / "low_dim.hdf5"))
    dataset = import_(source, tmp_path / "data")
    assert dataset.column("observation.robot0_joint_pos").shape == (63, 7)
    assert "no observation.state: name its columns in map=FILE" in source.notes


def foreign(root: Path) -> None:
    """As another recorder would have written it."""
    (root / "meta/kata.json").unlink()
    path = root / "meta/info.json"
    info = json.loads(path.read_text())
    own = (STATE, ACTION, "timestamp", "frame_index", "episode_index", "index", "task_index")
    info["features"] = {key: info["features"][key] for key in (*own, "observation.images.front")}
    for key in (STATE, ACTION):
        info["features"][key]["names"] = {"motors": info["features"][key]["names"]}
    path.write_text(json.dumps(info))


def test_a_foreign_lerobot_dataset_comes_in_by_a_map(recorded: Path, tmp_path: Path) -> None:
    root = tmp_path / "foreign"
    shutil.copytree(recorded, root)
    foreign(root)
    names = {"cameras": {"top": "front"}, "labels": {"skill": "pick", "success": True}}
    source = Renamed(LeRobotSource(root), parse_name_map(names, "map"))
    dataset = import_(source, tmp_path / "data")
    assert np.array_equal(dataset.column(ACTION), Dataset.open(recorded).column(ACTION))
    assert list(dataset.schema.cameras) == ["top"]
    assert dataset.skills == ("pick",)
    assert all(episode.success for episode in dataset.episodes)
    assert dataset.schema.joints == fake_robot().joints
    assert len({episode.uuid for episode in dataset.episodes}) == 4


@pytest.mark.parametrize(
    ("data", "kind", "what"),
    [
        ({"colums": {}}, UnknownNameError, "unknown key 'colums'"),
        ({"units": {STATE: "grad"}}, UnknownNameError, "unknown unit 'grad'"),
        ({"columns": "state"}, ConfigError, "not a mapping"),
        ({"labels": {"success": "yes"}}, ConfigError, "not a success"),
        ({"labels": {"arguments": "red_cube"}}, ConfigError, "not arguments"),
        ({"names": {ACTION: "joint1"}}, ConfigError, "not names"),
        ({"fps": 0.5}, ConfigError, "not a whole number"),
    ],
)
def test_a_map_that_says_nothing_useful_is_refused(
    data: Any, kind: type[KataError], what: str
) -> None:
    with pytest.raises(kind) as caught:
        parse_name_map(data, "map")
    assert caught.value.what == what


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ({"columns": {STATE: "joints"}}, "the map names what is not there"),
        ({"names": {ACTION: ["a", "b"]}}, "names that do not fit"),
    ],
)
def test_a_map_that_does_not_fit_the_file_is_refused(names: Any, what: str, tmp_path: Path) -> None:
    path = robomimic_file(tmp_path / "low_dim.hdf5")
    with pytest.raises(ConfigError) as caught:
        RobomimicSource(path, parse_name_map(names, "map"))
    assert caught.value.what == what


def test_a_map_for_a_dataset_of_katas_own_is_refused(recorded: Path) -> None:
    with pytest.raises(ConfigError):
        Renamed(LeRobotSource(recorded), NameMap())


def test_the_map_of_an_exported_bag_reads_it_too(recorded: Path, tmp_path: Path) -> None:
    convert(LeRobotSource(recorded), BagSink, BagSource, tmp_path / "bags")
    source = BagSource(tmp_path / "bags", read_topic_map(tmp_path / "bags/topics.yaml"))
    dataset = import_(source, tmp_path / "data")
    assert np.array_equal(dataset.column(ACTION), Dataset.open(recorded).column(ACTION))
    assert dataset.skills == ("pick", "place")


@pytest.mark.slow
@each_format
def test_lerobot_opens_what_was_imported(
    name: str, recorded: Path, tmp_path: Path, lerobot: Callable[..., Any]
) -> None:
    there = FORMATS[name]
    convert(LeRobotSource(recorded), there.sink, there.source, tmp_path / "out")
    import_(there.source(tmp_path / "out"), tmp_path / "back")
    opened = lerobot(tmp_path / "back")
    before = Dataset.open(recorded)
    assert (opened.num_episodes, opened.num_frames) == (4, 54)
    item = opened[20]
    assert np.array_equal(item[ACTION].numpy(), before.column(ACTION)[20])
    assert item["observation.images.front"].shape == (3, 48, 64)
    assert item["task"]


@pytest.mark.slow
def test_a_dataset_that_lerobot_recorded_is_checked_and_comes_in(
    lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    joints = ["pan", "lift", "flex", "gripper"]
    features = {
        STATE: {"dtype": "float32", "shape": (4,), "names": {"motors": joints}},
        ACTION: {"dtype": "float32", "shape": (4,), "names": joints},
        "observation.images.top": {
            "dtype": "video",
            "shape": (48, 64, 3),
            "names": ["height", "width", "channels"],
        },
    }
    theirs = LeRobotDataset.create("me/x", 30, features, root=tmp_path / "lr", robot_type="so100")
    for episode in range(2):
        for i in range(30):
            share = np.float32(i / 29)
            picture = np.full((48, 64, 3), int(200 * share), dtype=np.uint8)
            row = np.array([90 * share + episode, -40 * share, 10 * share, 1], dtype=np.float32)
            values = {STATE: row, ACTION: row + 1, "observation.images.top": picture}
            theirs.add_frame({**values, "task": "grab it"})
        theirs.save_episode()
    theirs.finalize()
    assert check(tmp_path / "lr").score == 100
    names = {"units": {STATE: "degrees"}, "labels": {"skill": "pick"}}
    source = Renamed(LeRobotSource(tmp_path / "lr"), parse_name_map(names, "map"))
    dataset = import_(source, tmp_path / "data")
    assert np.allclose(dataset.column(STATE)[:30, 0], np.radians(np.linspace(0, 90, 30)), atol=1e-5)
    assert (dataset.schema.joints, dataset.tasks) == (tuple(joints), ("grab it",))
    assert dataset.images("top", 1).shape == (30, 48, 64, 3)
    assert lerobot(tmp_path / "data").num_frames == 60
