"""The executor, as traces of ticks in the fake world."""

import numpy as np
import pytest

from kata.datasets.types import ConfigError, ExecutionError
from kata.skills.contract.call import Call
from kata.skills.execution.executor import SkillExecutor
from kata.skills.execution.messages import ChunkReply, LoadedSkill, PlanQuery
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import run
from kata.skills.execution.states import State
from kata.skills.handover.boundary import FactBoundary
from kata.skills.handover.verdict import Verdict
from kata.skills.planning.plan import Plan
from kata.skills.testing import (
    CONTRACTS,
    ExecutorContract,
    FakePlanner,
    FakeWorld,
    drawer_plan,
    good_skills,
    with_fault,
)

MODES = ("naive", "blended", "transition", "full")


class TestOurExecutor(ExecutorContract):
    pass


class TestNaiveExecutor(ExecutorContract):
    def make(self, world, skills):
        options = ExecutorOptions(mode="naive")
        return SkillExecutor(world.robot, world.kinematics, world.period_s, skills, options)


def trace(log):
    """Calls and kinds of the events, without the chatter."""
    return [(e.kind, e.call.split("(")[0]) for e in log.events if e.kind not in ("stays", "stale")]


@pytest.mark.parametrize("mode", MODES)
def test_a_plan_runs_call_by_call_to_its_goal(mode):
    log = run(FakeWorld(), drawer_plan(), good_skills(), FakePlanner(), mode, 0)
    assert log.success
    assert log.state == "done"
    assert log.replans == 0
    steps = ("ready", "chunk", "achieved", "next")
    calls = ("open", "pick", "place_in", "close")
    wanted = [("start", "open"), *((s, c) for c in calls for s in steps), ("finished", "")]
    assert trace(log) == wanted


@pytest.mark.parametrize("mode", MODES)
def test_a_delay_of_replies_is_survived(mode):
    log = run(FakeWorld(), drawer_plan(), good_skills(), FakePlanner(), mode, 0, delay_s=0.08)
    assert log.success
    assert log.replans == 0


def test_two_runs_are_equal_to_the_bit():
    logs = [run(FakeWorld(), drawer_plan(), good_skills(), None, "full", 0) for _ in range(2)]
    assert np.array_equal(logs[0].commands, logs[1].commands)
    assert logs[0].to_data() == logs[1].to_data()


def test_blending_takes_the_jerk_out_of_the_seams():
    skills = good_skills()
    for skill in skills.values():
        skill.policy.speed = 0.25  # slow enough to be still moving when it is done
    naive, blended = (run(FakeWorld(), drawer_plan(), skills, None, mode, 0) for mode in MODES[:2])
    assert blended.success
    assert blended.peak_jerk < 0.3 * naive.peak_jerk


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("never_ends", "nothing has moved for 4.0 s"),
        ("wanders", "not done after 6 s: missing open(drawer)"),
        ("nan", "two chunks refused: not finite"),
        ("outside", "two chunks refused: leaves the limits of y by 4.00"),
        ("raises", "two chunks refused: the policy does not work"),
    ],
)
def test_each_fault_is_replanned_once_and_then_given_up(fault, reason):
    planner = FakePlanner()
    skills = with_fault(good_skills(), "open", fault)
    log = run(FakeWorld(), drawer_plan(), skills, planner, "full", 0)
    assert not log.success
    assert log.state == "failed"
    assert log.replans == 1
    assert [failure.reason for failure in planner.asked[0]] == [log.reason]
    assert log.reason.startswith(reason)
    assert [kind for kind, _ in trace(log)].count("broken") == 1


def test_one_bad_chunk_is_forgiven():
    skills = with_fault(good_skills(), "open", "nan_once")
    log = run(FakeWorld(), drawer_plan(), skills, None, "full", 0)
    kinds = [event.kind for event in log.events]
    assert kinds.count("refused") == 1
    assert "chunk" in kinds


def test_a_dropped_object_is_noticed_and_a_new_plan_mends_it():
    world, planner = FakeWorld(drop_s=3.5), FakePlanner()
    log = run(world, drawer_plan(), good_skills(), planner, "full", 0)
    assert log.replans == 1
    assert log.success
    (failure,) = planner.asked[0]
    assert str(failure.call) == "place_in(red_cube, drawer)"
    assert "new plan: pick(red_cube), place_in(red_cube, drawer), close(drawer)" in [
        event.reason for event in log.events
    ]


