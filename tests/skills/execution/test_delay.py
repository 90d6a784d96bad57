"""Late replies: joined at their true time, answered for the state in which they act."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import ActionChunk, ChunkSpec, Condition, ConfigError, Pose, Trajectory
from kata.skills.contract.call import Call
from kata.skills.execution.asking import Asking
from kata.skills.execution.executor import SkillExecutor
from kata.skills.execution.foresight import foreseen
from kata.skills.execution.landing import make_lander
from kata.skills.execution.messages import ChunkReply
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import run
from kata.skills.planning.corrections import Pace
from kata.skills.planning.plan import Plan
from kata.skills.testing import (
    CONTRACTS,
    FakePlanner,
    FakeWorld,
    PointKinematics,
    drawer_plan,
    good_skills,
    point_robot,
)

SPEC = ChunkSpec(16, 0.05, 8, "joint", 4)
ROBOT, KINEMATICS = point_robot(), PointKinematics()
GRIP = 3


def motion(way=(0.1, -0.05, 0.2, -0.03), length_s=1.0):
    home = ROBOT.home
    ends = np.array([home, home + np.array(way)])
    return Trajectory(np.array([0.0, length_s]), ends, np.zeros((2, 4)))


def asking(delay_s=0.0, blend="inpaint"):
    return Asking(ROBOT, KINEMATICS, ExecutorOptions(blend=blend, delay_s=delay_s))


def asked(room, seen, running=None):
    call = Call.of(CONTRACTS["pick"], {"object": "red_cube"})
    return room.request(call, seen, SPEC, running or motion(), seen.time_s)


# -------------------------------------------------------------------- joined at the true time


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10), st.integers(0, 45))
def test_a_reply_is_joined_where_its_actions_belong(start, now):
    """Whatever delay it was asked for: a chunk that says what runs already changes nothing."""
    running, start_s, now_s = motion(), 0.05 * start, 0.01 * now
    times = start_s + 0.05 * np.arange(1, 11)
    chunk = ActionChunk(start_s, 0.05, "joint", np.array([running.at(t).position for t in times]))
    path = make_lander(ROBOT, KINEMATICS, 0.01, "none").land(chunk, running, now_s, "amid")
    assert isinstance(path, Trajectory)
    for t in times[times > now_s + 0.05]:
        assert path.at(t).position == pytest.approx(running.at(t).position, abs=1e-9)
    assert path.at(now_s).position == pytest.approx(running.at(now_s).position, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.0, 0.3), st.floats(0.05, 0.4))
def test_until_an_early_reply_begins_what_runs_goes_on(now_s, early_s):
    knots = np.linspace(0.0, 1.0, 21)
    position = ROBOT.home + 0.05 * np.sin(6.0 * knots)[:, None]
    running = Trajectory(knots, position, 0.3 * np.cos(6.0 * knots)[:, None] * np.ones(4))
    values = np.repeat(ROBOT.home[None], 8, axis=0)
    chunk = ActionChunk(now_s + early_s, 0.05, "joint", values)
    path = make_lander(ROBOT, KINEMATICS, 0.01, "none").land(chunk, running, now_s, "amid")
    assert isinstance(path, Trajectory)
    for t in knots[(knots > now_s + 0.02) & (knots < chunk.start_s - 0.001)]:
        assert path.at(t).position == pytest.approx(running.at(t).position, abs=1e-9)


# -------------------------------------------------------------------- how long it takes


def test_a_slow_first_reply_is_not_reckoned_with_for_ever():
    """The first one pays for loading; the ones after it say how long a reply takes."""
    room, seen, now_s = asking(), FakeWorld().observe(), 0.0
    for took_s in (3.0, 0.1, 0.1):
        asked(room, replace(seen, time_s=now_s))
        room.answered(now_s + took_s)
        now_s += took_s
    assert room.delay_s == pytest.approx(0.1)


def test_the_warm_up_of_another_skill_does_not_count_either():
    room, seen, now_s = asking(), FakeWorld().observe(), 0.0
    for name, took_s in (("pick", 3.0), ("pick", 0.1), ("place_in", 4.0), ("place_in", 0.2)):
        names = ("red_cube", "drawer")[: len(CONTRACTS[name].parameters)]
        room.request(Call(CONTRACTS[name], names), seen, SPEC, motion(), now_s)
        room.answered(now_s + took_s)
        now_s += took_s
        assert room.delay_s < 0.3
    assert room.delay_s == pytest.approx(0.2)


def test_what_is_measured_counts_and_not_what_was_expected():
    room, seen = asking(delay_s=0.05), FakeWorld().observe()
    for _ in range(3):
        asked(room, seen)
        room.answered(seen.time_s + 0.2)
    request, _, foretold = asked(room, seen)
    assert request.start_s == pytest.approx(0.2)
    assert foretold.time_s == pytest.approx(0.2)


def test_replies_that_come_early_and_late_are_survived_and_repeat():
    """Equal seeds, equal delays; other seeds, others."""
    options = ExecutorOptions(blend="inpaint")
    ends = []
    for seed in (3, 3, 4):
        log = run(
            FakeWorld(), drawer_plan(), good_skills(), FakePlanner(), "blended", seed, 0.1,
            jitter_s=0.08, options=options,
        )  # fmt: skip
        assert log.success, log.reason
        ends.append(log.motion.position)
    np.testing.assert_array_equal(ends[0], ends[1])
    assert ends[0].shape != ends[2].shape or (ends[0] != ends[2]).any()


def test_a_jitter_off_the_clock_is_refused():
    with pytest.raises(ConfigError, match="the jitter"):
        run(FakeWorld(), drawer_plan(), good_skills(), None, "full", 0, 0.1, jitter_s=0.013)


# -------------------------------------------------------------------- what is asked


def test_a_request_is_for_the_state_in_which_the_reply_acts():
    seen, running = FakeWorld().observe(), motion()
    request, first, foretold = asked(asking(0.2), seen, running)
    assert first
    assert (request.start_s, request.delay_s, request.committed) == (0.2, 0.0, 0)
    moved = running.at(0.2).position - running.at(0.0).position
    assert foretold.position == pytest.approx(seen.position + moved)
    assert foretold.tool().position == pytest.approx((seen.position + moved)[:3])
    assert request.prefix is not None
    assert request.prefix[0] == pytest.approx(running.at(0.25).position)


def test_pictures_are_not_foreseen():
    """The chunk begins now, and what runs until the reply is committed."""
    seen = replace(FakeWorld().observe(), images={"front": np.zeros((2, 2, 3), np.uint8)})
    request, _, told = asked(asking(0.2), seen)
    assert told is seen
    assert (request.start_s, request.delay_s, request.committed) == (0.0, 0.2, 4)


def test_no_more_is_committed_than_runs():
    seen = replace(FakeWorld().observe(), images={"front": np.zeros((2, 2, 3), np.uint8)})
    request, _, _ = asked(asking(0.4), seen, motion(length_s=0.16))
    assert (len(request.prefix), request.committed) == (3, 3)


def test_other_blends_ask_as_things_are():
    seen = FakeWorld().observe()
    request, _, told = asked(asking(0.2, "jerk_limited"), seen)
    assert told is seen
    assert (request.start_s, request.delay_s, request.prefix) == (0.0, 0.2, None)


@pytest.mark.parametrize(("mode", "told"), [("full", True), ("blended", True), ("naive", False)])
def test_what_runs_is_told_only_where_the_mode_blends(mode, told):
    options = ExecutorOptions(mode=mode, blend="inpaint", delay_s=0.2)
    request, _, foretold = asked(Asking(ROBOT, KINEMATICS, options), FakeWorld().observe())
    assert (request.prefix is not None) is told
    assert (foretold.time_s == pytest.approx(0.2)) is told


def test_at_half_the_pace_half_as_much_is_said_to_run():
    """Rows of the prefix are steps as they are played, and so are those that are committed."""
    skill = good_skills()["open"]
    options = ExecutorOptions(mode="blended", blend="inpaint", delay_s=0.2)
    world = FakeWorld()
    executor = SkillExecutor(
        world.robot, world.kinematics, 0.01, {"open": skill}, options, None, ()
    )
    executor.start(Plan.sequence(Condition("true"), drawer_plan().calls[:1]), 0.0)
    executor.correct(Pace(0.5), "slower")
    step_s, asked, due = skill.policy.chunk_spec.step_s, [], []
    for k in range(150):
        if due and k >= due[0][0]:
            executor.deliver(due.pop()[1])
        seen = replace(world.observe(), images={"front": np.zeros((2, 2, 3), np.uint8)})
        tick = executor.tick(seen, world.facts(), 0.01 * k)
        for query in tick.requests:
            asked.append((query.request, executor._course.trajectory))
            chunk = skill.policy.chunk(query.observation, query.request)
            due.append((k + 20, ChunkReply(query.id, chunk)))
        world.apply(tick.command)
    request, running = next(pair for pair in asked if pair[0].prefix is not None)
    assert request.delay_s == pytest.approx(0.2)
    assert request.committed == round(0.2 / (2.0 * step_s))
    for row, action in enumerate(request.prefix, 1):
        at = running.at(request.start_s + 2.0 * step_s * row).position
        assert action == pytest.approx(at, abs=1e-9)


# -------------------------------------------------------------------- what is foreseen


def with_cube_at_tool(grip_m):
    seen = FakeWorld().observe()
    cube = seen.entities["red_cube"]
    place = seen.tool().position.copy()
    at_tool = replace(cube, pose=Pose(place, cube.pose.quaternion), spot=place)
    position = seen.position.copy()
    position[GRIP] = grip_m
    return replace(seen, position=position, entities={**seen.entities, "red_cube": at_tool})


def grip(begin_m, end_m):
    ends = np.array([ROBOT.home, ROBOT.home + np.array([0.1, 0.0, 0.1, 0.0])])
    ends[:, GRIP] = begin_m, end_m
    return Trajectory(np.array([0.0, 1.0]), ends, np.zeros((2, 4)))


def test_nothing_ahead_changes_nothing():
    seen = FakeWorld().observe()
    same = foreseen(seen, motion(), 0.0, ROBOT, KINEMATICS)
    assert same.position == pytest.approx(seen.position, abs=1e-15)
    assert same.entities.keys() == seen.entities.keys()


def test_what_blocks_the_fingers_is_carried_along():
    seen = with_cube_at_tool(0.04)
    then = foreseen(seen, grip(0.03, 0.03), 1.0, ROBOT, KINEMATICS)
    moved = then.entities["red_cube"].pose.position - seen.entities["red_cube"].pose.position
    assert moved == pytest.approx([0.1, 0.0, 0.1], abs=1e-9)
    assert then.position[GRIP] == pytest.approx(0.04)
    other = then.entities["drawer"].pose.position
    assert other == pytest.approx(seen.entities["drawer"].pose.position)


def test_closing_fingers_stop_at_what_is_between_them():
    seen = with_cube_at_tool(0.08)
    then = foreseen(seen, grip(0.08, 0.0), 1.0, ROBOT, KINEMATICS)
    assert then.position[GRIP] == pytest.approx(0.04)
    assert then.entities["red_cube"] is seen.entities["red_cube"]


def test_what_is_foreseen_stays_inside_the_limits():
    then = foreseen(FakeWorld().observe(), motion(way=(5.0, 0.0, 5.0, 0.0)), 1.0, ROBOT, KINEMATICS)
    assert (then.position <= ROBOT.limits.upper + 1e-12).all()
