"""Laws of blends over random trajectories, limits and instants."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Limits, Trajectory, UnknownNameError
from kata.skills.handover.blend import JerkLimited, Switch, make_blend
from kata.skills.handover.curve import cut, head, sample

STEP = 0.01


def make_limits(size):
    one = np.ones(size)
    return Limits(-3.0 * one, 3.0 * one, 2.0 * one, 12.0 * one, 4000.0 * one)


def random_trajectory(rng, size, start_s=0.0, knots=9, step=0.05):
    pull = rng.uniform(-6, 6, (knots, size)) * rng.uniform(0.1, 1, size)
    speed = np.cumsum(pull * step, axis=0).clip(-1.5, 1.5)
    position = rng.uniform(-1, 1, size) + np.cumsum(speed * step, axis=0)
    velocity = np.gradient(position, step, axis=0)
    velocity[-1] = 0.0
    return Trajectory(start_s + step * np.arange(knots), position, velocity)


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(0, 45))
@settings(max_examples=60)
def test_a_jerk_limited_join_is_continuous_keeps_limits_and_comes_to_rest(seed, size, tick):
    rng = np.random.default_rng(seed)
    old = random_trajectory(rng, size)
    new = random_trajectory(rng, size, start_s=0.1)
    new = Trajectory(new.times_s, new.position - new.position[0] + old.position[0], new.velocity)
    now, limits = tick * STEP, make_limits(size)
    joined = JerkLimited(STEP).join(old, new, now, limits)
    before, after = old.at(now), joined.at(now)
    assert np.abs(before.position - after.position).max() < 1e-9
    assert np.abs(before.velocity - after.velocity).max() < 1e-9
    fine = sample(joined, np.arange(now, joined.end_s + 0.2, 0.002))
    assert np.all(np.abs(fine.position) <= 3.0 + 1e-9)
    knots = np.abs(joined.velocity)
    fastest = max(2.0, np.abs(old.velocity).max(), np.abs(new.velocity).max())
    assert knots.max() <= fastest + 1e-6
    assert np.allclose(joined.velocity[-1], 0.0)
    assert np.allclose(joined.position[-1], new.position[-1], atol=1e-9)


@given(st.integers(0, 10_000), st.integers(0, 30))
@settings(max_examples=40)
def test_acceleration_is_continuous_up_to_the_jerk_of_one_knot(seed, tick):
    rng = np.random.default_rng(seed)
    old, new = random_trajectory(rng, 4), random_trajectory(rng, 4)
    new = Trajectory(new.times_s, new.position - new.position[0] + old.position[0], new.velocity)
    limits, now = make_limits(4), tick * STEP + 0.003
    blend = JerkLimited(STEP)
    joined = blend.join(old, new, now, limits)
    before, after = old.at(now), joined.at(now)
    # A cubic between two knots has one jerk: the profile's may change once inside.
    allowed = limits.jerk * blend.jerk_share * STEP * 2
    allowed = allowed + np.maximum(
        0,
        np.abs(before.acceleration - new.at(now).acceleration)
        - limits.acceleration * blend.acceleration_share,
    )
    # A knot of the new trajectory may fall into the first span, with its own step.
    own = np.abs(np.diff(sample(new, np.arange(0, 0.5, 0.01)).acceleration, axis=0)).max(axis=0)
    assert np.all(np.abs(before.acceleration - after.acceleration) <= allowed + own)


def test_equal_trajectories_are_untouched():
    old = random_trajectory(np.random.default_rng(1), 8)
    joined = JerkLimited(STEP).join(old, old, 0.12, make_limits(8))
    times = np.arange(0.12, 0.6, 0.001)
    assert np.allclose(sample(joined, times).position, sample(old, times).position, atol=1e-12)


def test_a_large_gap_goes_straight_to_the_end_of_the_new_trajectory():
    old = Trajectory.hold(0.0, np.full(3, -2.9))
    new = Trajectory.hold(0.0, np.full(3, 2.9))
    joined = JerkLimited(STEP).join(old, new, 0.0, make_limits(3))
    fine = sample(joined, np.arange(0, joined.end_s, 0.002))
    assert np.abs(fine.velocity).max() <= 2.0 * 1.001  # between knots
    assert np.allclose(joined.position[-1], 2.9)
    assert fine.position.min() >= -3.0
    assert fine.position.max() <= 3.0


def test_a_joint_that_cannot_fade_does_not_disturb_the_others():
    times = 0.05 * np.arange(9)
    rise = np.column_stack([0.4 * times, np.where(times > 0, 2.9, 2.9)])
    speed = np.column_stack([np.full(9, 0.4), np.zeros(9)])
    speed[-1] = 0.0
    new = Trajectory(times, rise, speed)
    old = Trajectory(
        times,
        np.column_stack([0.4 * times, 2.98 - 0 * times]),
        np.column_stack([np.full(9, 0.4), np.full(9, 0.5)]),
    )
    joined = JerkLimited(STEP).join(old, new, 0.05, make_limits(2))
    fine = sample(joined, np.arange(0.05, 0.5, 0.001))
    assert np.allclose(fine.position[:300, 0], 0.4 * np.arange(0.05, 0.35, 0.001), atol=1e-6)
    assert np.abs(np.diff(fine.position[:, 1])).max() < 2.01e-3
    assert joined.position[-1] == pytest.approx([0.16, 2.9])


def test_motion_against_a_position_limit_stays_inside():
    # The old motion runs toward the bound, the new one waits right at it.
    old = Trajectory(
        np.array([0.0, 0.1, 0.2]),
        np.array([[2.80], [2.86], [2.86]]),
        np.array([[0.0], [1.0], [0.0]]),
    )
    new = Trajectory.hold(0.0, np.array([2.99]))
    joined = JerkLimited(STEP).join(old, new, 0.1, make_limits(1))
    assert sample(joined, np.arange(0.1, joined.end_s, 0.001)).position.max() <= 3.0 + 1e-9
    assert joined.position[-1] == pytest.approx(2.99)


@given(st.integers(0, 1000), st.floats(-1e-9, 1e-9))
def test_clocks_that_differ_a_little_leave_no_trace(seed, drift):
    # A world that adds up its steps is some billionths of a second off the executor's ticks.
    rng = np.random.default_rng(seed)
    running = random_trajectory(rng, 3)
    for chunk in range(1, 6):
        now = 0.2 * chunk
        new = random_trajectory(rng, 3, start_s=now - STEP + drift)
        shift = running.at(now).position - new.at(now).position
        new = Trajectory(new.times_s, new.position + shift + 0.01, new.velocity)
        running = JerkLimited(STEP).join(running, new, now, make_limits(3))
        assert np.diff(running.times_s).min() > 1e-5
        fine = sample(running, np.arange(now, running.end_s, 0.001))
        assert np.abs(fine.velocity).max() < 4.0


def test_switch_takes_the_new_one_as_it_is():
    rng = np.random.default_rng(3)
    old, new = random_trajectory(rng, 2), random_trajectory(rng, 2)
    joined = Switch().join(old, new, 0.13, make_limits(2))
    assert np.allclose(joined.at(0.2).position, new.at(0.2).position)


def test_an_unknown_blend_names_the_known_ones():
    with pytest.raises(UnknownNameError, match="jerk_limited"):
        make_blend("jerk_limted", STEP)


def test_a_join_is_cheap():
    rng = np.random.default_rng(0)
    old, new = random_trajectory(rng, 8), random_trajectory(rng, 8)
    new = Trajectory(new.times_s, new.position - new.position[0] + old.position[0], new.velocity)
    blend, limits = JerkLimited(STEP), make_limits(8)
    best = np.inf
    for _ in range(20):
        begin = time.perf_counter()
        blend.join(old, new, 0.1, limits)
        best = min(best, time.perf_counter() - begin)
    assert best < 1e-3  # 0.2 ms on a quiet core


@given(st.integers(0, 10_000), st.floats(0.0, 0.5))
def test_cut_and_samples_agree_with_the_trajectory(seed, now):
    trajectory = random_trajectory(np.random.default_rng(seed), 3)
    times = np.linspace(now, 0.6, 40)
    whole, part = sample(trajectory, times), sample(cut(trajectory, now), times)
    one = [trajectory.at(float(t)) for t in times]
    assert np.allclose(whole.position, [c.position for c in one], atol=1e-12)
    assert np.allclose(whole.velocity, [c.velocity for c in one], atol=1e-9)
    assert np.allclose(part.position, whole.position, atol=1e-9)


def test_a_head_starts_in_the_given_state_and_keeps_the_last_knot():
    trajectory = random_trajectory(np.random.default_rng(5), 3)
    now = trajectory.at(0.11)
    cropped = head(trajectory, 0.31, now, 0.02)
    assert np.allclose(cropped.at(0.31).position, now.position)
    late = head(trajectory, 9.0, now, 0.02)
    assert np.allclose(late.position[-1], trajectory.position[-1])
    assert np.all(np.diff(late.times_s) > 0)
