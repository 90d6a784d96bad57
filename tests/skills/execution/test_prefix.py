"""What runs already, as actions of the next chunk; and how long a reply takes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import ActionChunk, ChunkSpec, Trajectory
from kata.skills.contract.call import Call
from kata.skills.execution.asking import Asking
from kata.skills.execution.delay import DelayEstimate
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.prefix import committed_actions, running_actions
from kata.skills.testing import (
    TWO_HAND_CONTRACTS,
    FakeWorld,
    PointKinematics,
    TwoHandWorld,
    point_robot,
)

JOINT = ChunkSpec(16, 0.05, 8, "joint", 4)
TOOL = ChunkSpec(16, 0.05, 8, "tool", 7)


def motion(length_s=0.4):
    home = point_robot().home
    end = home + np.array([0.1, -0.05, 0.2, -0.03])
    return Trajectory(np.array([0.0, length_s]), np.array([home, end]), np.zeros((2, 4)))


def actions(running, start_s, spec=JOINT):
    seen = FakeWorld().observe()
    return running_actions(running, seen, start_s, spec, point_robot(), PointKinematics())


@given(st.floats(0.0, 0.39))
def test_each_action_is_where_the_motion_is_one_step_later(start_s):
    found, running = actions(motion(), start_s), motion()
    count = 0 if found is None else len(found)
    assert count == int((0.4 - start_s) / 0.05 + 1e-6)
    for k in range(count):
        at = running.at(start_s + (k + 1) * 0.05).position
        assert found[k] == pytest.approx(at, abs=1e-9)


def test_what_lies_after_the_end_is_left_out_and_not_filled_up():
    assert len(actions(motion(), 0.0)) == 8
    assert actions(motion(), 0.36) is None
    assert actions(motion(), 5.0) is None


def test_a_long_motion_fills_a_chunk_and_no_more():
    assert len(actions(motion(5.0), 0.0)) == 16


def test_tool_actions_start_from_the_tool_that_is_seen():
    seen, found = FakeWorld().observe(), actions(motion(), 0.0, TOOL)
    place = PointKinematics().forward(motion().at(0.4).position).position
    # The tool looks down: its own z axis points to the table, and its y axis to the right.
    way = (place - seen.tool().position) * [1.0, -1.0, -1.0]
    assert np.abs(found[-1, :3]) == pytest.approx(np.abs(way), abs=1e-6)
    assert np.abs(found[:, 3:6]).max() < 1e-6
    assert found[-1, 6] == pytest.approx(0.05, abs=1e-6)


def test_a_chunk_of_other_joints_gets_no_prefix():
    assert actions(motion(), 0.0, ChunkSpec(16, 0.05, 8, "joint", 9)) is None


def test_of_two_hands_the_one_whose_actions_they_are_must_be_known():
    world = TwoHandWorld()
    seen = replace(world.observe(), hands=("right", "left"))
    ends = np.array([world.robot.home, world.robot.home])
    ends[1, 4:7] += 0.1
    running = Trajectory(np.array([0.0, 0.4]), ends, np.zeros((2, 8)))

    def told(spec, hand):
        return running_actions(running, seen, 0.0, spec, world.robot, world.kinematics, hand)

    assert told(TOOL, "") is None
    assert np.abs(told(TOOL, "left")[-1, :3] - told(TOOL, "right")[-1, :3]).max() > 0.05
    # Joints are the whole robot's, whoever moves them.
    assert told(ChunkSpec(16, 0.05, 8, "joint", 8), "") is not None


def test_a_call_of_two_hands_tells_what_runs_of_the_hand_that_moved_last():
    world = TwoHandWorld()
    contract = TWO_HAND_CONTRACTS["handover"]
    call = Call.parse("handover(left, right, red_cube)", [contract])
    seen = call.seen(world.observe())
    options = ExecutorOptions(blend="inpaint")
    room = Asking(world.robot, world.kinematics, options)
    running = Trajectory(np.array([0.0, 0.4]), np.tile(world.robot.home, (2, 1)), np.zeros((2, 8)))
    assert room.request(call, seen, TOOL, running, 0.0)[0].prefix is None
    here = seen.tool("right")
    room.used(ActionChunk(0.0, 0.05, "tool", np.zeros((8, 7)), here, "right"), TOOL, 0.0)
    found = room.request(call, seen, TOOL, running, 0.0)[0].prefix
    own = running_actions(running, seen, 0.0, TOOL, world.robot, world.kinematics, "right")
    assert np.array_equal(found, own)
    room.begin(0.1)
    assert room.request(call, seen, TOOL, running, 0.1)[0].prefix is None


@pytest.mark.parametrize(
    ("delay", "count"), [(0.0, 0), (0.01, 1), (0.05, 1), (0.051, 2), (0.2, 4), (0.15000000001, 3)]
)
def test_actions_that_begin_before_the_reply_stand(delay, count):
    assert committed_actions(delay, 0.05) == count


def test_the_longest_of_the_last_delays_counts():
    estimate = DelayEstimate(0.1)
    assert estimate.seconds == 0.1
    for delay in (0.9, 0.2, 0.25, 0.2):
        estimate.take(delay)
    assert estimate.seconds == 0.25


def test_what_happened_long_ago_is_forgotten():
    estimate = DelayEstimate()
    for delay in (0.0, 0.4, *([0.1] * 8)):
        estimate.take(delay)
    assert estimate.seconds == 0.1


def test_the_first_reply_does_not_count():
    estimate = DelayEstimate(0.05)
    estimate.take(3.0)
    assert estimate.seconds == 0.05


@pytest.mark.parametrize("odd", [-0.1, float("nan"), float("inf")])
def test_a_clock_that_jumped_is_no_measurement(odd):
    estimate = DelayEstimate(0.05)
    for delay in (0.0, odd, odd):
        estimate.take(delay)
    assert estimate.seconds == 0.05
