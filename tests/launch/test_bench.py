"""Benches: rows that reach or miss their bounds, pages, and what became worse."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import ConfigError, UnknownNameError
from kata.launch.bench import all as every
from kata.launch.bench.compare import missed_rows, read_results, worse_rows
from kata.launch.bench.measure import Sample, cpu_samples, wall_samples
from kata.launch.bench.page import lines, page
from kata.launch.bench.registry import BENCHES, BenchContext, find_bench
from kata.launch.bench.table import BenchResult, Bound, Growth, Row, number
from kata.launch.cli import main

MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "memory_gb": 24.0,
    "system": "Linux x86_64",
    "python": "3.12.1",
    "packages": {"numpy": "2.2.6"},
}
POSITIVE = st.floats(1e-6, 1e6)


def sample(*values: float) -> Sample:
    return Sample.of(values)


def result(ours: float = 1.0, baseline: float = 4.0) -> dict[str, Any]:
    must = Bound(0.5)
    rows = (
        Row("step", "CPU s", sample(ours), sample(baseline), must, against="a loop"),
        Row("rate", "frames / s", sample(ours), sample(baseline), better="higher"),
        Row("answer", "s", sample(0.07, 0.08, 0.12), must=Bound(0.5, "ours")),
    )
    growth = Growth("step", "frames", "CPU s", ((10.0, 0.5), (1e6, 2.0)))
    return BenchResult(rows, (growth,), ("A note.",)).to_data()


def test_a_sample_is_the_median_with_the_extremes() -> None:
    assert sample(3.0, 1.0, 2.0) == Sample(2.0, 1.0, 3.0, 3)
    assert sample(1.0, 2.0).scaled(1e3) == Sample(1500.0, 1000.0, 2000.0, 2)
    assert Sample.from_data(sample(1.0, 5.0).to_data()) == sample(1.0, 5.0)
    with pytest.raises(ConfigError, match="nothing was measured"):
        sample()


def test_calls_are_counted_and_divided_by_their_units() -> None:
    calls: list[int] = []
    for measure in (cpu_samples, wall_samples):
        calls.clear()
        found = measure(lambda: calls.append(1), runs=3, units=10, warm_up=2)
        assert len(calls) == 5
        assert found.runs == 3
        assert 0.0 <= found.low <= found.median <= found.high < 0.1


@given(POSITIVE, POSITIVE, POSITIVE)
def test_a_bound_on_the_ratio_holds_on_the_side_that_is_better(
    a: float, b: float, m: float
) -> None:
    lower = Row("x", "s", sample(a), sample(b), Bound(m))
    higher = Row("x", "s", sample(a), sample(b), Bound(m), "higher")
    assert lower.ok == (a / b <= m)
    assert higher.ok == (a / b >= m)


def test_a_bound_on_our_own_value_needs_no_baseline() -> None:
    row = Row("x", "ms", sample(0.4), must=Bound(0.5, "ours"))
    assert (row.ratio, row.ok, row.must_text) == (None, True, "<= 0.5 ms")
    assert Row("x", "ms", sample(0.4), must=Bound(0.5)).ok is False
    assert Row("x", "ms", sample(0.4)).ok is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (0.0, "0"), (0.00031, "3.10e-04"), (0.1234, "0.123"), (12345.6, "12,346")],
)
def test_numbers_show_three_figures(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_the_page_says_what_was_measured() -> None:
    text = page({"demo": result()}, MACHINE, 90.0)
    assert "Measured in 2 minutes on a processor, 2 cores, 24 GB" in text
    assert "| step | CPU s | 1 | 4 (a loop) | 0.25 | <= 0.5 x baseline | reached |" in text
    assert "| answer | s | 0.08 (0.07 to 0.12) | – | – | <= 0.5 s | reached |" in text
    assert "| frames | 10 | 1.00e+06 |\n|---|---|---|\n| step, CPU s | 0.5 | 2 |" in text
    assert "- A note." in text


def test_a_missed_bound_is_shown() -> None:
    worse = result(ours=3.0)
    assert missed_rows({"demo": worse}) == ["demo: step"]
    assert any("MISSED" in line for line in lines("demo", worse))
    assert missed_rows({"demo": result()}) == []


def test_a_ratio_may_be_a_fifth_worse_but_no_more() -> None:
    before = {"demo": result()}
    assert list(worse_rows(before, {"demo": result(ours=1.19)})) == []
    slower = list(worse_rows(before, {"demo": result(ours=1.21)}))
    assert slower == ["demo: step: ratio 0.3025, was 0.25 (lower is better)"]
    fewer = list(worse_rows(before, {"demo": result(ours=0.8)}))
    assert fewer == ["demo: rate: ratio 0.2, was 0.25 (higher is better)"]
    assert list(worse_rows(before, {})) == []
    gone = {**result(), "rows": result()["rows"][2:]}
    assert len(list(worse_rows(before, {"demo": gone}))) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"benches": 3}', '{"benches": {"a": {}}}'])
def test_what_is_no_result_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="not the result of a bench"):
        read_results(path)


def test_a_bench_is_found_by_name() -> None:
    for name in BENCHES:
        assert callable(find_bench(name))
    with pytest.raises(UnknownNameError, match="latency"):
        find_bench("latensy")


def fake_one(name: str, folder: Path, seed: int, *, quick: bool) -> None:
    folder.mkdir(parents=True)
    found = {"seconds": 1.5, "benches": {name: result()}}
    (folder / "result.json").write_text(json.dumps(found))


def test_all_writes_page_and_data_and_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(every, "_run_one", fake_one)
    line = ["bench", "all", f"out={tmp_path / 'run'}", f"docs={tmp_path}"]
    assert main(line) == 0
    data = json.loads((tmp_path / "performance.json").read_text())
    assert set(data["benches"]) == set(BENCHES)
    assert data["seconds"] == 1.5 * len(BENCHES)
    assert (tmp_path / "performance.md").read_text().startswith("# Performance")

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("it was done already")

    monkeypatch.setattr(every, "_run_one", never)
    assert main(line) == 0


def test_a_worse_ratio_than_before_fails_and_leaves_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(every, "_run_one", fake_one)
    before = {"benches": {name: result(baseline=8.0) for name in BENCHES}}
    (tmp_path / "old.json").write_text(json.dumps(before))
    line = ["bench", "all", f"out={tmp_path / 'run'}", f"docs={tmp_path}"]
    assert main([*line, f"against={tmp_path / 'old.json'}"]) == 1
    assert "worse than before: start: step: ratio 0.25, was 0.125" in capsys.readouterr().out
    assert not (tmp_path / "performance.md").exists()


def test_a_real_bench_runs_in_little(tmp_path: Path) -> None:
    context = BenchContext(tmp_path, 0, True, lambda _: None)
    found = find_bench("executor")(context)
    assert all(row.ours.median > 0.0 for row in found.rows)
    assert len(found.growth[0].points) == 2


def test_what_corrections_are_worth_is_measured_in_little(tmp_path: Path) -> None:
    said: list[str] = []
    found = find_bench("corrections")(BenchContext(tmp_path, 0, True, said.append))
    assert [row.ours.runs for row in found.rows] == [1, 1, 1]
    assert [text.split(":")[0] for text in said] == ["round 1", "round 2"]


def test_words_that_name_no_bench_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 2
    assert "which bench?" in capsys.readouterr().err
    assert main(["bench", "lod"]) == 2
    assert "unknown bench 'lod'" in capsys.readouterr().err
