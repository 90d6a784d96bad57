"""The bench of trials side by side has its rows."""

from pathlib import Path

from kata.launch.bench.registry import BenchContext, find_bench


def test_a_quick_run_has_every_row(tmp_path: Path) -> None:
    told: list[str] = []
    result = find_bench("rollouts")(BenchContext(tmp_path, 0, True, told.append))
    assert [row.name.split(": ")[1] for row in result.rows] == told
    assert all(row.ratio for row in result.rows)
    (growth,) = result.growth
    assert [count for count, _ in growth.points] == [1.0, 2.0]
