"""Several lanes: what shares nothing runs at the same time, what fails lets the others finish."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from kata.datasets.types import ActionChunk, ChunkRequest, Condition, ExecutionError, Observation
from kata.skills.contract.call import Call
from kata.skills.execution.lane_states import TRANSITIONS, LaneSignal, LaneState
from kata.skills.execution.lanes import LaneExecutor
from kata.skills.execution.messages import ChunkQuery, ChunkReply, LoadedSkill, PlanQuery, PlanReply
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import run
from kata.skills.handover.boundary import FactBoundary
from kata.skills.planning.check import check_plan
from kata.skills.planning.ordering import ordered
from kata.skills.planning.plan import Plan
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.testing import (
    TWO_HAND_CONTRACTS,
    ExecutorContract,
    TwoHandWorld,
    two_hand_skills,
)

BOTH = "holding(left, red_cube) and holding(right, blue_cube)"
PICKS = ("pick(red_cube, hand=left)", "pick(blue_cube, hand=right)")
TO_BIN = ("pick(red_cube, hand=left)", "handover(left, right, red_cube)",
          "place_in(red_cube, bin, hand=right)")  # fmt: skip


class TestLaneContract(ExecutorContract):
    """On one arm it is an executor like the other."""

    def make(self, world, skills):
        return LaneExecutor(world.robot, world.kinematics, world.period_s, skills)


def plan_of(goal, *texts, after=None):
    contracts = TWO_HAND_CONTRACTS.values()
    plan = Plan.sequence(Condition.parse(goal), [Call.parse(text, contracts) for text in texts])
    return plan if after is None else Plan(plan.goal, plan.calls, after, 0.0)


def go(plan, world=None, *, apart=True, planner=None, mode="full", **more):
    made = world or TwoHandWorld()
    skills_of = functools.cache(lambda lane: two_hand_skills()) if apart else None
    return run(made, plan, two_hand_skills(), planner, mode, 0, skills_of=skills_of, **more)


def spans(log):
    return {span.call: (span.lane, span.start_s, span.end_s, span.outcome) for span in log.spans}


@pytest.mark.parametrize("mode", ["naive", "blended", "full"])
def test_two_hands_take_the_time_of_one(mode):
    together = go(plan_of(BOTH, *PICKS, after=((), ())), mode=mode)
    one_by_one = go(plan_of(BOTH, *PICKS), mode=mode)
    assert together.success
    assert one_by_one.success
    assert together.duration_s <= 0.65 * one_by_one.duration_s


def test_a_handover_waits_for_both_hands():
    world = TwoHandWorld(places={"red_cube": (0.3, 0.9), "blue_cube": (0.3, -0.4)})
    goal = "in(red_cube, bin) and in(blue_cube, bin)"
    plan = SymbolicPlanner().plan(
        Condition.parse(goal), world.facts(), tuple(TWO_HAND_CONTRACTS.values())
    )
    log = go(plan, world)
    assert log.success
    told = spans(log)
    lane, begins, ends, _ = told["handover(left, right, red_cube)"]
    assert lane == "left+right"
    before = [told[text] for text in (*PICKS, "place_in(blue_cube, bin, hand=right)")]
    assert begins >= max(end for _, _, end, _ in before)
    assert told["place_in(red_cube, bin, hand=right)"][1] >= ends
    assert told[PICKS[0]][1] == told[PICKS[1]][1] == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_what_one_hand_cannot_reach_goes_through_the_other(seed):
    world = TwoHandWorld()
    world.reset(seed)
    goal = Condition.parse("in(red_cube, bin)")
    plan = SymbolicPlanner().plan(goal, world.facts(), tuple(TWO_HAND_CONTRACTS.values()))
    assert tuple(map(str, plan.calls)) == TO_BIN
    assert go(plan, world).success


def test_runs_are_the_same_to_the_bit():
    once, again = (go(plan_of(BOTH, *PICKS, after=((), ()))) for _ in range(2))
    assert np.array_equal(once.commands, again.commands)
    assert once.events == again.events


def test_claims_are_exclusive_whatever_the_order_says():
    texts = ("pick(red_cube, hand=left)", "pick(blue_cube, hand=left)")
    world = TwoHandWorld(places={"red_cube": (0.3, 0.45), "blue_cube": (0.3, 0.2)})
    log = go(plan_of("holding(left, blue_cube)", *texts, after=((), ())), world)
    assert [(span.call, span.outcome) for span in log.spans] == [(texts[0], "done")]
    # Its turn came when the hand was free, and full.
    assert log.reason == "requires gripper_empty(left)"
    assert log.events[-1].time_s >= log.spans[0].end_s + 1.0


def test_without_policies_of_their_own_one_skill_runs_once_at_a_time():
    log = go(plan_of(BOTH, *PICKS, after=((), ())), apart=False)
    assert log.success
    told = spans(log)
    assert told[PICKS[1]][1] >= told[PICKS[0]][2]


def test_other_hands_stay_where_they_are():
    log = go(plan_of("holding(left, red_cube)", PICKS[0]))
    assert log.success
    assert np.ptp(log.commands[:, 4:], axis=0).max() == 0.0


class Asked:
    """A planner that remembers, and refuses or plans."""

    def __init__(self):
        self.asked = []

    def plan(self, goal, facts, contracts, failures=()):
        self.asked.append((facts, tuple(failures)))
        return SymbolicPlanner().plan(goal, facts, contracts, failures)


def test_a_failure_lets_the_other_finish_and_asks_for_one_new_plan():
    # The left hand gets hold of nothing, the right one is farther away and takes longer.
    world = TwoHandWorld(slip=True, places={"red_cube": (0.3, 0.3), "blue_cube": (-0.9, -0.9)})
    planner = Asked()
    plan = plan_of(BOTH, *PICKS, after=((), ()))
    options = ExecutorOptions(stall_s=0.5, replans=1)
    log = go(plan, world, planner=planner, options=options)
    assert not log.success
    assert (log.state, log.replans, len(planner.asked)) == ("failed", 1, 1)
    facts, failures = planner.asked[0]
    assert [str(failure.call) for failure in failures] == [PICKS[0]]
    told = [(span.call, span.outcome) for span in log.spans]
    assert told[:2] == [(PICKS[0], "failed"), (PICKS[1], "done")]
    assert log.spans[0].end_s < log.spans[1].end_s
    assert Condition.parse("holding(right, blue_cube)").evaluate(facts).value


def test_nothing_new_begins_after_a_failure():
    world = TwoHandWorld(slip=True)
    plan = plan_of(
        "in(blue_cube, bin)",
        *PICKS,
        "place_in(blue_cube, bin, hand=right)",
        after=((), (), (1,)),
    )
    log = go(plan, world, options=ExecutorOptions(stall_s=0.3, replans=0))
    begun = {span.call for span in log.spans}
    broke = next(event for event in log.events if event.kind == "broken")
    assert all(event.time_s <= broke.time_s for event in log.events if event.kind == "ready")
    assert PICKS[0] in begun
    assert (log.events[-1].kind, log.events[-1].reason) == ("give_up", broke.reason)


def answered(executor, world, skills_of, ticks, lanes=("left", "right", "left+right")):
    """Tick with honest replies to some lanes; the ids that were asked."""
    ids = []
    start = round(world.time_s / world.period_s)
    for tick in range(start, start + ticks):
        answer = executor.tick(world.observe(), world.facts(), tick * world.period_s)
        for request in answer.requests:
            ids.append(request.id)
            if isinstance(request, ChunkQuery) and request.lane in lanes:
                policy = skills_of(request.lane)[request.call.contract.name].policy
                if request.begin:
                    policy.reset(0)
                chunk = policy.chunk(request.observation, request.request)
                executor.deliver(ChunkReply(request.id, chunk))
        world.apply(answer.command)
    return ids


def executor_of(world, **more):
    skills_of = functools.cache(lambda lane: two_hand_skills())
    executor = LaneExecutor(
        world.robot,
        world.kinematics,
        world.period_s,
        two_hand_skills(),
        skills_of=skills_of,
        **more,
    )
    return executor, skills_of


def test_a_cancel_stops_all_lanes():
    world = TwoHandWorld()
    executor, skills_of = executor_of(world)
    executor.start(plan_of(BOTH, *PICKS, after=((), ())), 0.0)
    answered(executor, world, skills_of, 30)
    assert np.abs(world.observe().velocity[[1, 2, 5, 6]]).max() > 0.1
    assert len(executor.calls) == 2
    executor.cancel("enough")
    answered(executor, world, skills_of, 60)
    assert executor.state is LaneState.CANCELLED
    assert executor.calls == ()
    assert np.abs(world.observe().velocity).max() == 0.0


def test_a_starved_lane_holds_and_the_other_goes_on():
    world = TwoHandWorld()
    executor, skills_of = executor_of(world)
    executor.start(plan_of(BOTH, *PICKS, after=((), ())), 0.0)
    begin = world.observe().position
    answered(executor, world, skills_of, 100, lanes=("right",))
    end = world.observe().position
    assert np.array_equal(end[:4], begin[:4])
    assert np.abs(end[4:7] - begin[4:7]).max() > 0.05


def test_ids_of_requests_are_unique():
    world = TwoHandWorld()
    executor, skills_of = executor_of(world)
    executor.start(plan_of(BOTH, *PICKS, after=((), ())), 0.0)
    ids = answered(executor, world, skills_of, 100)
    assert len(ids) > 4
    assert len(set(ids)) == len(ids)


def test_late_replies_of_an_old_plan_change_nothing():
    world = TwoHandWorld()
    executor, _ = executor_of(world)
    executor.start(plan_of(BOTH, *PICKS, after=((), ())), 0.0)
    asked = [
        request
        for request in executor.tick(world.observe(), world.facts(), 0.0).requests
        if isinstance(request, ChunkQuery)
    ]
    executor.start(plan_of("holding(left, red_cube)", PICKS[0]), 0.0)
    for request in asked:
        far = np.repeat(request.observation.position[None] + 0.01, 8, axis=0)
        executor.deliver(ChunkReply(request.id, ActionChunk(0.0, 0.05, "joint", far)))
    executor.deliver(PlanReply(77, plan_of("true")))
    events = executor.tick(world.observe(), world.facts(), 0.01).events
    assert [event.kind for event in events].count("stale") == 3


class OtherHand:
    """A policy that answers for a hand that its call does not have."""

    def __init__(self, inner):
        self.inner, self.spec, self.chunk_spec = inner, inner.spec, inner.chunk_spec

    def reset(self, seed: int) -> None:
        self.inner.reset(seed)

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        return replace(self.inner.chunk(observation, request), hand="right")


def test_a_chunk_of_another_hand_is_refused():
    skill = two_hand_skills()["pick"]
    bad = {"pick": LoadedSkill(skill.contract, OtherHand(skill.policy), FactBoundary())}
    world = TwoHandWorld()
    log = run(world, plan_of("holding(left, red_cube)", PICKS[0]), bad, None, "full", 0)
    assert (log.state, np.ptp(log.commands, axis=0).max()) == ("failed", 0.0)
    assert "a chunk of another hand" in log.reason


def test_a_plan_with_a_cycle_is_refused():
    executor, _ = executor_of(TwoHandWorld())
    with pytest.raises(ExecutionError, match="cycle"):
        executor.start(plan_of(BOTH, *PICKS, after=((1,), (0,))), 0.0)


def test_the_log_tells_lanes_apart():
    log = go(plan_of(BOTH, *PICKS, after=((), ())))
    assert {span.lane for span in log.spans} == {"left", "right"}
    assert all(span.outcome == "done" for span in log.spans)
    data = log.to_data()
    assert {span["lane"] for span in data["spans"]} == {"left", "right"}
    assert log.seams == ()


def test_what_runs_beside_was_checked():
    world = TwoHandWorld()
    plan = ordered(plan_of(BOTH, *PICKS), world.facts())
    assert plan.after == ((), ())
    assert check_plan(plan, world.facts()) == ()


@pytest.mark.parametrize("state", LaneState)
@pytest.mark.parametrize("signal", LaneSignal)
def test_every_state_and_signal_is_defined(state, signal):
    assert isinstance(TRANSITIONS[state, signal], LaneState)


def test_ends_are_left_by_a_new_plan_only():
    for state in (LaneState.DONE, LaneState.FAILED, LaneState.CANCELLED):
        ways = {signal: TRANSITIONS[state, signal] for signal in LaneSignal}
        assert ways.pop(LaneSignal.START) is LaneState.RUNNING
        assert set(ways.values()) == {state}
    going = set(LaneState) - {LaneState.DONE, LaneState.FAILED, LaneState.CANCELLED}
    assert {TRANSITIONS[state, LaneSignal.CANCEL] for state in going} == {LaneState.CANCELLED}


def test_a_plan_query_is_asked_when_all_lanes_rest():
    world = TwoHandWorld(slip=True, places={"red_cube": (0.3, 0.3), "blue_cube": (-0.9, -0.9)})
    executor, skills_of = executor_of(world, options=ExecutorOptions(stall_s=0.5))
    executor.start(plan_of(BOTH, *PICKS, after=((), ())), 0.0)
    for tick in range(600):
        answer = executor.tick(world.observe(), world.facts(), tick * world.period_s)
        queries = [request for request in answer.requests if isinstance(request, PlanQuery)]
        if queries:
            assert executor.calls == ()
            assert executor.state is LaneState.REPLANNING
            return
        for request in answer.requests:
            policy = skills_of(request.lane)["pick"].policy
            if request.begin:
                policy.reset(0)
            chunk = policy.chunk(request.observation, request.request)
            executor.deliver(ChunkReply(request.id, chunk))
        world.apply(answer.command)
    pytest.fail("no new plan was asked for")


def test_a_lane_sees_where_the_other_one_is_going():
    world = TwoHandWorld()
    executor = LaneExecutor(
        world.robot, world.kinematics, 0.01, two_hand_skills(), None, world.clearance_m,
        functools.cache(lambda lane: two_hand_skills()),
    )  # fmt: skip
    executor.start(plan_of(BOTH, *PICKS, after=((), ())), 0.0)
    requests = []
    for k in range(12):
        tick = executor.tick(world.observe(), world.facts(), 0.01 * k)
        requests += tick.requests
        for request in tick.requests:
            policy = two_hand_skills()["pick"].policy
            executor.deliver(
                ChunkReply(request.id, policy.chunk(request.observation, request.request))
            )
        world.apply(tick.command)
    left, right = (executor._lanes[name] for name in ("left", "right"))
    seen = executor._seen_by(right.parts)
    still = np.repeat(world.robot.home[None], 2, axis=0)
    times = np.array([0.12, left.moving.end_s])
    whole = seen.whole(still, times)
    assert np.abs(whole[1, :4] - whole[0, :4]).max() > 0.02
    assert np.allclose(whole[1, :4], left.moving.at(times[1]).position[:4])
    assert np.array_equal(whole[:, 4:], still[:, 4:])
