"""Chains: each call begins where the one before it ended, and what is predicted comes true."""

from dataclasses import replace

import numpy as np
import pytest

from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.evidence.descriptor import Sample, fit_descriptor
from kata.skills.evidence.descriptor_forecast import Forecast
from kata.skills.handover.features import Start
from kata.skills.testing import FakeWorld

CUBE = ("red_cube",)


def contract(name, requires="gripper_empty()", achieves="holding(?object)"):
    return Contract.from_data(
        {
            "format": 1,
            "name": name,
            "version": "1.0.0",
            "summary": name,
            "parameters": {"object": "object"},
            "requires": requires,
            "achieves": achieves,
            "duration_s": 8.0,
        }
    )


FIRST = Call(contract("first"), CUBE)
SECOND = Call(contract("second", requires="holding(?object)"), CUBE)


def start_at(seed, tool_x_m=None):
    """A start of a random scene, the tool somewhere else if asked for."""
    start = Start.of(FakeWorld().reset(seed).with_focus(CUBE))
    if tool_x_m is None:
        return start
    position, tool = start.position.copy(), start.tool.copy()
    position[0] = tool[0] = tool_x_m
    return Start(position, tool, start.focus)


def second_rate(tool_x_m):
    """The second skill fails where the tool is far out."""
    return 0.95 if tool_x_m < 0.4 else 0.15


def first_end(random):
    """The first skill ends far out three times of ten."""
    return 0.6 if random.random() < 0.3 else 0.2


@pytest.fixture(scope="module")
def measured():
    """Descriptors of both skills, from 150 trials each; the second one's begin anywhere."""
    random = np.random.default_rng(0)
    first, second = [], []
    for i in range(150):
        start, good = start_at(i), bool(random.random() < 0.9)
        first.append(Sample(CUBE, start, good, 2.0, start_at(i, first_end(random))))
        start = start_at(500 + i, random.uniform(0.1, 0.7))
        good = bool(random.random() < second_rate(start.tool[0]))
        second.append(Sample(CUBE, start, good, 3.0, start))
    return {"first": fit_descriptor(first), "second": fit_descriptor(second)}


def forecast(measured, seed=0):
    world = FakeWorld()
    world.reset(7)
    return Forecast(measured, world.observe, seed)


def test_the_prediction_of_a_chain_is_close_to_what_happens(measured):
    random = np.random.default_rng(1)
    truth = np.mean([0.9 * second_rate(first_end(random)) for _ in range(5000)])
    predicted = np.mean(
        [forecast(measured, seed).chain([FIRST, SECOND]).success for seed in range(20)]
    )
    assert predicted == pytest.approx(truth, abs=0.07)
    alone = 0.9 * np.mean([s.success for s in measured["second"].samples])
    assert abs(predicted - truth) < abs(alone - truth) + 0.02


def test_the_interval_of_a_chain_contains_the_truth(measured):
    found = forecast(measured).chain([FIRST, SECOND])
    assert found.low < 0.9 * (0.7 * 0.95 + 0.3 * 0.15) < found.high
    assert found.low < found.success < found.high
    assert found.duration_s == pytest.approx(5.0, abs=0.3)


def test_moves_to_good_starts_raise_it(measured):
    as_it_comes = forecast(measured).chain([FIRST, SECOND])
    with_moves = forecast(measured).chain([FIRST, SECOND], moves=True)
    assert with_moves.success > as_it_comes.success + 0.1
    assert with_moves.success == pytest.approx(0.9 * 0.95, abs=0.08)


def test_a_longer_chain_is_less_likely(measured):
    one, three = (forecast(measured).chain([FIRST] * n) for n in (1, 3))
    assert three.success < one.success
    # One skill thrice: what is not known of its rate is not known thrice, and does not average out.
    assert one.high - one.low < three.high - three.low


def test_no_calls_succeed(measured):
    found = forecast(measured).chain([])
    assert (found.success, found.low, found.high, found.duration_s) == (1.0, 1.0, 1.0, 0.0)


def test_equal_seeds_give_equal_predictions(measured):
    one, other = (forecast(measured).chain([FIRST, SECOND]) for _ in range(2))
    assert one == other
    assert one.to_data().keys() == {"rate", "interval", "duration_s"}


def test_a_skill_that_was_never_measured_leaves_it_open(measured):
    known = {"first": measured["first"]}
    world = FakeWorld()
    found = Forecast(known, world.observe)
    assert found.chain([FIRST, SECOND]) is None
    assert [p is None for p in found.calls([FIRST, SECOND], world.facts())] == [False, True]


def test_what_is_not_seen_leaves_it_open(measured):
    stranger = Call(FIRST.contract, ("blue_cube",))
    world = FakeWorld()
    assert forecast(measured).chain([stranger]) is None
    assert forecast(measured).calls([stranger, FIRST], world.facts())[0] is None


def test_without_known_ends_the_next_call_begins_as_its_own_trials_did(measured):
    bare = fit_descriptor([replace(s, end=None) for s in measured["first"].samples])
    found = forecast({**measured, "first": bare}).chain([FIRST, SECOND])
    rate = np.mean([s.success for s in measured["second"].samples])
    assert found.success == pytest.approx(0.9 * rate, abs=0.1)


def test_a_call_that_cannot_start_yet_is_predicted_from_its_own_starts(measured):
    world = FakeWorld()
    world.reset(7)
    first, second = Forecast(measured, world.observe).calls([FIRST, SECOND], world.facts())
    assert first.success == pytest.approx(0.9, abs=0.07)
    assert second.low < np.mean([s.success for s in measured["second"].samples]) < second.high
    assert second.duration_s == pytest.approx(3.0, abs=0.1)
