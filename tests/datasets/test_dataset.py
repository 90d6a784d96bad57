"""Datasets open, select, and say what is wrong with them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kata.datasets import columns
from kata.datasets.dataset import Dataset
from kata.datasets.lerobot_format import INFO, KATA, STATS
from kata.datasets.testing import fake_dataset, fake_frames, fake_recorder, fake_robot
from kata.datasets.types import DatasetError, Outcome, StorageError, UnknownNameError


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four episodes of ten frames: pick, place_in, pick, place_in."""
    root = tmp_path_factory.mktemp("mixed") / "data"
    return fake_dataset(root, episodes=4, frames=10, skills=("pick", "place_in"))


def test_the_table_of_episodes(mixed: Dataset) -> None:
    assert len(mixed) == 40
    assert mixed.skills == ("pick", "place_in")
    assert [(e.start, e.stop, e.skill) for e in mixed.episodes] == [
        (0, 10, "pick"),
        (10, 20, "place_in"),
        (20, 30, "pick"),
        (30, 40, "place_in"),
    ]
    assert mixed.episodes[1].arguments == {"object": "red_cube", "container": "drawer"}
    assert mixed.episodes[0].tasks == ("pick(red_cube)",)
    assert mixed.schema.openings == (7,)


def test_focus_gives_the_entities_of_the_call_in_its_order(mixed: Dataset) -> None:
    state = mixed.column("observation.environment_state").reshape(40, 4, 16)
    assert np.array_equal(mixed.focus(np.array([3, 25])), state[[3, 25], :1])
    assert np.array_equal(mixed.focus(np.array([12])), state[[12]][:, [0, 3]])
    with pytest.raises(DatasetError, match="different numbers of arguments"):
        mixed.focus(np.array([0, 10]))


def test_segments_are_cut_and_chosen(tmp_path: Path) -> None:
    with fake_recorder(tmp_path) as recorder:
        pick, close = fake_frames(6), fake_frames(4, skill="close")
        undone = [replace(frame, discarded=True) for frame in pick[2:4]]
        human = [replace(frame, source="human") for frame in close]
        for frame in [*pick[:2], *undone, *pick[4:], *human]:
            recorder.add(frame)
        recorder.save_episode(Outcome(True))
        for frame in pick:
            recorder.add(frame)
        recorder.save_episode(Outcome(False))
    dataset = Dataset.open(tmp_path)

    def spans(*args: object, **options: object) -> list[tuple[int, int]]:
        return [(s.start, s.stop) for s in dataset.segments(*args, **options)]

    assert spans() == [(0, 2), (4, 6), (6, 10), (10, 16)]
    assert spans(discarded=True) == [(0, 6), (6, 10), (10, 16)]
    assert spans("pick", success=True) == [(0, 2), (4, 6)]
    assert spans("pick", success=False) == [(10, 16)]
    assert spans(sources=["human", "correction"]) == [(6, 10)]
    assert spans(episodes=[1]) == [(10, 16)]
    assert dataset.segments("close")[0].arguments == {"container": "drawer"}
    with pytest.raises(UnknownNameError, match="did you mean 'pick'"):
        dataset.segments("pikc")


def test_a_cache_on_disk_gives_the_same_columns(tmp_path: Path) -> None:
    plain = fake_dataset(tmp_path / "data", episodes=2)
    for _ in range(2):
        mapped = Dataset.open(tmp_path / "data", cache=tmp_path / "cache")
        assert isinstance(mapped.column("action"), np.memmap)
        assert mapped.content_hash == plain.content_hash
        assert mapped.episodes == plain.episodes
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_cache_that_another_process_made_first_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = fake_dataset(tmp_path / "data", episodes=2)
    cache, load = tmp_path / "cache", columns.load_columns

    def load_late(*args: Any) -> Any:
        monkeypatch.setattr(columns, "load_columns", load)
        Dataset.open(tmp_path / "data", cache=cache).column("action")
        return load(*args)

    monkeypatch.setattr(columns, "load_columns", load_late)
    assert Dataset.open(tmp_path / "data", cache=cache).content_hash == plain.content_hash
    assert len(list(cache.iterdir())) == 1


def test_a_cache_that_is_not_whole_is_made_again(tmp_path: Path) -> None:
    plain = fake_dataset(tmp_path / "data", episodes=1)
    for name in ("action.npy", "skill.json"):
        Dataset.open(tmp_path / "data", cache=tmp_path / "cache").column("action")
        (folder,) = (tmp_path / "cache").iterdir()
        (folder / name).write_bytes(b"half")
        mapped = Dataset.open(tmp_path / "data", cache=tmp_path / "cache")
        assert mapped.content_hash == plain.content_hash


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    fake_dataset(tmp_path / "data", episodes=1)
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageError, match="the disk refused to write"):
        Dataset.open(tmp_path / "data", cache=tmp_path / "cache").column("action")