def test_holds_are_watched_all_the_while():
    world = FakeWorld()
    skills = with_fault(good_skills(), "place_in", "wanders")
    planner = FakePlanner()
    executor = SkillExecutor(world.robot, world.kinematics, 0.01, skills)
    call = Call(CONTRACTS["place_in"], ("red_cube", "drawer"))
    executor.start(Plan.sequence(drawer_plan().goal, [call]), 0.0)
    true = dict.fromkeys((*call.requires.atoms(), *call.holds.atoms()), True)
    good = world.facts().flipped(true)
    executor.tick(world.observe(), good, 0.0)
    assert executor.state is State.WAITING
    world.apply(executor.tick(world.observe(), good, 0.01).command)
    lost = world.facts().flipped(dict.fromkeys(true, False))
    answer = executor.tick(world.observe(), lost, 0.05)
    assert executor.state is State.REPLANNING
    assert answer.events[-1].reason == "no longer holds: open(drawer)"
    assert isinstance(answer.requests[-1], PlanQuery)
    assert not planner.asked


def test_an_unmet_requirement_is_named():
    plan = Plan.sequence(drawer_plan().goal, drawer_plan().calls[2:])
    log = run(FakeWorld(), plan, good_skills(), None, "full", 0)
    assert log.state == "failed"
    assert log.reason == "requires holding(red_cube) and open(drawer)"


def test_what_is_achieved_already_is_skipped():
    world = FakeWorld()
    world._opened_m = 0.15
    log = run(world, drawer_plan(), good_skills(), None, "full", 0)
    assert log.success
    assert log.events[1].reason == "already achieved"
    assert log.spans[0].call == "pick(red_cube)"


def test_a_refused_plan_ends_the_run_with_its_message():
    skills = with_fault(good_skills(), "open", "nan")
    log = run(FakeWorld(), drawer_plan(), skills, FakePlanner(refuse=True), "full", 0)
    assert log.reason == "no new plan: nothing helps"


def test_a_missing_skill_is_a_reason_and_no_crash():
    skills = good_skills()
    del skills["pick"]
    log = run(FakeWorld(), drawer_plan(), skills, None, "full", 0)
    assert log.reason == "there is no skill 'pick@1.0.0'"


def test_a_late_chunk_begins_where_it_should_be_by_now():
    world = FakeWorld()
    executor = SkillExecutor(world.robot, world.kinematics, 0.01, good_skills())
    executor.start(drawer_plan(), 0.0)
    request = executor.tick(world.observe(), world.facts(), 0.0).requests[0]
    chunk = good_skills()["open"].policy.chunk(request.observation, request.request)
    executor.deliver(ChunkReply(request.id, chunk))
    commands = [
        executor.tick(world.observe(), world.facts(), 0.01 * tick).command.position
        for tick in range(16, 70)
    ]
    # Half of the chunk is over: it is joined on its way, and ends where it should.
    assert np.abs(np.diff(commands, axis=0)).max() < 0.02
    assert np.allclose(commands[-1], chunk.values[-1], atol=1e-6)


def test_a_chunk_that_is_over_is_refused():
    world = FakeWorld()
    executor = SkillExecutor(world.robot, world.kinematics, 0.01, good_skills())
    executor.start(drawer_plan(), 0.0)
    request = executor.tick(world.observe(), world.facts(), 0.0).requests[0]
    chunk = good_skills()["open"].policy.chunk(request.observation, request.request)
    executor.deliver(ChunkReply(request.id, chunk))
    answer = executor.tick(world.observe(), world.facts(), 0.6)
    assert answer.events[0].reason == "chunk refused: too late by 0.60 s"


class _Fussy(FactBoundary):
    """Predicts failure unless the tool is high; knows one good start."""

    def __init__(self, goal):
        self.goal = goal

    def may_start(self, call, observation):
        good = observation.tool().position[2] > 0.5
        return Verdict(good, 0.9 if good else 0.2, "height")

    def starts(self, call, observation, count):
        from kata.datasets.types import Command

        return [Command.hold(self.goal)]


def fussy_pick(goal):
    skills = good_skills()
    pick = skills["pick"]
    skills["pick"] = LoadedSkill(pick.contract, pick.policy, _Fussy(np.array(goal)))
    return skills


def test_full_moves_to_a_better_start_and_the_others_do_not():
    skills = fussy_pick([0.3, 0.2, 0.6, 0.08])
    logs = {m: run(FakeWorld(), drawer_plan(), skills, None, m, 0) for m in MODES}
    kinds = {m: [span.kind for span in log.spans] for m, log in logs.items()}
    assert kinds["full"] == ["call", "transition", "call", "call", "call"]
    assert kinds["blended"] == kinds["naive"] == ["call"] * 4
    move = next(event for event in logs["full"].events if event.kind == "move")
    assert move.numbers["here"] == pytest.approx(0.2)
    assert move.numbers["there"] == pytest.approx(0.9)
    assert logs["full"].success


