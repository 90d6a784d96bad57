"""Compacting changes the files and nothing else."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from kata.datasets import files
from kata.datasets.compact import compact
from kata.datasets.dataset import Dataset
from kata.datasets.lerobot_format import STATS
from kata.datasets.testing import fake_dataset, fake_frames, fake_recorder
from kata.datasets.types import DatasetError, Outcome, StorageError

CAMERAS = {"front": (16, 16)}


@pytest.mark.parametrize("data_megabytes", [100.0, 0.01])
def test_frames_pictures_and_labels_stay_the_same(tmp_path: Path, data_megabytes: float) -> None:
    before = fake_dataset(tmp_path / "a", episodes=6, frames=20, cameras=CAMERAS)
    done = compact(tmp_path / "a", tmp_path / "b", data_megabytes=data_megabytes)
    after = Dataset.open(tmp_path / "b")
    assert (done.episodes, done.frames, done.files_before) == (6, 120, 18)
    assert done.files_after == 3 if data_megabytes > 1 else 3 < done.files_after < 18
    assert after.content_hash == before.content_hash
    assert after.episodes == before.episodes
    for episode in range(6):
        wanted = before.images("front", episode)
        assert np.array_equal(after.images("front", episode), wanted)
    assert (tmp_path / "b" / STATS).read_text() == (tmp_path / "a" / STATS).read_text()
    assert not list(tmp_path.glob("*.partial"))


def test_a_compacted_dataset_is_recorded_on_and_compacted_again(tmp_path: Path) -> None:
    fake_dataset(tmp_path / "a", episodes=3, cameras=CAMERAS)
    compact(tmp_path / "a", tmp_path / "b")
    with fake_recorder(tmp_path / "b", cameras=CAMERAS) as recorder:
        for frame in fake_frames(7, 9, cameras=CAMERAS):
            recorder.add(frame)
        assert recorder.save_episode(Outcome(True)) == 3
    assert compact(tmp_path / "b", tmp_path / "c").files_after == 3
    last = Dataset.open(tmp_path / "c")
    assert last.content_hash == Dataset.open(tmp_path / "b").content_hash
    assert len(last.images("front", 3)) == 7


def test_a_folder_in_use_or_not_empty_is_refused(tmp_path: Path) -> None:
    fake_dataset(tmp_path / "a", episodes=1)
    with pytest.raises(DatasetError, match="not empty"):
        compact(tmp_path / "a", tmp_path)
    with fake_recorder(tmp_path / "a"), pytest.raises(DatasetError, match="another recorder"):
        compact(tmp_path / "a", tmp_path / "b")
    with pytest.raises(DatasetError, match="no dataset here"):
        compact(tmp_path / "nothing", tmp_path / "b")
    fake_recorder(tmp_path / "empty").close()
    with pytest.raises(DatasetError, match="without episodes"):
        compact(tmp_path / "empty", tmp_path / "b")


def test_a_full_disk_leaves_the_source_and_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fake_dataset(tmp_path / "a", episodes=2).content_hash

    def full(descriptor: int, data: files.Bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_all", full)
        with pytest.raises(StorageError, match="untouched"):
            compact(tmp_path / "a", tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "kata-home") == ["a"]
    assert Dataset.open(tmp_path / "a").content_hash == before


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    fake_dataset(tmp_path / "a", episodes=2, cameras=CAMERAS)
    next((tmp_path / "a").glob("videos/*/*/file-001.mp4")).unlink()
    with pytest.raises(DatasetError, match=r"file-001\.mp4"):
        compact(tmp_path / "a", tmp_path / "b")
