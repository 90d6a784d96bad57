"""What Kata records is LeRobot's: it opens, reads, resumes and trains on it, and we read its."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kata.datasets.compact import compact
from kata.datasets.dataset import Dataset
from kata.datasets.lerobot_format import KATA
from kata.datasets.schema import LEROBOT_KEYS
from kata.datasets.testing import fake_dataset, fake_frames, fake_recorder
from kata.datasets.types import Outcome

CAMERAS = {"front": (32, 32)}
Open = Callable[..., Any]


def frames_of(dataset: Dataset, opened: Any, rows: range) -> list[dict[str, Any]]:
    """Some of our rows in the form that LeRobot's `add_frame` takes."""
    frames = []
    for row in rows:
        frame: dict[str, Any] = {"task": "by lerobot"}
        for key, feature in opened.features.items():
            if key in LEROBOT_KEYS:
                continue
            if feature["dtype"] == "string":
                frame[key] = dataset.texts(key)[row]
            elif feature["dtype"] == "video":
                frame[key] = dataset.images(key.split(".")[-1], 0)[row]
            else:
                frame[key] = dataset.column(key)[row].reshape(feature["shape"])
        frames.append(frame)
    return frames


@pytest.mark.parametrize("compacted", [False, True])
def test_it_reads_every_frame_and_picture(tmp_path: Path, lerobot: Open, compacted: bool) -> None:
    skills = ("pick", "place_in")
    ours = fake_dataset(tmp_path / "a", episodes=3, frames=8, skills=skills, cameras=CAMERAS)
    if compacted:
        compact(tmp_path / "a", tmp_path / "b")
    opened = lerobot(tmp_path / ("b" if compacted else "a"))
    assert (opened.num_episodes, opened.num_frames, opened.fps) == (3, 24, 20)
    assert opened.meta.robot_type == "fake"
    pictures = np.concatenate([ours.images("front", episode) for episode in range(3)])
    for row in range(24):
        item = opened[row]
        for key in ("observation.state", "action.tool", "facts", "success"):
            assert np.array_equal(item[key].numpy(), ours.column(key)[row]), key
        assert item["arguments"] == ours.texts("arguments")[row]
        assert item["task"] == ours.tasks[int(ours.column("task_index")[row])]
        found = item["observation.images.front"].numpy().transpose(1, 2, 0) * 255
        assert np.abs(found - pictures[row]).max() < 1.5


def test_it_looks_back_and_ahead_in_time(tmp_path: Path, lerobot: Open) -> None:
    fake_dataset(tmp_path, episodes=2, frames=8, cameras=CAMERAS)
    ahead = {"action": [0.0, 0.05, 0.1], "observation.images.front": [-0.05, 0.0]}
    opened = lerobot(tmp_path, delta_timestamps=ahead)
    item = opened[6]
    assert item["action"].shape == (3, 8)
    assert item["action_is_pad"].tolist() == [False, False, True]
    assert item["observation.images.front"].shape == (2, 3, 32, 32)


def test_its_statistics_are_ours(tmp_path: Path, lerobot: Open) -> None:
    ours = fake_dataset(tmp_path, episodes=2, frames=30)
    stats = lerobot(tmp_path).meta.stats
    assert set(stats) == {k for k, s in ours.spec.items() if s.dtype not in ("string", "video")}
    action = ours.column("action").astype(float)
    assert np.allclose(stats["action"]["mean"], action.mean(axis=0))
    assert np.allclose(stats["action"]["std"], action.std(axis=0))
    assert stats["action"]["count"].tolist() == [60]


def test_it_resumes_ours_and_we_resume_it(tmp_path: Path, lerobot: Open) -> None:
    ours = fake_dataset(tmp_path, episodes=2, frames=6, cameras=CAMERAS)
    resumed = lerobot(tmp_path, resume=True)
    for _ in range(2):
        for frame in frames_of(ours, resumed, range(4)):
            resumed.add_frame(frame)
        resumed.save_episode()
    resumed.finalize()
    between = Dataset.open(tmp_path)
    assert [(e.start, e.stop) for e in between.episodes] == [(0, 6), (6, 12), (12, 16), (16, 20)]
    assert np.array_equal(between.column("action")[12:16], ours.column("action")[:4])
    with fake_recorder(tmp_path, cameras=CAMERAS) as recorder:
        for frame in fake_frames(5, 7, cameras=CAMERAS):
            recorder.add(frame)
        assert recorder.save_episode(Outcome(True)) == 4
    opened = lerobot(tmp_path)
    assert (opened.num_episodes, opened.num_frames) == (5, 25)
    assert [opened[row]["task"] for row in (0, 13, 24)] == [
        "pick(red_cube)",
        "by lerobot",
        "pick(red_cube)",
    ]
    assert [int(opened[row]["index"]) for row in range(25)] == list(range(25))
    # Two encodings, so the pictures stay in files apart.
    compact(tmp_path, tmp_path / "b")
    merged = Dataset.open(tmp_path / "b")
    assert merged.content_hash == Dataset.open(tmp_path).content_hash
    assert [len(merged.images("front", i)) for i in range(5)] == [6, 6, 4, 4, 5]


def test_a_dataset_that_it_made_opens(tmp_path: Path, lerobot: Open) -> None:
    ours = fake_dataset(tmp_path / "a", episodes=1, frames=6)
    opened = lerobot(tmp_path / "a")
    features = {k: f for k, f in opened.features.items() if k not in LEROBOT_KEYS}
    made = type(opened).create("kata/made", 20, features, root=tmp_path / "b", robot_type="fake")
    for frame in frames_of(ours, opened, range(6)):
        made.add_frame(frame)
    made.save_episode()
    made.finalize()
    assert not (tmp_path / "b" / KATA).exists()
    theirs = Dataset.open(tmp_path / "b")
    assert theirs.entities == ours.entities
    assert theirs.schema.atoms == ours.schema.atoms
    assert theirs.fingerprint == ""
    for key in ("action", "facts", "observation.environment_state", "success"):
        assert np.array_equal(theirs.column(key), ours.column(key))
    assert theirs.episodes[0].arguments == {"object": "red_cube"}
    assert np.array_equal(theirs.focus(np.arange(6)), ours.focus(np.arange(6)))


def test_it_refuses_nothing_that_is_only_begun(tmp_path: Path, lerobot: Open) -> None:
    fake_recorder(tmp_path).close()
    assert lerobot(tmp_path, resume=True).num_episodes == 0
