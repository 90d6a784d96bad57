"""From call to call in one lane: what is continued for the next one, and what it is predicted."""

import functools
from dataclasses import dataclass, field

import numpy as np
import pytest

from kata.datasets.types import Command, Condition
from kata.skills.contract.call import Call
from kata.skills.execution.executor import SkillExecutor
from kata.skills.execution.lane_states import LaneState
from kata.skills.execution.lanes import LaneExecutor
from kata.skills.execution.messages import ChunkQuery, ChunkReply, LoadedSkill
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import run
from kata.skills.handover.boundary import FactBoundary
from kata.skills.handover.verdict import Verdict
from kata.skills.planning.plan import Plan
from kata.skills.testing import (
    TWO_HAND_CONTRACTS,
    FakeWorld,
    TwoHandWorld,
    drawer_plan,
    good_skills,
    two_hand_skills,
)

BLUE, RED = "pick(blue_cube, hand=right)", "pick(red_cube, hand=left)"
PLACE = "place_in(blue_cube, bin, hand=right)"
HAND = "handover(right, left, blue_cube)"
SPEED = 0.15
"""Slow enough to be still moving when a pick is done."""


@dataclass
class Higher(FactBoundary):
    """Promises more the higher the tool is; remembers the states that it was asked about.

    The only start that it knows is no better than where the robot is.
    """

    usual: float = 1.0
    asked: list = field(default_factory=list)

    def may_start(self, call, observation):
        hand = observation.hands[0] if observation.hands else ""
        height = observation.tool(hand).position[2]
        self.asked.append((observation.time_s, observation.position.copy()))
        chance = float(np.clip(20.0 * (height - 0.12), 0.0, 0.99))
        return Verdict(chance >= 0.5, chance, f"height {height:.2f}")

    def starts(self, call, observation, count):
        return (Command.hold(observation.position),)


@dataclass
class Usual(FactBoundary):
    """A start that is as good as any, of a skill that succeeds so often."""

    usual: float = 1.0


def skills_of(lane, boundaries=None):
    made = {}
    for name, skill in two_hand_skills().items():
        skill.policy.speed = SPEED
        boundary = (boundaries or {}).get(name, skill.boundary)
        made[name] = LoadedSkill(skill.contract, skill.policy, boundary)
    return made


def plan_of(texts, after):
    calls = [Call.parse(text, TWO_HAND_CONTRACTS.values()) for text in texts]
    return Plan(Condition.parse("gripper_empty(right)"), tuple(calls), after, 0.0)


def go(texts, after, place, mode="full", **places):
    world = TwoHandWorld(places={"red_cube": (0.3, 0.45), "blue_cube": (0.3, -0.4), **places})
    own = functools.cache(functools.partial(skills_of, boundaries={"place_in": place}))
    return run(world, plan_of(texts, after), own(""), None, mode, 0, skills_of=own)


def told(log, kind):
    return [event for event in log.events if event.kind == kind]


def ends(log, call):
    return next(span.end_s - span.start_s for span in log.spans if span.call == call)


def test_a_call_that_is_done_moves_on_for_the_next_one_of_its_lane():
    logs = {m: go((RED, BLUE, PLACE), ((), (), (1,)), Higher(), m) for m in ("blended", "full")}
    (event,) = told(logs["full"], "continues")
    assert (event.call, event.lane) == (BLUE, "right")
    assert event.reason.startswith(f"{PLACE}: predicted success")
    assert event.numbers["later"] > event.numbers["here"] + 0.05
    assert not told(logs["blended"], "continues")
    assert ends(logs["full"], BLUE) > ends(logs["blended"], BLUE) + 0.04
    # The other lane has nothing to do with it.
    assert ends(logs["full"], RED) == ends(logs["blended"], RED)
    assert logs["full"].success


def test_nothing_is_continued_for_a_call_that_still_waits_for_the_other_hand():
    far = {"red_cube": (-0.2, 0.45)}
    log = go((RED, BLUE, PLACE), ((), (), (0, 1)), Higher(), **far)
    assert not told(log, "continues")
    waited = next(span for span in log.spans if span.call == PLACE)
    assert waited.start_s >= ends(log, RED) > ends(log, BLUE)
    # As soon as the other hand is the first to be done, the same seam is well defined.
    near = {"blue_cube": (-0.2, -0.4)}
    log = go((RED, BLUE, PLACE), ((), (), (0, 1)), Higher(), **near)
    assert ends(log, RED) < ends(log, BLUE)
    assert [event.call for event in told(log, "continues")] == [BLUE]