@pytest.mark.parametrize("opening", [np.nan, 0.0])
def test_a_transition_leaves_a_gripper_alone_that_the_start_does_not_want_otherwise(opening):
    skills = fussy_pick([0.3, 0.2, 0.6, opening])
    log = run(FakeWorld(), drawer_plan(), skills, None, "full", 0)
    span = next(span for span in log.spans if span.kind == "transition")
    first, last = (round(t / log.period_s) for t in (span.start_s, span.end_s))
    # The old skill's own closing is still under way for some ticks.
    assert np.ptp(log.commands[first + 5 : last, 3]) < 1e-6


def test_a_better_start_that_cannot_be_reached_is_left_alone():
    skills = fussy_pick([0.3, 0.2, 9.0, 0.08])
    log = run(FakeWorld(), drawer_plan(), skills, None, "full", 0)
    assert log.success


def test_a_cyclic_plan_is_refused():
    plan = drawer_plan()
    cyclic = Plan(plan.goal, plan.calls[:2], ((1,), (0,)), 0.0)
    executor = SkillExecutor(FakeWorld().robot, FakeWorld().kinematics, 0.01, good_skills())
    with pytest.raises(ExecutionError, match="cycle"):
        executor.start(cyclic, 0.0)


def test_a_partial_order_is_run_in_an_order_that_fits():
    plan = drawer_plan()
    calls = tuple(reversed(plan.calls))
    shuffled = Plan(plan.goal, calls, ((1,), (2,), (3,), ()), 0.0)
    log = run(FakeWorld(), shuffled, good_skills(), None, "full", 0)
    assert log.success


def test_an_unknown_mode_is_refused():
    with pytest.raises(ConfigError, match="naive, blended, transition, full"):
        ExecutorOptions(mode="smooth")


def test_times_must_be_whole_multiples():
    with pytest.raises(ConfigError, match="whole multiple"):
        run(FakeWorld(period_s=0.02), drawer_plan(), good_skills(), None, "full", 0)
    with pytest.raises(ConfigError, match="the delay"):
        run(FakeWorld(), drawer_plan(), good_skills(), None, "full", 0, delay_s=0.013)


class _Higher(FactBoundary):
    """Promises more the higher the tool is; knows no start of its own."""

    def may_start(self, call, observation):
        chance = float(np.clip(20.0 * (observation.tool().position[2] - 0.14), 0.0, 1.0))
        return Verdict(chance >= 0.5, chance, f"height {observation.tool().position[2]:.2f}")


def test_a_skill_that_is_done_goes_on_while_that_leads_to_a_better_start():
    skills = good_skills()
    for skill in skills.values():
        skill.policy.speed = 0.25
    place = skills["place_in"]
    skills["place_in"] = LoadedSkill(place.contract, place.policy, _Higher())
    logs = {m: run(FakeWorld(), drawer_plan(), skills, None, m, 0) for m in ("blended", "full")}
    told = [e for e in logs["full"].events if e.kind == "continues"]
    assert len(told) == 1
    assert told[0].call.startswith("pick")
    assert told[0].reason.startswith("place_in(red_cube, drawer): predicted success")
    assert told[0].numbers["later"] > told[0].numbers["here"] + 0.05
    ends = {
        mode: next(s.end_s - s.start_s for s in log.spans if s.call.startswith("pick"))
        for mode, log in logs.items()
    }
    assert ends["full"] > ends["blended"]
    assert logs["full"].success


@pytest.mark.parametrize("blend", ["crossfade", "jerk_limited", "inpaint"])
def test_where_replies_are_lost_the_robot_comes_to_rest_and_nothing_jumps(blend):
    world, skills = FakeWorld(), good_skills()
    executor = SkillExecutor(
        world.robot, world.kinematics, world.period_s, skills, ExecutorOptions(blend=blend)
    )
    executor.start(drawer_plan(), 0.0)
    commands, asked = [], 0
    for tick in range(300):
        now = tick * world.period_s
        answer = executor.tick(world.observe(), world.facts(), now)
        for request in answer.requests:
            asked += 1
            if asked == 1:  # the only reply that ever comes
                seen = request.observation
                chunk = skills["open"].policy.chunk(seen, request.request)
                executor.deliver(ChunkReply(request.id, chunk))
        commands.append(answer.command.position)
        world.apply(answer.command)
    steps = np.abs(np.diff(commands, axis=0))
    assert asked == 2
    assert steps.max() <= 2.0 * world.period_s + 1e-9
    assert steps[:80].max() > 1e-4
    assert steps[-100:].max() == 0.0
