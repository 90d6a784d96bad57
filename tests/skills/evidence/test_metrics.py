"""What a trial cost: known motions have the numbers that a pencil gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.skills.evidence.metrics import Jerk, Metrics, jerk, limits_hit, path_m
from kata.skills.execution.motion import RunMotion
from kata.skills.testing.fake_world import point_robot

PERIOD_S = 0.01


def quintic(distance: float, seconds: float, joints: int = 1) -> np.ndarray:
    """From rest to rest with least jerk: x = d (10 u^3 - 15 u^4 + 6 u^5), u = t / T."""
    u = np.arange(0.0, 1.0 + 1e-9, PERIOD_S / seconds)
    path = distance * (10 * u**3 - 15 * u**4 + 6 * u**5)
    return np.repeat(path[:, None], joints, axis=1)


def motion(position: np.ndarray, tool: np.ndarray | None = None) -> RunMotion:
    places = np.zeros((1, 3)) if tool is None else tool
    robot = point_robot()
    velocity = np.gradient(position, PERIOD_S, axis=0)
    return RunMotion(robot, PERIOD_S, position, velocity, places, None)


@given(distance=st.floats(0.01, 2.0), seconds=st.sampled_from([1.0, 2.0, 4.0]))
def test_jerk_of_a_quintic_is_the_one_of_the_books(distance, seconds):
    # |x'''| = 60 d / T^3 |1 - 6 u + 6 u^2|: 60 at the ends; half of the time it is above 22.5.
    found = jerk(quintic(distance, seconds), PERIOD_S)
    scale = distance / seconds**3
    assert found.peak == pytest.approx(60 * scale, rel=0.12)
    assert found.median == pytest.approx(22.5 * scale, rel=0.05)


@given(st.integers(0, 2**31), st.floats(0.1, 10.0))
def test_jerk_grows_with_the_motion_and_knows_no_place(seed, factor):
    path = np.random.default_rng(seed).normal(size=(40, 3)).cumsum(axis=0)
    one, more = jerk(path, PERIOD_S), jerk(factor * path + 3.0, PERIOD_S)
    assert more.peak == pytest.approx(factor * one.peak, rel=1e-6)
    assert more.median == pytest.approx(factor * one.median, rel=1e-6)
    assert one.median <= one.peak


def test_jerk_is_that_of_the_joint_that_jerks_most():
    still = np.zeros((len(quintic(1.0, 1.0)), 2))
    both = np.hstack([still, quintic(1.0, 1.0)])
    assert jerk(both, PERIOD_S) == jerk(quintic(1.0, 1.0), PERIOD_S)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_too_short_a_motion_has_no_jerk(rows):
    assert jerk(np.ones((rows, 2)), PERIOD_S) == Jerk(0.0, 0.0)


def test_the_way_is_measured_along_the_corners():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]], dtype=float)
    assert path_m(square) == pytest.approx(4.0)
    assert path_m(square[:1]) == path_m(square[:0]) == 0.0


@given(st.integers(0, 2**31))
def test_the_way_is_no_shorter_than_the_straight_line(seed):
    places = np.random.default_rng(seed).normal(size=(20, 3))
    assert path_m(places) >= np.linalg.norm(places[-1] - places[0]) - 1e-9


def test_a_calm_motion_hits_no_limit():
    path = np.tile(point_robot().home, (101, 1))
    path[:, :3] = path[0, :3] + quintic(0.3, 1.0, 3)
    assert limits_hit(motion(path)) == {}


def test_each_limit_is_counted_at_its_joint():
    robot = point_robot()
    path = np.tile(robot.home, (60, 1))
    path[10:20, 0] = robot.limits.upper[0]
    path[30:, 1] += np.minimum(robot.limits.velocity[1] * PERIOD_S * np.arange(30), 0.1)
    hits = limits_hit(motion(path))
    assert hits["position"] == {"x": 10}
    assert hits["velocity"] == {"x": 2, "y": 5}
    assert set(hits["acceleration"]) == {"x", "y"}


def test_a_gripper_at_its_stop_is_no_hit():
    path = np.tile(point_robot().home, (30, 1))
    path[:15, 3], path[15:, 3] = 0.08, 0.0
    assert limits_hit(motion(path)) == {}


def test_metrics_are_plain_data():
    path = np.tile(point_robot().home, (30, 1))
    path[15:, 0] += 0.05
    data = Metrics.of(motion(path, np.array([[0, 0, 0], [0, 0, 0.5]]))).to_data()
    assert data["path_m"] == 0.5
    assert data["jerk"] == {"median": 0.0, "peak": 100000.0}
    assert data["limits_hit"] == {"velocity": {"x": 1}, "acceleration": {"x": 2}}
