"""The latency bench: rounds, what it asks, and that all of it runs."""

import sys
import time
from pathlib import Path

import pytest

from kata.datasets.types import MissingDependencyError
from kata.launch.bench import lerobot_latency
from kata.launch.bench.latency import DEFAULT, KINDS, asking, latency, make_policy, run
from kata.launch.bench.registry import BenchContext
from kata.policies import policy_settings


def test_a_round_has_its_median_and_its_slowest_call() -> None:
    def call(i: int) -> None:
        time.sleep(0.02 if i == 9 else 0.001)

    found = latency(call, rounds=3, calls=10)
    assert found.p50.runs == found.p99.runs == 3
    assert 1.0 <= found.p50.median < 10.0
    assert found.p99.median > 15.0


def test_the_default_is_what_training_makes() -> None:
    kind, settings = KINDS[DEFAULT]
    assert (kind, dict(settings)) == ("diffusion", {})
    assert policy_settings(kind, settings)["steps"] == 4


def test_every_kind_answers_for_every_scene() -> None:
    for kind, settings in KINDS.values():
        small = {**settings, "hidden": 32}
        ask = asking(make_policy(kind, small, seed=0), scenes=2)
        for i in range(3):
            assert ask(i).finite  # type: ignore[attr-defined]


def test_without_lerobot_the_install_command_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lerobot.policies.act.configuration_act", None)
    with pytest.raises(MissingDependencyError, match=r"kata bench latency") as caught:
        lerobot_latency.LEROBOT["LeRobot ACT"](0)
    assert "kata-robotics[bench]" in caught.value.hint


def test_a_quick_run_has_every_row(tmp_path: Path) -> None:
    said: list[str] = []
    result = run(BenchContext(tmp_path, 0, True, said.append))
    names = [row.name for row in result.rows]
    assert len(set(names)) == len(names)
    for name in KINDS:
        assert {f"{name}: p50", f"{name}: p99"} <= set(names)
    (difference,) = (row for row in result.rows if "difference" in row.name)
    assert difference.ok
    default = next(row for row in result.rows if row.name == f"{DEFAULT}: p50")
    assert default.must_text == "<= 3 ms"
    assert default.baseline is not None
    assert said
