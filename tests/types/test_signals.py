"""Trajectories, chunks, observations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kata.datasets.types import (
    ENTITY_NAMES,
    ENTITY_WIDTH,
    ActionChunk,
    ChunkSpec,
    Command,
    EntityState,
    Observation,
    Pose,
    SpecError,
    Trajectory,
    UnknownNameError,
)


@st.composite
def trajectories(draw):
    knots, joints = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    steps = draw(hnp.arrays(float, knots, elements=st.floats(0.02, 1.0)))
    values = st.floats(-3.0, 3.0)
    position, velocity = (draw(hnp.arrays(float, (knots, joints), elements=values)) for _ in "pv")
    return Trajectory(np.cumsum(steps), position, velocity)


@given(trajectories())
def test_knots_are_passed_with_their_velocity(trajectory):
    if len(trajectory.times_s) > 1:
        for i, time in enumerate(trajectory.times_s):
            command = trajectory.at(time)
            np.testing.assert_allclose(command.position, trajectory.position[i], atol=1e-9)
            np.testing.assert_allclose(command.velocity, trajectory.velocity[i], atol=1e-7)


@given(trajectories(), st.floats(0.0, 1.0))
def test_position_and_velocity_are_continuous(trajectory, share):
    time = trajectory.start_s + share * (trajectory.end_s - trajectory.start_s)
    for instant in (time, *trajectory.times_s[1:-1]):
        before, after = trajectory.at(instant - 1e-7), trajectory.at(instant + 1e-7)
        np.testing.assert_allclose(before.position, after.position, atol=1e-3)
        if trajectory.start_s + 1e-6 < instant < trajectory.end_s - 1e-6:
            np.testing.assert_allclose(before.velocity, after.velocity, atol=1e-1)


@given(trajectories(), st.floats(0.05, 0.95))
def test_velocity_and_acceleration_are_the_derivatives(trajectory, share):
    if len(trajectory.times_s) < 2:
        return
    a, b = trajectory.times_s[:2]
    time, h = a + share * (b - a), 1e-5 * (b - a)
    early, late, now = trajectory.at(time - h), trajectory.at(time + h), trajectory.at(time)
    slope = (late.position - early.position) / (2 * h)
    np.testing.assert_allclose(now.velocity, slope, rtol=1e-4, atol=1e-4)
    bend = (late.velocity - early.velocity) / (2 * h)
    np.testing.assert_allclose(now.acceleration, bend, rtol=1e-3, atol=1e-2)


@given(trajectories(), st.floats(0.001, 10.0))
def test_it_rests_outside(trajectory, far):
    for time, knot in ((trajectory.start_s - far, 0), (trajectory.end_s + far, -1)):
        command = trajectory.at(time)
        np.testing.assert_array_equal(command.position, trajectory.position[knot])
        assert not command.velocity.any()
        assert not command.acceleration.any()


def test_hold_stands_for_ever():
    trajectory = Trajectory.hold(2.0, np.array([0.1, 0.2]))
    for time in (-1.0, 2.0, 99.0):
        np.testing.assert_array_equal(trajectory.at(time).position, [0.1, 0.2])
    assert (trajectory.start_s, trajectory.end_s) == (2.0, 2.0)


@pytest.mark.parametrize("times", [[0.0, 0.0], [1.0, 0.5], [0.0, np.nan], [0.0], []])
def test_times_must_increase_and_fit(times):
    with pytest.raises(SpecError, match="trajectory"):
        Trajectory(np.array(times), np.zeros((2, 1)), np.zeros((2, 1)))


def test_chunks_refuse_bad_forms():
    chunk = ActionChunk(0.0, 0.05, "joint", np.zeros((4, 8)))
    assert chunk.finite
    assert not ActionChunk(0.0, 0.05, "joint", np.full((4, 8), np.nan)).finite
    with pytest.raises(SpecError, match="not a chunk"):
        ActionChunk(0.0, 0.05, "joint", np.zeros((0, 8)))
    with pytest.raises(SpecError, match="reference pose"):
        ActionChunk(0.0, 0.05, "tool", np.zeros((4, 7)))
    with pytest.raises(SpecError, match="execute"):
        ChunkSpec(8, 0.05, 9, "tool", 7)


def test_a_held_command_does_not_alias_its_source():
    position = np.array([1.0, 2.0])
    command = Command.hold(position)
    position[0] = 9.0
    assert command.position[0] == 1.0


def entity(name, x):
    pose = Pose(np.array([x, 0.0, 0.02]), np.array([1.0, 0.0, 0.0, 0.0]))
    return EntityState(name, pose, np.array([x, 0.0, 0.04]), np.full(3, 0.02), symmetry=4)


OBSERVATION = Observation(
    0.0,
    np.zeros(8),
    np.zeros(8),
    np.zeros(8),
    {"hand": Pose.identity()},
    {"red_cube": entity("red_cube", 0.4), "drawer": entity("drawer", 0.6)},
)


def test_observation_under_lerobots_keys():
    values = OBSERVATION.with_focus(["drawer", "red_cube"]).values()
    assert {key: value.shape for key, value in values.items()} == {
        "observation.state": (8,),
        "observation.velocity": (8,),
        "observation.effort": (8,),
        "observation.tool_pose": (7,),
        "observation.environment_state": (2 * ENTITY_WIDTH,),
        "observation.focus": (2, ENTITY_WIDTH),
    }
    assert values["observation.focus"][0, 0] == 0.6
    assert OBSERVATION.values()["observation.focus"].shape == (0, ENTITY_WIDTH)
    assert OBSERVATION.tool().position.shape == (3,)


def test_an_entitys_row_is_in_the_order_of_its_names():
    row = dict(zip(ENTITY_NAMES, entity("red_cube", 0.4).row(), strict=True))
    assert (row["x"], row["qw"], row["spot_z"], row["symmetry"], row["valid"]) == (
        0.4,
        1,
        0.04,
        4,
        1,
    )


def test_focus_on_something_unknown_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'red_cube'"):
        OBSERVATION.with_focus(["red_cub"])
