"""The demonstrations that the demo learns from raise no alarm, with and without disturbance."""

from pathlib import Path

import pytest

from kata.datasets.quality.check import check
from kata.launch.recording import Recording, record
from kata.sim.experts import RECIPES
from kata.sim.robots import load
from kata.sim.tasks import make_trial


@pytest.mark.slow
@pytest.mark.parametrize("noise_rad", [0.0, 0.0025, 0.004])
@pytest.mark.parametrize("skill", RECIPES)
def test_an_experts_demonstrations_have_the_full_score(
    skill: str, noise_rad: float, tmp_path: Path
) -> None:
    asked = Recording(lambda: make_trial(skill), skill, 20, 7, noise_rad)
    record(asked, tmp_path / "data")
    report = check(tmp_path / "data", load("two_pandas" if skill == "handover" else "panda").spec)
    assert report.score == 100, "\n".join(report.lines())
    assert report.unchecked == ()


def test_an_arm_that_waits_for_the_other_is_no_fault(tmp_path: Path) -> None:
    record(Recording(lambda: make_trial("handover"), "handover", 2, 7, 0.0), tmp_path / "data")
    report = check(tmp_path / "data", load("two_pandas").spec)
    assert report.score == 100, "\n".join(report.lines())


@pytest.mark.slow
def test_pictures_of_demonstrations_raise_no_alarm(tmp_path: Path) -> None:
    from kata.sim.scene.config import TableWorldConfig

    cameras = ("front", "wrist")
    config = TableWorldConfig(cameras=cameras)
    sizes = tuple((name, (96, 96)) for name in cameras)
    asked = Recording(lambda: make_trial("pick", config=config), "pick", 4, 3, 0.0025, sizes)
    record(asked, tmp_path / "data")
    report = check(tmp_path / "data", load("panda").spec)
    assert report.score == 100, "\n".join(report.lines())
