"""Clearance along a motion, and ways around: nothing thin is passed through, and cheaply."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Command
from kata.skills.handover.collision import Room, SharedClearance
from kata.skills.handover.curve import sample
from kata.skills.handover.detour import detour
from kata.skills.handover.legs import joined, straight_leg
from kata.skills.handover.transition import Move, Mover, TransitionOptions
from kata.skills.testing import FakeWorld

WORLD = FakeWorld()
START = np.array([0.0, 0.4, 0.4, 0.04])
GOAL = np.array([0.0, -0.4, 0.4, 0.04])


def box(centre, half):
    """Clearance from a box, exact and with the slope that a distance has."""

    def clearance(position, carried=()):
        outside = np.abs(position[:3] - centre) - half
        return float(np.linalg.norm(np.maximum(outside, 0.0)) + min(outside.max(), 0.0))

    return clearance


def room(clearance, **changes):
    return replace(Room(WORLD.robot, WORLD.kinematics, clearance), **changes)


def straight(start=START, goal=GOAL):
    return straight_leg(start, goal, WORLD.robot.limits, 0.0)


def test_a_wire_is_not_passed_through():
    wire = box(np.array([0.0, 0.0123, 0.4]), np.array([0.3, 0.0005, 0.3]))
    path = straight()
    near = room(wire, margin_m=0.002).along(path, 0.0)
    assert near.hit_s is not None
    assert abs(path.at(near.hit_s).position[1] - 0.0123) < 0.02


def test_fingers_may_rise_beside_what_they_let_go():
    """They keep their few millimetres until they are above it; that is no way into it."""
    cube = box(np.array([0.0, 0.0, 0.02]), np.array([0.02, 0.02, 0.02]))
    beside = np.array([0.0, 0.025, 0.015, 0.04])
    up = beside + np.array([0.0, 0.0, 0.15, 0.0])
    assert room(cube).along(straight(beside, up), 0.0).hit_s is None
    for wrong in ([0.0, -0.02, 0.03, 0.0], [0.0, -0.05, 0.0, 0.0]):
        assert room(cube).along(straight(beside, beside + wrong), 0.0).hit_s is not None
    # It must not stay so near for long either.
    wall = box(np.array([0.0, 0.0, 0.5]), np.array([0.02, 0.02, 0.5]))
    assert room(wall).along(straight(beside, up + np.array([0, 0, 0.3, 0])), 0.0).hit_s is not None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_few_distances_say_what_many_say(seed):
    rng = np.random.default_rng(seed)
    ends = [np.append(rng.uniform([-0.6, -0.6, -0.2], [0.6, 0.6, 1.0]), 0.04) for _ in range(3)]
    clearance = box(rng.uniform([-0.3, -0.3, 0.1], [0.3, 0.3, 0.7]), rng.uniform(0.002, 0.2, 3))
    legs = [straight(ends[0], ends[1]), straight(ends[1], ends[2])]
    path = joined(legs, stops=False)
    near = room(clearance).along(path, 0.0)
    dense = sample(path, np.linspace(0.0, path.end_s, 1500)).position
    least = min(clearance(q) for q in dense)
    # Travel that is not looked into is at most a step, half of it to either side.
    if least < 0.01 - 0.005 and clearance(ends[0]) > 0.012:
        assert near.hit_s is not None
    if near.hit_s is not None and clearance(ends[0]) > 0.012:
        assert least < 0.01
    assert near.queries < 260


def test_far_from_everything_two_distances_are_enough():
    far = box(np.array([0.0, 0.0, -5.0]), np.ones(3))
    assert room(far).along(straight(), 0.0).queries == 2


def test_what_begins_near_must_get_away():
    table = box(np.array([0.0, 0.0, -0.5]), np.array([2.0, 2.0, 0.5]))
    low = np.array([0.0, 0.4, 0.004, 0.04])
    up, along = low + np.array([0, 0, 0.3, 0]), low - np.array([0, 0.4, 0, 0])
    assert room(table).along(straight(low, up), 0.0).hit_s is None
    assert room(table).along(straight(low, along), 0.0).hit_s is not None


def test_only_what_lies_ahead_counts():
    wall = box(np.array([0.0, 0.2, 0.4]), np.array([0.3, 0.01, 0.3]))
    path = straight()
    passed = next(t for t in np.arange(0, path.end_s, 0.01) if path.at(t).position[1] < 0.1)
    assert room(wall).along(path, 0.0).hit_s is not None
    assert room(wall).along(path, passed).hit_s is None


def test_another_arm_is_seen_where_it_will_be():
    ahead = box(np.array([0.0, 0.0, 0.4]), np.full(3, 0.05))

    def whole(positions, times_s):
        # The other stands in the way at first only; its place is told by the last column.
        return np.column_stack([positions[:, :3], np.where(times_s > 0.2, 0.04, 0.0)])

    def clearance(position, carried=()):
        return ahead(position) if position[3] < 0.02 else 1.0

    assert room(clearance).along(straight(START * [1, 1, 1, 0], GOAL * [1, 1, 1, 0]), 0.0).hit_s
    assert room(SharedClearance(clearance, whole)).along(straight(), 0.0).hit_s is None


WINDOW = np.array([0.5, 0.0, 0.75])


def wall_with_a_window(position, carried=()):
    """A wall from the table to the ceiling, with one hole that lies aside."""
    x, y, z = position[:3]
    thick = abs(y) - 0.02
    if thick > 0:
        # Beside the wall, or before the hole: the distance to its rim.
        return float(np.hypot(thick, max(0.0, 0.12 - np.hypot(x - 0.5, z - 0.75))))
    return float(0.12 - np.hypot(x - 0.5, z - 0.75))


def test_only_a_search_finds_the_window():
    options = TransitionOptions(checks=6000, budget=12_000)
    mover = Mover(WORLD.robot, WORLD.kinematics, options, wall_with_a_window)
    move = mover.to(Command.hold(START), GOAL, 0.0)
    assert isinstance(move, Move)
    assert move.way == "around"
    fine = sample(move.trajectory, np.arange(0.0, move.trajectory.end_s, 0.005)).position
    assert min(wall_with_a_window(q) for q in fine) > 0.004
    assert np.abs(fine[-1] - GOAL).max() < 1e-3
    without = replace(mover, options=TransitionOptions(checks=0))
    assert "around" not in without.to(Command.hold(START), GOAL, 0.0)


@pytest.mark.parametrize("budget", [0, 40, 400])
def test_no_more_distances_are_asked_for_than_there_are(budget):
    asked = []

    def counted(position, carried=()):
        asked.append(1)
        return wall_with_a_window(position)

    options = TransitionOptions(budget=budget)
    reason = Mover(WORLD.robot, WORLD.kinematics, options, counted).to(
        Command.hold(START), GOAL, 0.0
    )
    assert "no distances are left" in reason or "nothing found with" in reason
    assert len(asked) < budget + 60


def test_a_way_may_lead_along_what_it_must_only_not_touch():
    """Without a distance to keep there is still a step to look into."""
    floor = box(np.array([0.0, 0.0, -0.5]), np.array([2.0, 2.0, 0.5]))
    low = np.array([0.0, 0.4, 0.0, 0.04])
    touching = room(floor, margin_m=0.0)
    up, aside = np.array([0.0, 0.0, 0.001, 0.0]), np.array([0.2, 0.0, 0.0, 0.0])
    assert touching.along(straight(low + up, low + up + aside), 0.0).hit_s is None
    assert touching.along(straight(low, low - [0, 0, 0.1, 0]), 0.0).hit_s is not None


def test_equal_questions_have_equal_answers():
    def ask(seed):
        where = room(wall_with_a_window)
        return detour(where, START, GOAL, 0.0, seed=seed, checks=6000), where.counted[0]

    (first, spent), (second, again), (other, _) = ask(1), ask(1), ask(2)
    assert spent == again
    assert np.array_equal(first, second)
    assert not (len(first) == len(other) and np.allclose(first, other))


def test_a_search_ends_with_its_distances_and_says_so():
    shut = room(lambda q, carried: abs(q[1]) - 0.02)
    assert detour(shut, START, GOAL, 0.0, checks=300).startswith("around: nothing found with 3")
    assert shut.counted[0] < 330


@pytest.mark.parametrize(("place", "word"), [("start", "begins"), ("goal", "ends")])
def test_a_search_from_or_to_a_contact_is_none(place, word):
    ends = {"start": START, "goal": GOAL}
    inside = room(box(ends[place][:3], np.full(3, 0.05)))
    assert detour(inside, START, GOAL, 0.0).startswith(f"around: {word} as near as -50 mm")


def test_a_goal_that_is_free_with_its_own_opening_only_is_searched_with_that():
    def clearance(position, carried=()):
        # A wide hand does not fit where the goal is, a narrow one does.
        return min(wall_with_a_window(position), 0.3 * (position[1] + 0.5) - position[3] + 0.03)

    goal = np.append(GOAL[:3], 0.0)
    assert room(clearance).distance(np.append(GOAL[:3], START[3])) < 0.05
    tight = room(clearance, margin_m=0.03)
    assert tight.distance(np.append(GOAL[:3], START[3])) < 0.03
    assert isinstance(detour(tight, START, goal, 0.0, checks=9000), list)


def test_a_long_thing_in_the_hand_is_reckoned_with():
    """The cube that is carried makes the hand 2 cm bigger: a gap that is wide enough without."""
    start, goal = np.array([0.3, 0.3, 0.226, 0.0]), np.array([0.3, -0.4, 0.226, 0.0])
    mover = Mover(WORLD.robot, WORLD.kinematics, TransitionOptions(low_m=0.0), WORLD.clearance_m)
    assert mover.to(Command.hold(start), goal, 0.0).way == "straight"
    assert mover.to(Command.hold(start), goal, 0.0, ("red_cube",)).way == "over"
