"""Boundaries: what a start model learns, says and stores."""

import json
from dataclasses import replace

import numpy as np
import pytest

from kata.datasets.types import Command, PackageError
from kata.skills.contract.call import Call
from kata.skills.handover.boundary import FactBoundary, fit_boundary, held
from kata.skills.handover.features import Start, StartSample, encode, feature_names
from kata.skills.handover.start_model import brier_skill, calibration_error, fit_start_model
from kata.skills.handover.storage import load_boundary, save_boundary
from kata.skills.testing import CONTRACTS, BoundaryContract, FakeWorld

PICK = Call(CONTRACTS["pick"], ("red_cube",))


def sample_of(rng, chance):
    """A start of the fake world's robot anywhere, and an outcome drawn with `chance` of it."""
    world = FakeWorld()
    seen = world.reset(int(rng.integers(1000))).with_focus(("red_cube",))
    start = Start.of(seen)
    position = np.append(rng.uniform((-0.5, -0.5, 0.0), (0.7, 0.7, 0.6)), 0.08)
    tool = np.concatenate([position[:3], start.tool[3:]])
    moved = start.moved(position, tool)
    return StartSample(moved, bool(rng.random() < chance(moved)))


def _about(sample, call):
    """The same sample for a call about more things."""
    focus = Start.of(call.seen(FakeWorld().observe())).focus
    return replace(sample, start=replace(sample.start, focus=focus))


def near_is_good(start):
    """Failure where the tool is far from the cube or low beside it."""
    far = np.linalg.norm(start.tool[:3] - start.focus[0, :3])
    return 0.95 if far < 0.6 and start.tool[2] > 0.08 else 0.08


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    return [sample_of(rng, near_is_good) for _ in range(240)]


@pytest.fixture(scope="module")
def boundary(samples):
    return fit_boundary(samples, [3], seed=0)


class TestFactBoundary(BoundaryContract):
    def make(self):
        return FactBoundary()


class TestLearnedBoundary(BoundaryContract):
    learned = None

    def make(self):
        if TestLearnedBoundary.learned is None:
            rng = np.random.default_rng(0)
            drawn = [sample_of(rng, near_is_good) for _ in range(60)]
            TestLearnedBoundary.learned = fit_boundary(drawn, [3], seed=0)
        return TestLearnedBoundary.learned


def test_the_model_predicts_failure_on_starts_it_has_not_seen(boundary):
    rng = np.random.default_rng(1)
    fresh = [sample_of(rng, near_is_good) for _ in range(500)]
    labels = np.array([s.success for s in fresh])
    predicted = boundary.model.probability([s.start for s in fresh])
    assert brier_skill(predicted, labels) > 0.4
    assert calibration_error(predicted, labels) < 0.1
    assert boundary.quality.samples == 240
    assert boundary.quality.brier_skill > 0.3


def test_novelty_alone_is_no_reason_for_alarm():
    # Every start succeeds but those below; nobody has ever started far to the left.
    rng = np.random.default_rng(2)
    seen = [
        s
        for s in (sample_of(rng, lambda m: float(m.tool[2] > 0.15)) for _ in range(400))
        if s.start.tool[0] > 0.0
    ]
    model = fit_start_model(seen, seed=0)
    novel = seen[0].start.moved(
        np.array([-0.5, 0.0, 0.5, 0.08]), np.array([-0.5, 0.0, 0.5, 0, 1, 0, 0])
    )
    assert model.probability([novel])[0] > 0.8


def test_equal_seeds_give_equal_models(samples):
    one, two = (fit_start_model(samples[:80], seed=3) for _ in range(2))
    starts = [s.start for s in samples]
    assert np.array_equal(one.probability(starts), two.probability(starts))


@pytest.mark.parametrize(("labels", "rate"), [([True] * 60, 61 / 62), ([False] * 60, 1 / 62)])
def test_one_kind_of_outcome_gives_the_rate(samples, labels, rate):
    given = [StartSample(s.start, y) for s, y in zip(samples, labels, strict=False)]
    model = fit_start_model(given, seed=0)
    assert model.probability([samples[0].start])[0] == pytest.approx(rate)
    assert model.quality.brier_skill == 0.0