def test_the_other_hand_is_not_kept_waiting_for_the_sake_of_a_better_start():
    log = go((BLUE, RED, PLACE), ((), (0,), (0,)), Higher())
    assert not told(log, "continues")
    begins = {span.call: span.start_s for span in log.spans}
    over = log.spans[0].end_s
    assert max(begins[RED], begins[PLACE]) <= over + 0.011


def test_nothing_is_continued_for_a_call_of_both_hands():
    own = functools.partial(skills_of, boundaries={"handover": Higher()})
    plan = plan_of((BLUE, HAND), ((), (0,)))
    log = run(TwoHandWorld(), plan, own(""), None, "full", 0, skills_of=functools.cache(own))
    assert log.success
    assert not told(log, "continues")


def test_nothing_is_continued_once_the_other_hand_has_failed():
    calls, logs = ((RED, BLUE, PLACE), ((), (), (1,))), {}
    for slip in (False, True):
        own = functools.cache(functools.partial(skills_of, boundaries={"place_in": Higher()}))
        options = ExecutorOptions(stall_s=0.5, replans=0)
        world = TwoHandWorld(slip=slip, places={"red_cube": (0.3, 0.3), "blue_cube": (0.0, -0.6)})
        plan = plan_of(*calls)
        logs[slip] = run(world, plan, own(""), None, "full", 0, skills_of=own, options=options)
    assert len(told(logs[False], "continues")) == 1
    (broke,) = told(logs[True], "broken")
    assert broke.lane == "left"
    assert broke.time_s < logs[True].spans[1].end_s
    assert not told(logs[True], "continues")
    assert ends(logs[True], BLUE) < ends(logs[False], BLUE)


def test_while_it_goes_on_the_other_arm_is_reckoned_with_where_it_is():
    place = Higher()
    log = go((RED, BLUE, PLACE), ((), (), (1,)), place, red_cube=(-0.2, 0.45))
    over = next(span.end_s for span in log.spans if span.call == BLUE)
    seen = [(time_s, at) for time_s, at in place.asked if time_s < over - 1e-9]
    # Where the motion ends, and from which start it would be better: both with the other arm.
    assert len(seen) >= 3
    # The other arm is far from where it was when the call began that goes on.
    assert np.abs(seen[0][1][:3] - log.commands[0, :3]).max() > 0.1
    for time_s, at in seen:
        row = log.commands[round(time_s / log.period_s) - 1]
        assert np.abs(at[:4] - row[:4]).max() < 1e-9


def test_chain_counts_what_the_plan_has_after_a_call_and_nothing_else():
    usual = {"pick": Usual(0.9), "handover": Usual(0.5), "place_in": Usual(0.7)}
    own = functools.cache(functools.partial(skills_of, boundaries=usual))
    calls = (RED, "handover(left, right, red_cube)", "place_in(red_cube, bin, hand=right)")
    texts, after = (*calls, BLUE), ((), (0, 3), (1,), ())
    log = run(
        TwoHandWorld(), plan_of(texts, after), own(""), None, "full", 0, skills_of=own,
        options=ExecutorOptions(replans=0),
    )  # fmt: skip
    chain = {e.call: e.numbers["chain"] / e.numbers["here"] for e in told(log, "stays")}
    # Its hand is full when the handover would begin: that one never does.
    assert chain == pytest.approx({RED: 0.5 * 0.7, BLUE: 0.5 * 0.7})
    texts, after = (*calls, BLUE), ((), (0,), (1,), (2,))
    log = run(TwoHandWorld(), plan_of(texts, after), own(""), None, "full", 0, skills_of=own)
    chain = {e.call: e.numbers["chain"] / e.numbers["here"] for e in told(log, "stays")}
    wanted = (0.5 * 0.7 * 0.9, 0.7 * 0.9, 0.9, 1.0)
    assert chain == pytest.approx(dict(zip(texts, wanted, strict=True)))


def drive(executor, world, skills, ticks, *, until=""):
    """Tick with honest replies; the events so far, up to the end of a call if one is named."""
    events, start = [], round(world.time_s / world.period_s)
    for tick in range(start, start + ticks):
        answer = executor.tick(world.observe(), world.facts(), tick * world.period_s)
        events += answer.events
        world.apply(answer.command)
        if any(event.kind == "next" and event.call == until for event in answer.events):
            return events
        for request in answer.requests:
            if skills is not None and isinstance(request, ChunkQuery):
                policy = skills(request.lane)[request.call.contract.name].policy
                if request.begin:
                    policy.reset(0)
                chunk = policy.chunk(request.observation, request.request)
                executor.deliver(ChunkReply(request.id, chunk))
    return events


