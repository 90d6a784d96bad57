"""Features of a start: one name each, seen from the things, and what stands in the way."""

from dataclasses import replace

import numpy as np
import pytest

from kata.datasets.types import SpecError
from kata.datasets.types.pose import pose_compose, yaw_quat
from kata.skills.handover.features import Start
from kata.skills.handover.start_features import encode_relative, relative_names
from kata.skills.testing import FakeWorld

DOWN = np.array([0.0, 1.0, 0.0, 0.0])


def thing(x, y, yaw=0.0):
    """A 4 cm cube on the table."""
    half = np.full(3, 0.02)
    place = [x, y, 0.02, *yaw_quat(yaw), x, y, 0.04]
    return np.array([*place, *half, 0.0, 4.0, 1.0])


def start(focus, others=(), opening=0.08, numbers=()):
    return Start(
        np.array([*np.zeros(7), opening]),
        np.array([0.4, 0.0, 0.2, *DOWN]),
        np.array(focus),
        np.zeros(8),
        np.array(others).reshape(-1, 16),
        np.array(numbers, dtype=float),
    )


def features(one, grippers=(7,)):
    names = relative_names(8, len(one.focus), len(one.numbers))
    row = encode_relative([one], grippers)
    assert row.shape == (1, len(names))
    assert np.isfinite(row).all()
    return dict(zip(names, row[0], strict=True))


@pytest.mark.parametrize("velocity", [np.zeros(0), np.zeros(3)])
def test_a_start_without_velocity_is_refused(velocity):
    """Nothing is made up for it: a robot at rest is another start."""
    seen = FakeWorld().observe()
    assert len(Start.of(seen).velocity) == 4
    with pytest.raises(SpecError, match="without velocity") as caught:
        Start.of(replace(seen, velocity=velocity))
    assert caught.value.where == "observation.velocity"
    assert caught.value.got == str(len(velocity))


@pytest.mark.parametrize("slots", [0, 1, 2, 3])
@pytest.mark.parametrize("numbers", [(), (0.1, 2.0)])
def test_every_feature_has_one_name(slots, numbers):
    focus = np.array([thing(0.4 + 0.1 * k, 0.0) for k in range(slots)]).reshape(-1, 16)
    found = features(start(focus, [thing(0.0, 0.3)], numbers=numbers))
    assert [found[f"number{k + 1}"] for k in range(len(numbers))] == list(numbers)


def test_the_opening_is_told_against_the_width():
    assert features(start([thing(0.4, 0.0)]))["slot1_room"] == pytest.approx(0.04)
    narrow = features(start([thing(0.4, 0.0)], opening=0.03))
    assert narrow["slot1_room"] == pytest.approx(-0.01)
    assert features(start([thing(0.4, 0.0)]), ())["opening"] == 0.0


def test_a_neighbour_takes_the_room_of_the_faces_that_it_stands_at():
    alone = features(start([thing(0.4, 0.0)]))
    assert min(alone["slot1_free_fingers"], alone["slot1_free_other"]) == 1.0
    beside = features(start([thing(0.4, 0.0)], [thing(0.445, 0.0)]))
    rooms = sorted([beside["slot1_free_fingers"], beside["slot1_free_other"]])
    assert rooms == pytest.approx([0.005, 1.0])


def test_what_stands_in_the_lane_is_told():
    pair = [thing(0.4, 0.0), thing(0.6, 0.0)]
    assert features(start(pair, [thing(0.5, 0.03)]))["lane_m"] == pytest.approx(0.03)
    assert features(start(pair))["lane_m"] == 1.0
    assert features(start(pair))["way_x"] == pytest.approx(0.2)


def test_a_quarter_turn_of_a_cube_changes_nothing():
    one, two = (features(start([thing(0.4, 0.1, yaw)])) for yaw in (0.2, 0.2 + np.pi / 2))
    for name in ("slot1_turn", "slot1_room", "slot1_upright", "slot1_roll", "slot1_pitch"):
        assert one[name] == pytest.approx(two[name], abs=1e-9)


def test_starts_with_more_and_fewer_things_share_a_batch():
    few, many = start([thing(0.4, 0.0)]), start([thing(0.4, 0.0)], [thing(0.5, 0.0)])
    both = encode_relative([few, many], (7,))
    assert np.allclose(both[0], encode_relative([few], (7,))[0])
    assert np.allclose(both[1], encode_relative([many], (7,))[0])


def test_a_lean_in_the_hand_is_told():
    held = thing(0.4, 0.0)
    tool = np.array([0.4, 0.0, 0.2, *DOWN])
    swung = np.array([0.0, 0.0, 0.0, np.cos(0.25), 0.0, np.sin(0.25), 0.0])
    held[:7] = pose_compose(tool, swung)
    assert abs(features(start([held]))["slot1_roll"]) > 0.4