def test_starts_are_ranked_by_what_they_promise(boundary):
    world = FakeWorld()
    seen = world.observe()
    starts = boundary.starts(PICK, seen, 5)
    assert len(starts) == 5
    now = Start.of(PICK.seen(seen))
    tools = [np.concatenate([c.position[:3], now.tool[3:]]) for c in starts]
    chance = boundary.model.probability(
        [now.moved(c.position, t) for c, t in zip(starts, tools, strict=True)]
    )
    assert chance.min() > 0.6


def test_a_start_says_how_far_the_gripper_is_open_unless_it_holds_something(samples):
    boundary = fit_boundary(samples, [3], seed=0)
    world = FakeWorld()
    world.apply(Command.hold(np.array([0.3, 0.0, 0.3, 0.011])))
    for start in boundary.starts(PICK, world.observe(), 5):
        assert start.position[3] == pytest.approx(0.08)
    holding = Call(CONTRACTS["place_in"], ("red_cube", "drawer"))
    for start in fit_boundary([_about(s, holding) for s in samples], [3], 0).starts(
        holding, world.observe(), 5
    ):
        assert start.position[3] == pytest.approx(0.011)


def test_a_decision_learns_how_far_the_start_model_is_to_be_trusted(boundary):
    numbers = boundary.may_start(PICK, FakeWorld().observe()).numbers
    assert numbers["brier_skill"] == boundary.quality.brier_skill > 0.3


def test_what_is_held_moves_along():
    call = Call(CONTRACTS["place_in"], ("red_cube", "drawer"))
    assert held(call) == {"red_cube"}
    assert held(PICK) == frozenset()
    start = Start.of(call.seen(FakeWorld().observe()))
    tool = start.tool + np.array([0.1, 0.2, 0.3, 0, 0, 0, 0])
    moved = start.moved(start.position, tool, carried=[0])
    assert np.allclose(moved.focus[0, :3] - start.focus[0, :3], [0.1, 0.2, 0.3])
    assert np.allclose(moved.focus[1], start.focus[1])


def test_features_have_names_and_forget_symmetric_twins():
    start = Start.of(FakeWorld().observe().with_focus(("red_cube",)))
    features = encode([start])
    assert features.shape == (1, len(feature_names(4, 1)))
    turned = Start(start.position, start.tool, start.focus.copy())
    turned.focus[0, 3:7] = [np.cos(np.pi / 4), 0, 0, np.sin(np.pi / 4)]
    assert np.allclose(encode([turned]), features, atol=1e-9)


def test_a_boundary_is_stored_and_read_back(boundary, samples, tmp_path):
    save_boundary(boundary, tmp_path)
    read = load_boundary(tmp_path)
    starts = [s.start for s in samples]
    assert np.array_equal(read.model.probability(starts), boundary.model.probability(starts))
    assert read.quality.samples == 240
    again = tmp_path / "again"
    save_boundary(read, again)
    for name in ("boundary.json", "boundary.safetensors"):
        assert (again / name).read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("broken", ["cut", "format", "gone", "shape"])
def test_a_broken_boundary_is_refused(boundary, tmp_path, broken):
    save_boundary(boundary, tmp_path)
    card, tensors = tmp_path / "boundary.json", tmp_path / "boundary.safetensors"
    if broken == "cut":
        tensors.write_bytes(tensors.read_bytes()[:200])
    elif broken == "format":
        card.write_text(json.dumps(json.loads(card.read_text()) | {"format": 9}))
    elif broken == "gone":
        tensors.unlink()
    else:
        told = json.loads(card.read_text())
        told["sections"]["model"]["rounds"] = [1]
        card.write_text(json.dumps(told))
    with pytest.raises(PackageError, match="boundary"):
        load_boundary(tmp_path)
