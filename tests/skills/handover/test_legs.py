"""Legs and moves as laws: continuous, inside every limit at every sample, equal for equal seeds."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Command, Limits
from kata.skills.handover.curve import sample
from kata.skills.handover.legs import beyond, joined, moving_leg, stopping_leg, straight_leg
from kata.skills.handover.profile import scaled
from kata.skills.handover.transition import Move, Mover
from kata.skills.testing import FakeWorld

LIMITS = Limits(
    np.array([-2.9, -1.8, -3.0, 0.0]),
    np.array([2.9, 1.8, -0.07, 0.08]),
    np.array([2.2, 2.2, 2.6, 0.1]),
    np.array([15.0, 7.5, 12.5, 2.0]),
    np.array([7500.0, 3750.0, 6250.0, 100.0]),
)
SHARED = scaled(LIMITS, 0.5, 0.25, 0.03)
PERIOD_S = 0.01
SEEDS = st.integers(0, 2**31)


def anywhere(rng):
    return rng.uniform(LIMITS.lower, LIMITS.upper)


def moving(rng, share=0.4):
    """A state from which the joints can still stop before their ends."""
    middle = 0.5 * (LIMITS.lower + LIMITS.upper)
    position = middle + 0.5 * (anywhere(rng) - middle)
    velocity = share * rng.uniform(-1, 1, 4) * LIMITS.velocity
    acceleration = share * rng.uniform(-1, 1, 4) * LIMITS.acceleration
    velocity[3] = acceleration[3] = 0.0
    return Command(position, velocity, acceleration)


def ticks(path):
    return np.arange(path.start_s, path.end_s + 0.05, PERIOD_S)


def rates(path):
    """Greatest velocity, acceleration and jerk (3, D) of what the servo gets."""
    position = sample(path, ticks(path)).position
    return [np.abs(np.diff(position, k, axis=0)).max(axis=0) / PERIOD_S**k for k in (1, 2, 3)]


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_a_leg_goes_on_from_position_velocity_and_acceleration(seed):
    rng = np.random.default_rng(seed)
    now, goal = moving(rng), anywhere(rng)
    leg = moving_leg(now, goal, SHARED, 2.0)
    begin, end = leg.at(2.0), leg.at(leg.end_s)
    assert np.abs(begin.position - now.position).max() < 1e-9
    assert np.abs(begin.velocity - now.velocity).max() < 1e-9
    assert np.abs(begin.acceleration - now.acceleration).max() < 0.05
    assert np.abs(end.position - goal).max() < 1e-6
    assert not end.velocity.any()


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(2, 5), st.booleans())
def test_straight_legs_keep_every_limit_and_pass_between_their_points(seed, count, stops):
    rng = np.random.default_rng(seed)
    points = [anywhere(rng) for _ in range(count + 1)]
    legs = [straight_leg(a, b, SHARED, 0.0) for a, b in pairwise(points)]
    path = joined(legs, stops=stops)
    assert beyond(path, LIMITS) == ""
    velocity, acceleration, jerk = rates(path)
    both = 1.0 if stops else 2.0
    assert (velocity <= SHARED.velocity * 1.002).all()
    assert (acceleration <= both * SHARED.acceleration * 1.001).all()
    assert (jerk <= both * SHARED.jerk * 1.01).all()
    position = sample(path, ticks(path)).position
    assert (position >= np.min(points, axis=0) - 1e-9).all()
    assert (position <= np.max(points, axis=0) + 1e-9).all()
    assert path.position[-1] == pytest.approx(points[-1], abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_without_stops_a_way_is_shorter_and_never_longer(seed):
    rng = np.random.default_rng(seed)
    a, b, c = (anywhere(rng) for _ in range(3))
    legs = [straight_leg(a, b, SHARED, 0.0), straight_leg(b, c, SHARED, 0.0)]
    assert joined(legs, stops=False).end_s <= joined(legs, stops=True).end_s


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_what_leaves_a_limit_between_the_knots_is_found(seed):
    rng = np.random.default_rng(seed)
    now = moving(rng, 0.9)
    leg = stopping_leg(now, SHARED, 0.0)
    fine = sample(leg, np.linspace(0.0, leg.end_s, 3000)).position
    inside = (fine >= LIMITS.lower).all() and (fine <= LIMITS.upper).all()
    assert (beyond(leg, LIMITS) != "leaves the joint limits") == inside


@settings(max_examples=80, deadline=None)
@given(SEEDS)
def test_a_move_from_any_state_keeps_the_robots_limits_at_every_servo_sample(seed):
    rng = np.random.default_rng(seed)
    world = FakeWorld()
    limits = world.robot.limits
    now = Command(
        rng.uniform(limits.lower, limits.upper),
        rng.uniform(-1.0, 1.0, 4) * [1, 1, 1, 0],
        rng.uniform(-5.0, 5.0, 4) * [1, 1, 1, 0],
    )
    goal = rng.uniform(limits.lower, limits.upper)
    move = Mover(world.robot, world.kinematics).to(now, goal, 0.0)
    if isinstance(move, str):
        assert "joint limits" in move
        return
    path = move.trajectory
    position = sample(path, ticks(path)).position
    assert (position >= limits.lower - 2e-6).all()
    assert (position <= limits.upper + 2e-6).all()
    velocity, acceleration, jerk = rates(path)
    assert (velocity <= limits.velocity).all()
    assert (acceleration <= limits.acceleration).all()
    assert (jerk <= limits.jerk).all()
    begin = path.at(0.0)
    assert np.abs(begin.velocity - now.velocity).max() < 1e-9
    assert np.abs(begin.acceleration - now.acceleration).max() < 0.05


def test_a_joint_that_runs_towards_its_end_is_stopped_before_it_goes_back():
    world = FakeWorld()
    now = Command(np.array([0.8, 0.0, 0.5, 0.05]), np.array([1.6, 0.0, 0.0, 0.0]), np.zeros(4))
    soft = moving_leg(now, world.robot.home, scaled(world.robot.limits, 0.5, 0.25, 0.03), 0.0)
    assert beyond(soft, world.robot.limits) == "leaves the joint limits"
    move = Mover(world.robot, world.kinematics).to(now, world.robot.home, 0.0)
    assert isinstance(move, Move)
    assert beyond(move.trajectory, world.robot.limits) == ""
