"""What the joints follow: commands within the limits, and no jump where they fell behind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Trajectory
from kata.skills.execution.course import Course
from kata.skills.testing import point_robot

PERIOD = 0.01
ROBOT = point_robot()


def rush(speeds):
    """Knots a tenth of a second apart, each arm joint at these speeds (T,) in rad/s, then rest."""
    step = 0.1
    times = step * np.arange(len(speeds) + 1, dtype=float)
    travel = np.concatenate([[0.0], np.cumsum(speeds) * step])
    position = np.tile(ROBOT.home, (len(times), 1))
    velocity = np.zeros_like(position)
    position[:, 0] += travel
    velocity[:-1, 0] = speeds
    return Trajectory(times, position, velocity)


def commands(path, *, smooth, seconds=1.5):
    course = Course(ROBOT, PERIOD, smooth=smooth)
    course.begin(path, 0.0, path.position[0])
    made = [course.command(k * PERIOD).position for k in range(round(seconds / PERIOD))]
    return np.array([path.position[0], *made])


def jerk(places):
    return float(np.abs(np.diff(places[:, :3], n=3, axis=0)).max() / PERIOD**3)


def test_joints_that_were_too_slow_catch_up_without_a_blow():
    fastest = float(ROBOT.limits.velocity[0])
    path = rush([0.9 * fastest, 1.5 * fastest, 0.2 * fastest, 0.1 * fastest])
    plain, smooth = (commands(path, smooth=each) for each in (False, True))
    assert jerk(smooth) < 0.5 * jerk(plain)
    for places in (plain, smooth):
        assert (np.abs(np.diff(places, axis=0)) <= ROBOT.limits.velocity * PERIOD + 1e-9).all()
        assert places[-1] == pytest.approx(path.position[-1], abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1.2, 1.2), min_size=1, max_size=6))
def test_whatever_is_asked_for_the_limits_hold_and_the_end_is_reached(shares):
    path = rush(np.array(shares) * float(ROBOT.limits.velocity[0]))
    places = commands(path, smooth=True, seconds=4.0)
    assert (np.abs(np.diff(places, axis=0)) <= ROBOT.limits.velocity * PERIOD + 1e-9).all()
    room = np.minimum(ROBOT.limits.upper - places, places - ROBOT.limits.lower)[:, :3].min()
    inside = (ROBOT.limits.clip(path.position) == path.position).all()
    if inside and room > 1e-6:
        assert places[-1] == pytest.approx(path.position[-1], abs=1e-6)
    # Whoever comes to the limit of speed while he speeds up cannot keep that of jerk as well.
    fast = np.abs(np.diff(places, axis=0)) / PERIOD
    if room > 1e-6 and (fast < 0.99 * ROBOT.limits.velocity).all():
        assert jerk(places) <= float(ROBOT.limits.jerk[:3].max()) * 1.001


def test_a_chunk_that_turns_about_is_met_later_not_with_a_blow():
    fastest = float(ROBOT.limits.velocity[0])
    path = rush([0.8 * fastest, -0.8 * fastest, 0.8 * fastest, 0.0])
    plain, smooth = (commands(path, smooth=each) for each in (False, True))
    limit = float(ROBOT.limits.jerk[0])
    assert jerk(plain) > limit >= jerk(smooth) / 1.001
    assert smooth[-1] == pytest.approx(path.position[-1], abs=1e-6)


def test_what_is_within_the_limits_is_followed_to_the_bit():
    times = np.linspace(0.0, 1.0, 21)
    turn = 0.05 * (1.0 - np.cos(np.pi * times))
    path = Trajectory(
        times,
        ROBOT.home + np.outer(turn, [1.0, 0.0, 0.0, 0.0]),
        np.outer(0.05 * np.pi * np.sin(np.pi * times), [1.0, 0.0, 0.0, 0.0]),
    )
    assert np.array_equal(commands(path, smooth=True), commands(path, smooth=False))
