"""Transitions: smooth, inside the limits, up first where the tool is low or the way is barred."""

from dataclasses import replace

import numpy as np
import pytest

from kata.datasets.types import Command, ConfigError, SpecError
from kata.skills.handover.curve import sample
from kata.skills.handover.profile import Profile, brake, scaled, steps
from kata.skills.handover.transition import Move, Mover, TransitionOptions, imagine
from kata.skills.testing import FakeWorld, TwoHandWorld

HIGH = np.array([0.3, 0.3, 0.4, 0.02])
LOW = np.array([0.3, 0.3, 0.05, 0.02])
GOAL = np.array([0.3, -0.4, 0.3, 0.08])


def mover(world=None, clearance=None, **options):
    world = world or FakeWorld()
    return Mover(world.robot, world.kinematics, TransitionOptions(**options), clearance)


def test_it_starts_with_the_state_of_now_and_ends_at_rest():
    now = Command(HIGH, np.array([0.3, -0.2, 0.1, 0.0]), np.array([1.0, 0.0, -1.0, 0.0]))
    move = mover().to(now, GOAL, 2.0)
    assert isinstance(move, Move)
    begin, end = move.trajectory.at(2.0), move.trajectory.at(move.trajectory.end_s + 1)
    assert np.allclose(begin.position, now.position)
    assert np.allclose(begin.velocity, now.velocity)
    assert np.abs(begin.acceleration - now.acceleration).max() < 1.0
    assert np.allclose(end.position[:3], GOAL[:3], atol=1e-6)
    assert not end.velocity.any()


def test_it_keeps_to_its_share_of_the_limits():
    move = mover().to(Command.hold(HIGH), GOAL, 0.0)
    fine = sample(move.trajectory, np.arange(0, move.trajectory.end_s, 0.003))
    assert np.abs(fine.velocity).max() <= 0.5 * 2.0 * 1.01
    assert np.abs(fine.acceleration).max() <= 0.25 * 20.0 * 1.05


def test_an_empty_gripper_opens_after_it_has_left_and_before_it_comes_near():
    move = mover().to(Command.hold(HIGH), GOAL, 0.0)
    fine = sample(move.trajectory, np.arange(0, move.trajectory.end_s, 0.01)).position
    gone = np.linalg.norm(fine[:, :3] - HIGH[:3], axis=1)
    left = np.linalg.norm(fine[:, :3] - GOAL[:3], axis=1)
    assert fine[-1, 3] == pytest.approx(GOAL[3])
    assert np.abs(fine[left < 0.1 * left[0], 3] - GOAL[3]).max() < 1e-3
    assert np.abs(fine[gone < 0.005, 3] - HIGH[3]).max() < 5e-3


@pytest.mark.parametrize(
    "why", [{"carried": ("red_cube",)}, {"measured": HIGH + np.array([0.0, 0.0, 0.0, 0.04])}]
)
def test_a_gripper_that_holds_something_stays_as_it_is(why):
    move = mover().to(Command.hold(HIGH), GOAL, 0.0, **why)
    assert np.ptp(move.trajectory.position[:, 3]) == 0.0


def test_a_gripper_without_a_wanted_opening_stays_as_it_is():
    goal = np.append(GOAL[:3], np.nan)
    move = mover().to(Command.hold(HIGH), goal, 0.0)
    assert np.ptp(move.trajectory.position[:, 3]) == 0.0


@pytest.mark.parametrize(
    ("goal", "match"), [(GOAL[:3], "another robot"), (GOAL * np.nan, "finite")]
)
def test_a_start_that_is_none_is_refused(goal, match):
    with pytest.raises(SpecError, match=match):
        mover().to(Command.hold(HIGH), goal, 0.0)


def test_a_gripper_that_holds_something_stays_so_over_stones():
    """What is held keeps the fingers open: told where they are measured, they would let it go."""
    now, measured = Command.hold(HIGH), HIGH + np.array([0.0, 0.0, 0.0, 0.03])
    stone = measured + np.array([0.2, -0.3, 0.2, 0.0])

    def barred(position, carried=()):
        return float(np.hypot(position[0] - 0.3, position[1])) - 0.1

    walled = mover(clearance=barred, checks=0, longest_s=20.0)
    for carried in ((), ("red_cube",)):
        move = walled.to(now, GOAL, 0.0, carried, measured, lambda: [stone, GOAL])
        assert move.way == "stones"
        assert np.ptp(move.trajectory.position[:, 3]) == 0.0


def test_what_is_carried_is_told_without_a_clearance_too():
    assert mover().to(Command.hold(HIGH), GOAL, 0.0, ("red_cube",)).carried == ("red_cube",)


