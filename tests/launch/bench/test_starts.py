"""The bench of starts: what its rows are made of, and its picture."""

from functools import partial
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from kata.launch import build
from kata.launch.agents import Agent
from kata.launch.bench.registry import find_bench
from kata.launch.bench.starts import reliability, run, score, scored, starts_block
from kata.launch.bench.starts_picture import reliability_svg
from kata.launch.trials import SkillTrials
from kata.sim.tasks import make_trial

SVG = "{http://www.w3.org/2000/svg}"


def told(predicted, success, new):
    rows = zip(predicted, success, new, strict=True)
    return [{"predicted": p, "success": bool(s), "novelty_p": q} for p, s, q in rows]


@pytest.fixture
def honest():
    """Starts whose outcome is drawn with the predicted chance."""
    rng = np.random.default_rng(0)
    chance = rng.choice([0.05, 0.95], size=2000)
    return told(chance.tolist(), rng.random(2000) < chance, rng.random(2000).tolist())


def test_an_honest_model_is_told_from_a_useless_one(honest):
    good = score(honest)
    assert good["starts"] == 2000
    assert good["brier_skill"] > 0.7
    assert good["calibration_error"] < 0.03
    assert good["failing"] == pytest.approx(50.0, abs=5.0)
    assert good["unusual"] == pytest.approx(5.0, abs=1.5)
    bad = score([{**each, "predicted": 1.0 - each["predicted"]} for each in honest])
    assert bad["brier_skill"] < 0.0
    assert bad["calibration_error"] > 0.5


def test_reliability_counts_every_start_once(honest):
    predicted = np.array([each["predicted"] for each in honest])
    success = np.array([each["success"] for each in honest])
    bins = reliability(predicted, success)
    assert sum(each["count"] for each in bins) == 2000
    assert [round(each["predicted"], 2) for each in bins] == [0.05, 0.95]
    assert all(abs(each["predicted"] - each["observed"]) < 0.03 for each in bins)
    assert reliability(np.ones(3), np.ones(3))[0]["count"] == 3


@pytest.mark.parametrize(("failing", "binds"), [(0.8, 70.0), (0.2, 30.0)])
def test_rows_have_the_bound_that_binds(failing, binds):
    starts = told([0.5] * 10, [k >= 10 * failing for k in range(10)], [0.5] * 10)
    rows = {row.name: row for row in scored({"open": starts}).rows}
    must = rows["open: starts that fail"].must
    assert must is not None
    assert must.value == binds
    assert rows["open: starts that fail"].ok is False
    assert len(rows) == 4


def test_the_picture_has_a_square_a_skill_and_a_dot_a_bin(honest):
    bins = score(honest)["reliability"]
    root = ET.fromstring(reliability_svg({"open": bins, "close": bins[:1]}))
    assert len(root.findall(f"{SVG}circle")) == 3
    assert next(e.text for e in root.findall(f"{SVG}text")) == "open"


def test_it_is_a_bench_of_its_own():
    assert find_bench("starts") is run


def test_a_block_tells_what_was_predicted_and_what_came_of_it():
    world, agent = partial(make_trial, "press", "perturbed"), Agent(build.contract("press"))
    asked = SkillTrials(world, agent, 0, "starts press")
    block, again = starts_block(asked, 4, 2), starts_block(asked, 5, 1)
    assert len(block["starts"]) == 2
    assert block["starts"][1] == again["starts"][0]
    # The scripted expert has no boundary: it promises success and calls nothing new.
    assert {each["predicted"] for each in block["starts"]} == {1.0}
    assert {each["novelty_p"] for each in block["starts"]} == {1.0}