def at_the_seam(texts, after, mode="blended", stall_s=4.0, **more):
    """An executor at the tick in which the pick of the blue cube ended, still moving."""
    world, own = TwoHandWorld(**more), functools.cache(skills_of)
    options = ExecutorOptions(mode=mode, stall_s=stall_s)
    executor = LaneExecutor(
        world.robot, world.kinematics, world.period_s, own(""), options, skills_of=own
    )
    executor.start(plan_of(texts, after), 0.0)
    before = drive(executor, world, own, 1000, until=BLUE)
    assert ("next", BLUE) in [(event.kind, event.call) for event in before]
    return executor, world


def rests_at(executor, world):
    """Where the right arm comes to rest if no reply ever comes."""
    drive(executor, world, None, 90)
    assert np.abs(world.observe().velocity).max() == 0.0
    return world.observe().position[4:7]


def test_a_motion_runs_on_into_the_next_call_of_its_lane():
    executor, world = at_the_seam((BLUE, PLACE), ((), (0,)))
    assert np.abs(world.observe().velocity[4:7]).max() > 0.9 * SPEED
    ran = executor._lanes["right"].moving
    assert ran.end_s > world.time_s + 0.1
    assert np.allclose(rests_at(executor, world), ran.position[-1, 4:7], atol=1e-9)
    assert str(executor.call) == PLACE


@pytest.mark.parametrize(
    ("texts", "after"),
    [((BLUE,), ((),)), ((BLUE, HAND), ((), (0,))), ((BLUE, RED, PLACE), ((), (), (0, 1)))],
)
def test_without_a_next_call_of_its_lane_it_comes_to_rest(texts, after):
    fast, _ = at_the_seam((BLUE, PLACE), ((), (0,)))
    end = fast._lanes["right"].moving.position[-1, 4:7]
    executor, world = at_the_seam(texts, after)
    assert rests_at(executor, world)[2] < end[2] - 1e-4


def test_a_motion_that_ran_on_for_a_call_that_does_not_begin_comes_to_rest():
    executor, world = at_the_seam((BLUE, PLACE), ((), (0,)))
    end = executor._lanes["right"].moving.position[-1, 4:7]
    executor.cancel("enough")
    assert rests_at(executor, world)[2] < end[2] - 1e-4


def test_after_a_failure_of_the_other_hand_it_comes_to_rest_at_once():
    calls, ends_at = ((RED, BLUE, PLACE), ((), (), (1,))), {}
    places = {"red_cube": (0.3, 0.3), "blue_cube": (0.0, -0.6)}
    for slip in (False, True):
        executor, _ = at_the_seam(*calls, stall_s=0.5, slip=slip, places=places)
        assert (executor.state is LaneState.RUNNING) != slip
        ends_at[slip] = executor._lanes["right"].moving.position[-1, 6]
    assert ends_at[True] < ends_at[False] - 1e-4


def test_without_blending_it_stops_at_each_seam():
    executor, world = at_the_seam((BLUE, PLACE), ((), (0,)), "naive")
    at = world.observe().position[4:7]
    assert np.array_equal(rests_at(executor, world), at)


@pytest.mark.parametrize("mode", ["naive", "blended", "transition", "full"])
def test_on_one_arm_it_decides_as_the_executor_of_one_call_at_a_time(mode):
    """The same ways with the same numbers; each call begins one servo period later."""
    found = []
    for kind in (SkillExecutor, LaneExecutor):
        world, skills = FakeWorld(), good_skills()
        for name, skill in skills.items():
            skill.policy.speed = 0.25
            boundary = Higher(0.8) if name == "place_in" else Usual(0.9)
            skills[name] = LoadedSkill(skill.contract, skill.policy, boundary)
        executor = kind(
            world.robot, world.kinematics, world.period_s, skills, ExecutorOptions(mode=mode)
        )
        executor.start(drawer_plan(), 0.0)
        events = drive(executor, world, lambda lane, skills=skills: skills, 1500)
        ways = [e for e in events if e.kind in ("continues", "stays", "move")]
        assert events[-1].kind == "finished"
        found.append([(e.kind, e.call, e.numbers) for e in ways])
    assert [way[:2] for way in found[0]] == [way[:2] for way in found[1]]
    for one, other in zip(*found, strict=True):
        assert dict(one[2]) == pytest.approx(dict(other[2]), abs=0.06)
    kinds = [way[0] for way in found[1]]
    assert ("continues" in kinds) == (mode in ("transition", "full"))
