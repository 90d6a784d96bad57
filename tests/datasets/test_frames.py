"""Pictures by row: always the right one, kept within the bound, decoded as seldom as it allows."""

import logging
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from kata.datasets.clip_cache import Clip
from kata.datasets.compact import compact
from kata.datasets.dataset import Dataset
from kata.datasets.sampler import ChunkSampler
from kata.datasets.types import ChunkSpec, DatasetError, SpecError, UnknownNameError
from kata.datasets.video_reader import read_pictures

from .numbered import SIZE, WRIST, draw, numbered_dataset, read

CHUNK = ChunkSpec(4, 0.05, 2, "joint", 8)
FRONT, WRIST_KEY = "observation.images.front", "observation.images.wrist"
EPISODE = 12 * 32 * 32 * 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six episodes of twelve frames."""
    path = tmp_path_factory.mktemp("frames") / "data"
    numbered_dataset(path)
    return path


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each decoding gave."""
    counts: list[int] = []

    def counted(path: Path, times_s: Any, fps: int) -> Any:
        counts.append(len(times_s))
        return read_pictures(path, times_s, fps)

    monkeypatch.setattr("kata.datasets.video_reader.read_pictures", counted)
    monkeypatch.setattr("kata.datasets.frame_store.read_pictures", counted)
    return counts


@pytest.mark.parametrize("limit", [0, 3 * EPISODE, 1 << 30])
@pytest.mark.parametrize("compacted", [False, True])
def test_every_row_has_its_own_picture(
    root: Path, tmp_path: Path, limit: int, compacted: bool
) -> None:
    if compacted:
        compact(root, tmp_path / "few")
    dataset = Dataset.open(tmp_path / "few" if compacted else root, cache_bytes=limit)
    rng = np.random.default_rng(0)
    for _ in range(3):
        rows = rng.integers(0, 72, 40)
        assert read(dataset.frames.take("front", rows)) == rows.tolist()
        assert read(dataset.frames.take("wrist", rows)) == (rows + WRIST).tolist()
    assert dataset.frames.bytes <= limit
    assert dataset.frames.take("front", np.empty(0, dtype=np.int64)).shape == (0, *SIZE, 3)


def test_pictures_are_those_that_lerobot_decodes(root: Path, lerobot: Callable[..., Any]) -> None:
    opened, dataset = lerobot(root), Dataset.open(root, cache_bytes=0)
    rows = np.random.default_rng(1).permutation(72)[:20]
    for row, picture in zip(rows, dataset.frames.take("wrist", rows), strict=True):
        found = opened[int(row)][WRIST_KEY].numpy().transpose(1, 2, 0) * 255
        assert np.abs(found - picture).max() < 0.5


@pytest.mark.parametrize(("key_frames", "between"), [(1, 0), (12, 3), (250, 3), (250, 0)])
def test_rare_key_frames_and_frames_out_of_order_do_not_mislead(
    tmp_path: Path, key_frames: int, between: int
) -> None:
    path = tmp_path / "foreign.mp4"
    with av.open(str(path), "w") as out:
        options = {"crf": "18", "bf": str(between), "sc_threshold": "0"}
        stream: Any = out.add_stream("libx264", rate=20, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.gop_size = key_frames
        for number in range(60):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(draw(number), format="rgb24")))
        out.mux(stream.encode(None))
    for rows in ([0], [59], [11, 12, 13], [5, 30, 31, 58], [24, 24, 25], [*range(60)]):
        assert read(read_pictures(path, np.array(rows) / 20, 20)) == rows
    with pytest.raises(DatasetError, match="too short"):
        read_pictures(path, [2.9, 2.95, 3.0], 20)


def test_an_episode_is_decoded_once_in_one_go(root: Path, decoded: list[int]) -> None:
    sampler = ChunkSampler(Dataset.open(root), CHUNK, [FRONT], batch=8)
    for step in range(27):
        batch = sampler.batch(step)
        assert read(batch.observations[FRONT]) == batch.rows.tolist()
    assert decoded == [12] * 6


