"""The training bench: who passes when, what is judged, and that all of it runs."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kata.datasets.types import MissingDependencyError
from kata.launch.bench import train as bench
from kata.launch.bench.course import Course, Marks, Stopwatch, Verdict, fresh
from kata.launch.bench.measure import Sample
from kata.launch.bench.race import Look, Ours, Theirs
from kata.launch.bench.registry import BenchContext


class Scripted(Course):
    """A course whose trials end as they are told."""

    def __init__(self, outcomes: list[bool], need: float) -> None:
        super().__init__(None, None, tuple(range(len(outcomes))), need)  # type: ignore[arg-type]
        object.__setattr__(self, "outcomes", outcomes)

    def _job(self, policy: Any) -> Any:
        return lambda seed: SimpleNamespace(success=self.outcomes[seed])  # type: ignore[attr-defined]


def test_judging_stops_when_too_many_have_failed_and_not_before() -> None:
    policy: Any = None
    assert Scripted([True] * 9 + [False], 0.9).judge(policy) == Verdict(9, 10, passed=True)
    lost = Scripted([False, False] + [True] * 8, 0.9)
    assert lost.judge(policy) == Verdict(0, 2, passed=False)
    assert lost.judge(policy, all_trials=True) == Verdict(8, 10, passed=False)


def test_the_watch_leaves_out_what_is_apart() -> None:
    watch = Stopwatch()
    watch.pause(lambda: sum(range(3_000_000)))
    assert watch.seconds < 0.02


def test_marks_tell_what_a_step_costs() -> None:
    marks = Marks()
    for _ in range(5):
        assert marks() is False
        sum(range(300_000))
    assert 1e-4 < marks.each(1) < 1.0


def test_no_training_goes_on_from_another(tmp_path: Path) -> None:
    first = fresh(tmp_path, "act")
    first.mkdir()
    assert fresh(tmp_path, "act") != first


@pytest.mark.parametrize(
    ("passed", "ours_passed", "ok"), [(0, 1, True), (1, 1, False), (0, 0, False)]
)
def test_the_bound_is_that_the_others_are_not_there_yet(
    passed: int, ours_passed: int, ok: bool
) -> None:
    other = Theirs(71.0, 600, 10**6, Verdict(95 if passed else 60, 100, bool(passed)))
    time, share = bench._race(Sample.of([7.0]), other, "ACT", bench.FULL, bool(ours_passed))
    assert share.ok is ok
    assert share.ours.median == (0.95 if passed else 0.6)
    assert time.ratio == pytest.approx(7.0 / (71.0 / 6))


def test_a_training_without_a_look_has_not_passed() -> None:
    assert Ours(()).passed is False
    look = Look(250, 2.5, Verdict(90, 100, passed=True))
    assert (Ours((look,)).passed, Ours((look,)).told) == (True, "step 250, 2.5 s: 90 of 100")


def test_all_of_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The least that goes through every line; the time that LeRobot gets follows from ours.
    tiny = replace(bench.QUICK, steps=10, look=10)
    monkeypatch.setattr(bench, "QUICK", tiny)
    monkeypatch.setattr(bench, "FACTOR", 1.0)
    monkeypatch.setattr(bench, "OTHERS", {"regression": ("regression", {}, 1)})
    told: list[str] = []
    result = bench.run(BenchContext(tmp_path, 0, quick=True, say=told.append))
    names = [row.name for row in result.rows]
    assert names == [
        "training of pick to 0%, beside 100 steps of ACT",
        "LeRobot's ACT after 1 times our CPU time",
        "training of pick to 0%, beside 100 steps of diffusion",
        "LeRobot's diffusion after 1 times our CPU time",
        "training step, the same U-Net and batch",
        "training of pick to 0%, regression",
    ]
    assert any("Its own dataset and loader would add" in note for note in result.notes)
    assert told


def test_a_training_that_does_not_come_to_the_rate_has_a_note_and_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Look(500, 9.0, Verdict(3, 20, passed=False))
    monkeypatch.setattr(bench, "OTHERS", {"flow": ("flow", {}, 3), "regression": ("r", {}, 1)})
    monkeypatch.setattr(bench, "_ours", lambda *a: Ours((look,)) if a[3] == "flow" else Ours(()))
    context = BenchContext(tmp_path, 0, quick=True, say=lambda text: None)
    rows, notes = bench._others(context, None, bench.QUICK)  # type: ignore[arg-type]
    assert rows == []
    assert notes == [
        "flow, ours: step 500, 9.0 s: 3 of 20. It did not come to the rate.",
        "regression, ours: stopped before the first look. It did not come to the rate.",
    ]


def test_without_lerobot_the_install_command_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "lerobot" else find(name, *a)
    )
    with pytest.raises(MissingDependencyError, match="lerobot"):
        bench.run(BenchContext(tmp_path, 0, quick=True, say=lambda text: None))
