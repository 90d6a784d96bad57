"""The recorder keeps its contract, reads back what it wrote, and survives a full disk."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets import files
from kata.datasets.dataset import Dataset
from kata.datasets.journal import asides
from kata.datasets.recorder import EpisodeRecorder
from kata.datasets.testing import (
    FAKE_ENTITIES,
    RecorderContract,
    fake_dataset,
    fake_frames,
    fake_recorder,
    fake_robot,
    fake_table,
)
from kata.datasets.types import (
    AtomTable,
    DatasetError,
    Facts,
    Frame,
    Outcome,
    Recorder,
    StorageError,
)


class TestEpisodeRecorder(RecorderContract):
    """Ours keeps the contract."""

    def make(self, root: Path) -> Recorder:
        return fake_recorder(root)

    def count(self, root: Path) -> int:
        try:
            return len(Dataset.open(root).episodes)
        except DatasetError:
            return 0


def record(root: Path, episodes: int = 1, frames: int = 5, seed: int = 0) -> None:
    """Record some episodes."""
    with fake_recorder(root) as recorder:
        for i in range(episodes):
            for frame in fake_frames(frames, seed + i):
                recorder.add(frame)
            recorder.save_episode(Outcome(True, seed=seed + i))


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SOURCES = st.sampled_from(["policy", "expert", "human", "recovery", "correction", "rewind"])


@st.composite
def frames_to_keep(draw: st.DrawFn) -> list[Frame]:
    """Frames with labels and numbers of every kind, NaN too."""
    frames = []
    for frame in fake_frames(draw(st.integers(1, 45)), draw(st.integers(0, 99))):
        action = frame.action.copy()
        if draw(st.booleans()):
            action[0] = draw(st.sampled_from([np.nan, np.inf, 0.0, -1e-9]))
        truth = np.array(draw(st.lists(st.integers(-1, 1), min_size=6, max_size=6)), dtype=np.int8)
        frames.append(
            replace(
                frame,
                action=action,
                facts=Facts(frame.facts.table, truth, frame.facts.margins, 0.0),
                phase=draw(TEXT),
                source=draw(SOURCES),
                intervention=draw(st.booleans()),
                discarded=draw(st.booleans()),
                task=draw(TEXT),
            )
        )
    return frames


@settings(max_examples=15)
@given(st.lists(frames_to_keep(), min_size=1, max_size=3), st.booleans(), TEXT)
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    episodes: list[list[Frame]],
    success: bool,
    reason: str,
) -> None:
    root = tmp_path_factory.mktemp("identity") / "data"
    with fake_recorder(root) as recorder:
        for frames in episodes:
            for frame in frames:
                recorder.add(frame)
            parent = recorder.last_uuid
            recorder.save_episode(Outcome(success, reason, 3, "", parent, 1))
    dataset = Dataset.open(root)
    written = [frame for frames in episodes for frame in frames]
    assert len(dataset) == len(written)
    for key, values in {
        "observation.state": [f.observation.position for f in written],
        "observation.tool_pose": [f.observation.tool().array() for f in written],
        "action": [f.action for f in written],
        "action.tool": [f.action_tool for f in written],
        "executed": [f.executed for f in written],
        "executed.tool": [f.executed_tool for f in written],
        "facts": [f.facts.truth for f in written],
        "facts_margin": [f.facts.margins for f in written],
        "intervention": [f.intervention for f in written],
        "discarded": [f.discarded for f in written],
    }.items():
        column = dataset.column(key)
        assert np.array_equal(column, np.array(values, dtype=column.dtype), equal_nan=True), key
    for key, texts in {
        "phase": [f.phase for f in written],
        "source": [f.source for f in written],
        "skill": [f.skill for f in written],
    }.items():
        assert [dataset.texts(key)[row] for row in range(len(dataset))] == texts
    tasks = [dataset.tasks[i] for i in dataset.column("task_index")]
    assert tasks == [f.task or "pick(red_cube)" for f in written]
    parents = [""] + [e.uuid for e in dataset.episodes[:-1]]
    for episode, parent in zip(dataset.episodes, parents, strict=True):
        assert (episode.success, episode.reason, episode.seed) == (success, reason, 3)
        assert (episode.parent_uuid, episode.parent_frame) == (parent, 1)


def test_an_episode_keeps_the_name_it_is_given_and_others_get_one_each(tmp_path: Path) -> None:
    with fake_recorder(tmp_path) as recorder:
        for name in ("", "", "mine"):
            for frame in fake_frames(3):
                recorder.add(frame)
            recorder.save_episode(Outcome(True, episode_uuid=name))
    names = [episode.uuid for episode in Dataset.open(tmp_path).episodes]
    assert len(set(names)) == 3
    assert names[2] == "mine"


def test_equal_recordings_are_equal(tmp_path: Path) -> None:
    one, two = (fake_dataset(tmp_path / name) for name in ("one", "two"))
    assert one.content_hash == two.content_hash


def test_a_closed_recorder_is_continued_by_the_next(tmp_path: Path) -> None:
    record(tmp_path, 2)
    record(tmp_path, 1, seed=5)
    dataset = Dataset.open(tmp_path)
    assert [episode.seed for episode in dataset.episodes] == [0, 1, 5]
    assert np.array_equal(dataset.column("index"), np.arange(15))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"robot": fake_robot("other")}, "another robot"),
        ({"robot": fake_robot(joints=6)}, "another version of the robot|another robot"),
        ({"fps": 30}, "another rate"),
        ({"entities": ("red_cube",)}, "another scene"),
        ({"table": AtomTable(fake_table().atoms[1:], {})}, "another scene"),
        ({"cameras": {"front": (8, 8)}}, "another set of cameras"),
    ],
)
def test_a_dataset_of_something_else_is_not_touched(
    tmp_path: Path, options: dict[str, object], word: str
) -> None:
    record(tmp_path)
    before = Dataset.open(tmp_path).content_hash
    fitting = {"robot": fake_robot(), "table": fake_table(), "entities": FAKE_ENTITIES}
    with pytest.raises(DatasetError, match=word):
        EpisodeRecorder(tmp_path, **(fitting | options))
    record(tmp_path, seed=1)  # the lock was given back
    assert Dataset.open(tmp_path).content_hash != before


def test_two_recorders_do_not_write_one_dataset(tmp_path: Path) -> None:
    with fake_recorder(tmp_path), pytest.raises(DatasetError, match="another recorder"):
        fake_recorder(tmp_path)
    record(tmp_path)


def test_a_closed_recorder_takes_nothing(tmp_path: Path) -> None:
    recorder = fake_recorder(tmp_path)
    recorder.close()
    recorder.close()
    with pytest.raises(DatasetError, match="closed"):
        recorder.add(fake_frames(1)[0])


def test_a_discarded_episode_is_kept_aside_with_its_reason(tmp_path: Path) -> None:
    with fake_recorder(tmp_path, cameras={"front": (8, 8)}) as recorder:
        for reason in ("dropped the cube", "late"):
            for frame in fake_frames(7, cameras={"front": (8, 8)}):
                recorder.add(frame)
            recorder.discard(reason)
        recorder.discard("nothing to discard")
        recorder.add(fake_frames(1, cameras={"front": (8, 8)})[0])
    found = asides(tmp_path)
    assert [(aside.reason, aside.frames) for aside in found] == [
        ("dropped the cube", 7),
        ("late", 7),
        ("closed before it was saved", 1),
    ]
    table = found[0].table()
    wanted = np.array([frame.action for frame in fake_frames(7)], dtype=np.float32)
    assert np.array_equal(np.array(table["action"].to_pylist(), dtype=np.float32), wanted)
    assert found[0].path.with_suffix(".front.mp4").stat().st_size > 0


def test_a_saved_episode_leaves_nothing_aside(tmp_path: Path) -> None:
    record(tmp_path, 2, 50)
    assert not list((tmp_path / "aside").glob("*"))


def test_nothing_that_is_rewritten_grows_with_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [0]
    write_all = files.write_all

    def count(descriptor: int, data: files.Bytes) -> None:
        written[-1] += len(data)
        write_all(descriptor, data)

    monkeypatch.setattr(files, "write_all", count)
    with fake_recorder(tmp_path) as recorder:
        for i in range(40):
            written.append(0)
            for frame in fake_frames(4, i):
                recorder.add(frame)
            recorder.save_episode(Outcome(True))
    assert max(written[30:]) < 1.02 * max(written[2:10])


class FullDisk:
    """A disk that has room for so many more writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 10**9
        write_all = files.write_all

        def limited(descriptor: int, data: files.Bytes) -> None:
            self.room -= 1
            if self.room < 0:
                write_all(descriptor, bytes(data)[: len(data) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write_all(descriptor, data)

        for module in ("files", "journal"):
            monkeypatch.setattr(f"kata.datasets.{module}.write_all", limited)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FullDisk]:
    """A disk that a test can fill."""
    return FullDisk(monkeypatch)


@pytest.mark.parametrize("cameras", [None, {"front": (8, 8)}])
def test_a_full_disk_loses_nothing_whenever_it_is_full(
    tmp_path: Path, disk: FullDisk, cameras: dict[str, tuple[int, int]] | None
) -> None:
    for room in range(12):
        root = tmp_path / str(room)
        disk.room = 10**9
        with fake_recorder(root, cameras=cameras) as recorder:
            for frame in fake_frames(5, 0, cameras=cameras):
                recorder.add(frame)
            recorder.save_episode(Outcome(True, seed=0))
            for frame in fake_frames(5, 1, cameras=cameras):
                recorder.add(frame)
            disk.room = room
            try:
                recorder.save_episode(Outcome(True, seed=1))
            except StorageError as error:
                refusal = error
            else:
                return
            assert "No space left" in refusal.got
            assert "whole" in refusal.hint
            files = sorted(root.glob("data/*/*"))
            assert (len(Dataset.open(root).episodes), len(files)) == (1, 1)
            disk.room = 10**9
            assert recorder.save_episode(Outcome(True, seed=1)) == 1
        dataset = Dataset.open(root)
        wanted = np.array([f.action for f in fake_frames(5, 1)], dtype=np.float32)
        assert np.array_equal(dataset.column("action")[5:], wanted)
    pytest.fail("the save was never finished")


def test_a_disk_that_fills_during_an_episode_keeps_its_frames(
    tmp_path: Path, disk: FullDisk
) -> None:
    frames = fake_frames(50)
    with fake_recorder(tmp_path) as recorder:
        for frame in frames[:19]:
            recorder.add(frame)
        disk.room = 0
        for frame in frames[19:30]:
            with pytest.raises(StorageError, match="in memory"):
                recorder.add(frame)
        disk.room = 10**9
        for frame in frames[30:]:
            recorder.add(frame)
        recorder.discard("to look at it")
    assert asides(tmp_path)[0].table().num_rows == 50


LIMITED = """
import resource, signal, sys
from kata.datasets.testing import fake_frames, fake_recorder
from kata.datasets.types import Outcome, StorageError
with fake_recorder(sys.argv[1]) as recorder:
    for seed in range(2):
        for frame in fake_frames(5, seed):
            recorder.add(frame)
        if seed:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
            try:
                recorder.save_episode(Outcome(True))
            except StorageError as error:
                print("refused", recorder.episodes)
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        recorder.save_episode(Outcome(True, seed=seed))
"""


def test_a_limit_of_the_system_is_a_full_disk(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "refused 1\n"
    assert [episode.seed for episode in Dataset.open(tmp_path).episodes] == [0, 1]


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        fake_recorder(tmp_path / "file" / "data")


def test_a_folder_of_lerobots_own_is_not_written_to(tmp_path: Path) -> None:
    record(tmp_path)
    (tmp_path / "meta/kata.json").unlink()
    with pytest.raises(DatasetError, match="not a dataset that Kata recorded"):
        fake_recorder(tmp_path)
    (tmp_path / "meta/info.json").unlink()
    with pytest.raises(DatasetError, match=r"without meta/info\.json"):
        fake_recorder(tmp_path)