@pytest.mark.parametrize(
    "wrong",
    [{"velocity_share": 0.0}, {"jerk_share": 1.1}, {"acceleration_share": np.nan},
     {"lift_m": -0.1}, {"clearance_m": -0.01}, {"clearance_m": np.inf}, {"longest_s": 0.0},
     {"low_m": np.nan}, {"checks": -1}, {"budget": -1}],
)  # fmt: skip
def test_options_that_no_transition_can_keep_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"(?s)no transition can be so.*{name}.*expected"):
        TransitionOptions(**wrong)


def test_a_stop_is_gentle_where_there_is_room_and_hard_where_there_is_not():
    now = Command(HIGH, np.array([0.0, -0.8, 0.0, 0.0]), np.zeros(4))
    gentle = mover().stop(now, 1.0)
    wall_y = HIGH[1] - 0.09
    hard = mover(clearance=lambda q, carried: q[1] - wall_y).stop(now, 1.0)
    assert gentle.position[-1, 1] < wall_y < hard.position[-1, 1]
    for stop in (gentle, hard):
        assert np.allclose(stop.at(1.0).velocity, now.velocity)
        assert not stop.velocity[-1].any()


def test_a_high_tool_goes_straight_and_a_low_one_goes_up_first():
    assert mover().to(Command.hold(HIGH), GOAL, 0.0).way == "straight"
    move = mover().to(Command.hold(LOW), GOAL, 0.0)
    assert move.way == "over"
    path = sample(move.trajectory, np.arange(0, move.trajectory.end_s, 0.01)).position
    first_side = np.argmax(np.abs(path[:, 1] - LOW[1]) > 0.01)
    assert path[first_side, 2] > LOW[2] + 0.1


def test_a_wall_is_gone_over():
    world = FakeWorld()
    start = np.array([0.3, 0.3, 0.19, 0.02])
    goal = np.array([0.3, -0.4, 0.19, 0.02])
    move = mover(world, world.clearance_m, lift_m=0.2).to(Command.hold(start), goal, 0.0)
    assert isinstance(move, Move)
    assert move.way == "over"
    assert move.clearance_m >= 0.01


def test_where_every_way_is_barred_the_reasons_are_told():
    walled = mover(clearance=lambda q, carried: abs(q[1]) - 0.2)
    reason = walled.to(Command.hold(HIGH), GOAL, 0.0)
    assert reason.count("comes as near as -") == 2
    assert "around: nothing found" in reason


def test_a_transition_that_takes_too_long_is_not_made():
    assert "would take" in mover(longest_s=0.2).to(Command.hold(HIGH), GOAL, 0.0)


def test_what_is_carried_is_imagined_with_the_robot():
    world = FakeWorld()
    seen = world.observe()
    there = imagine(seen, Command.hold(GOAL), world.kinematics, ("red_cube",))
    assert np.allclose(there.tool().position, GOAL[:3])
    before = seen.entities["red_cube"].pose.position - seen.tool().position
    after = there.entities["red_cube"].pose.position - there.tool().position
    assert np.allclose(before, after)
    assert there.entities["drawer"] == seen.entities["drawer"]


@pytest.mark.parametrize("hand", ["left", "right"])
def test_what_is_carried_goes_with_the_hand_of_the_call(hand):
    world = TwoHandWorld()
    seen = replace(world.observe(), hands=(hand,))
    goal = world.robot.home.copy()
    goal[:3] += [0.0, 0.2, 0.0]
    goal[4:7] += [0.1, 0.0, 0.1]
    there = imagine(seen, Command.hold(goal), world.kinematics, ("red_cube",))
    before = seen.entities["red_cube"].pose.position - seen.tool(hand).position
    after = there.entities["red_cube"].pose.position - there.tool(hand).position
    assert np.allclose(before, after)


def test_a_brake_comes_to_rest_within_the_limits():
    robot = FakeWorld().robot
    now = Command(HIGH, np.array([1.5, -1.0, 0.5, 0.0]), np.array([5.0, 0.0, 0.0, 0.0]))
    stop = brake(now, robot.limits, 1.0, 0.01)
    assert np.allclose(stop.at(1.0).velocity, now.velocity)
    assert not stop.at(stop.end_s).velocity.any()
    assert stop.end_s < 1.5
    assert (stop.position <= robot.limits.upper).all()


@pytest.mark.parametrize(("duration", "count"), [(0.0, 2), (0.1, 11), (0.101, 12)])
def test_steps_reach_the_end(duration, count):
    assert len(steps(duration, 0.01)) == count


def test_joints_can_arrive_together():
    limits = scaled(FakeWorld().robot.limits, 0.5)
    move = Profile(Command.hold(HIGH), GOAL, limits, together=True)
    late = move.sample(np.array([0.9 * move.duration_s])).velocity[0]
    assert np.count_nonzero(np.abs(late) > 1e-6) >= 3