def test_beyond_the_bound_it_works_and_says_so(
    root: Path, decoded: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    dataset = Dataset.open(root, cache_bytes=2 * EPISODE)
    assert not dataset.frames.fits(["front"])
    sampler = ChunkSampler(dataset, CHUNK, [FRONT], batch=12)
    with caplog.at_level(logging.WARNING, "kata.datasets"):
        for step in range(12):
            batch = sampler.batch(step)
            assert read(batch.observations[FRONT]) == batch.rows.tolist()
    assert dataset.frames.bytes == 2 * EPISODE
    # Two episodes are kept; of the others, only what is asked for is decoded.
    assert sum(decoded) == 2 * 12 + 2 * 48
    assert len(caplog.messages) == 1
    assert "need 0.00 GB decoded" in caplog.messages[0]
    assert "give ChunkSampler window=12, or a larger cache_bytes" in caplog.messages[0]


def test_within_a_window_nothing_is_decoded_twice_an_epoch(root: Path, decoded: list[int]) -> None:
    dataset = Dataset.open(root, cache_bytes=4 * EPISODE)
    sampler = ChunkSampler(dataset, CHUNK, [FRONT, WRIST_KEY], batch=10, window=24, seed=3)
    rows: list[int] = []
    for step in range(36):
        batch = sampler.batch(step)
        assert read(batch.observations[FRONT]) == batch.rows.tolist()
        assert read(batch.observations[WRIST_KEY]) == (batch.rows + WRIST).tolist()
        rows += batch.rows.tolist()
        assert dataset.frames.bytes <= 4 * EPISODE
    # Five epochs of twelve clips each; a window that begins with what is there decodes less.
    assert set(decoded) == {12}
    assert 50 <= len(decoded) <= 60
    for epoch in range(5):
        assert sorted(rows[72 * epoch : 72 * epoch + 72]) == list(range(72))
    assert rows[:72] != rows[72:144]
    # Each window mixes two whole episodes.
    assert len({row // 12 for row in rows[:24]}) == 2
    again = ChunkSampler(Dataset.open(root), CHUNK, [FRONT], batch=10, window=24, seed=3)
    assert again.batch(17).rows.tolist() == rows[170:180]


def test_memory_stays_within_the_bound(root: Path) -> None:
    limit = 3 * EPISODE
    dataset = Dataset.open(root, cache_bytes=limit)
    sampler = ChunkSampler(dataset, CHUNK, [FRONT], batch=4)
    sampler.batch(0)
    tracemalloc.start()
    for step in range(1, 40):
        sampler.batch(step)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < limit + EPISODE + 8 * 32 * 32 * 3 + 200_000


def test_pictures_have_statistics(root: Path) -> None:
    found = ChunkSampler(Dataset.open(root), CHUNK, [FRONT]).statistics()[FRONT]
    whole = np.concatenate([Dataset.open(root).images("front", i) for i in range(6)]) / 255.0
    assert found.frames == 72
    assert found.mean == pytest.approx(whole.mean(axis=(0, 1, 2)))


def test_what_cannot_be_is_refused(root: Path, tmp_path: Path) -> None:
    dataset = Dataset.open(root)
    with pytest.raises(UnknownNameError, match="unknown camera 'frnt'"):
        ChunkSampler(dataset, CHUNK, ["observation.images.frnt"])
    with pytest.raises(UnknownNameError, match="unknown camera 'side'"):
        dataset.frames.take("side", np.array([0]))
    for row in (-1, 72):
        with pytest.raises(DatasetError, match="rows that are not in the dataset"):
            dataset.frames.take("front", np.array([3, row]))
    with pytest.raises(SpecError, match="below nothing"):
        Dataset.open(root, cache_bytes=-1)
    with pytest.raises(SpecError, match="nothing to draw"):
        ChunkSampler(dataset, CHUNK, [FRONT], window=0)
    clip = Clip(root / "videos" / FRONT / "chunk-000/file-000.mp4", 0.0, 12, 20, 16, 16)
    with pytest.raises(DatasetError, match="pictures of another size"):
        clip.decode()
    broken = numbered_dataset(tmp_path / "broken", 1)
    path = tmp_path / "broken/videos" / FRONT / "chunk-000/file-000.mp4"
    path.write_bytes(path.read_bytes()[:400])
    for limit in (0, 1 << 20):
        store = Dataset.open(broken.root, cache_bytes=limit).frames
        with pytest.raises(DatasetError, match=r"file-000\.mp4"):
            store.take("front", np.array([3]))