def test_an_unknown_key_is_answered_with_those_there_are(mixed: Dataset) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'action'"):
        mixed.column("actoin")
    with pytest.raises(UnknownNameError, match="skill"):
        mixed.texts("skil")
    with pytest.raises(UnknownNameError, match="there is none"):
        mixed.images("front", 0)


def test_another_robot_is_named(mixed: Dataset) -> None:
    mixed.check_robot(fake_robot())
    with pytest.raises(DatasetError, match="another robot") as caught:
        mixed.check_robot(fake_robot("other"))
    assert "fake" in caught.value.got


def test_statistics_report_frames_with_nan(tmp_path: Path) -> None:
    with fake_recorder(tmp_path) as recorder:
        for i, frame in enumerate(fake_frames(10)):
            hole = np.where(np.arange(8) == 0, np.nan, frame.action)
            recorder.add(replace(frame, action=hole) if i < 3 else frame)
        recorder.save_episode(Outcome(True))
    found = Dataset.open(tmp_path).statistics(["action"])["action"]
    assert (found.frames, found.bad_frames) == (10, 3)
    assert found.count.tolist() == [7] + [10] * 7
    assert np.isfinite(found.mean).all()
    assert "NaN" not in (tmp_path / STATS).read_text()


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """A dataset to spoil."""
    fake_dataset(tmp_path / "data", episodes=3, frames=5)
    return tmp_path / "data"


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


DATA, META = "data/chunk-000/file-001.parquet", "meta/episodes/chunk-000/file-001.parquet"


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (shutil.rmtree, "no such folder"),
        (lambda root: (root / INFO).unlink(), "no dataset here"),
        (lambda root: (root / INFO).write_text("{"), "info.json"),
        (lambda root: (root / INFO).write_text('{"codebase_version": "v2.1"}'), "v2.1"),
        (lambda root: (root / KATA).write_text('{"format": 9}'), "kata.json"),
        (lambda root: _truncate(root / DATA), "file-001.parquet"),
        (lambda root: (root / DATA).unlink(), "missing.*file-001.parquet"),
        (lambda root: _truncate(root / META), "file-001.parquet"),
        (lambda root: (root / META).unlink(), "do not follow each other"),
        (lambda root: shutil.rmtree(root / "meta/episodes"), "without episodes"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(
    spoilt: Path, spoil: Callable[[Path], None], word: str
) -> None:
    spoil(spoilt)
    with pytest.raises(DatasetError, match=f"(?s){word}"):
        Dataset.open(spoilt).column("action")


def test_an_empty_dataset_is_said_to_be(tmp_path: Path) -> None:
    fake_recorder(tmp_path).close()
    with pytest.raises(DatasetError, match="without episodes"):
        Dataset.open(tmp_path)


def test_files_that_disagree_are_named(spoilt: Path) -> None:
    info = json.loads((spoilt / INFO).read_text())
    info["features"]["action"]["shape"] = [3]
    (spoilt / INFO).write_text(json.dumps(info))
    with pytest.raises(DatasetError, match="disagree"):
        Dataset.open(spoilt)


def test_sums_that_lag_are_made_again(spoilt: Path) -> None:
    wanted = json.loads((spoilt / STATS).read_text())
    (spoilt / STATS).unlink()
    info = json.loads((spoilt / INFO).read_text())
    (spoilt / INFO).write_text(json.dumps(info | {"total_episodes": 2, "total_frames": 10}))
    assert len(Dataset.open(spoilt)) == 15
    assert json.loads((spoilt / INFO).read_text()) == info
    again = json.loads((spoilt / STATS).read_text())
    for key, values in wanted.items():
        assert all(np.allclose(again[key][name], values[name]) for name in values)


def test_pictures_come_back_nearly_as_they_were(tmp_path: Path) -> None:
    cameras = {"front": (32, 48), "wrist": (16, 16)}
    dataset = fake_dataset(tmp_path, episodes=2, frames=9, cameras=cameras)
    for episode in range(2):
        for camera, size in cameras.items():
            found = dataset.images(camera, episode).astype(int)
            assert found.shape == (9, *size, 3)
            frames = fake_frames(9, episode, cameras=cameras)
            wanted = np.stack([frame.observation.images[camera] for frame in frames]).astype(int)
            assert np.abs(found - wanted).mean() < 8
