"""The benches of data, tiny: every row is there, and what does not depend on speed holds."""

from pathlib import Path

import numpy as np
import pytest

from kata.datasets.dataset import Dataset
from kata.datasets.sampler import ChunkSampler
from kata.launch.bench import loader, record
from kata.launch.bench.registry import BenchContext
from kata.launch.bench.synthetic import CAMERAS, STATE, moving_pictures, write_dataset


@pytest.fixture
def context(tmp_path: Path) -> BenchContext:
    """Tiny sizes."""
    return BenchContext(tmp_path, 0, True, lambda _: None)


def test_a_synthetic_dataset_opens_and_repeats(tmp_path: Path) -> None:
    roots = [
        write_dataset(tmp_path / name, 50, length=20, cameras=CAMERAS, tool=True, seed=3)
        for name in ("a", "b")
    ]
    one, two = (Dataset.open(root) for root in roots)
    assert [(e.start, e.stop) for e in one.episodes] == [(0, 20), (20, 40), (40, 50)]
    assert one.content_hash == two.content_hash
    assert np.array_equal(one.images("front", 2), two.images("front", 2))
    assert set(one.spec) - set(Dataset.open(write_dataset(tmp_path / "c", 50)).spec) == {
        "observation.tool_pose",
        "action.tool",
        *(f"observation.images.{name}" for name in CAMERAS),
    }
    assert len(ChunkSampler(one, loader.TOOL_CHUNK, [STATE], batch=4)) == 50


def test_pictures_move_and_are_not_noise() -> None:
    pictures = [p.astype(int) for p in moving_pictures(30, (96, 96), np.random.default_rng(0))]
    assert np.abs(pictures[0] - pictures[29]).mean() > 5
    assert np.abs(pictures[0][1:] - pictures[0][:-1]).mean() < 10


def test_the_loader_bench_has_its_rows(context: BenchContext) -> None:
    result = loader.run(context)
    rows = {row.name: row for row in result.rows}
    assert rows["state, chunk 16"].must_text == "<= 0.00333 x baseline"
    assert rows["state, chunk 16, plain gather"].must_text == "<= 8 x baseline"
    assert rows["two cameras, after the first epoch"].must_text == "<= 0.0333 x baseline"
    assert rows["pictures of another row"].ok
    assert rows["pictures kept, room for a quarter"].ours.median > 0.0
    assert [len(growth.points) for growth in result.growth] == [2, 2, 2]
    assert "pyav" in result.notes[0] or "torchcodec" in result.notes[0]


def test_the_recording_bench_has_its_rows(context: BenchContext) -> None:
    result = record.run(context)
    rows = {row.name: row for row in result.rows}
    assert rows["state"].must_text == ">= 5 x baseline"
    assert rows["two cameras"].must_text == ">= 3 x baseline"
    left = rows["episodes that a kill before the end leaves"]
    assert left.ok
    assert left.baseline is not None
    assert left.baseline.median == 0.0
    assert "a key frame every 2 frames" in result.notes[1]
