"""The bench of the library, in its quick size."""

from pathlib import Path

from kata.launch.bench.library import run
from kata.launch.bench.registry import BenchContext


def test_a_quick_run_has_every_row(tmp_path: Path) -> None:
    result = run(BenchContext(tmp_path, 0, quick=True, say=lambda text: None))
    names = [row.name for row in result.rows]
    assert names == [
        "a listing of 20 versions",
        "one skill of 20 versions",
        "the index of 20 versions made anew",
    ]
    assert [size for size, _ in result.growth[0].points] == [10.0, 20.0]
