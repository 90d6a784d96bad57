"""Corrections change the running call at once, within bounds, and are told in the log."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from kata.datasets.types import Condition
from kata.skills.contract.call import Call
from kata.skills.execution.executor import SkillExecutor
from kata.skills.execution.messages import ChunkReply, LoadedSkill, PlanQuery, PlanReply
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import run
from kata.skills.planning.corrections import Instead, Shift
from kata.skills.planning.plan import Plan
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.testing import FakeWorld
from kata.skills.testing.fake_skills import CONTRACTS, drawer_plan, good_skills
from kata.skills.testing.fake_two_hands import TwoHandWorld, two_hand_skills


class Script:
    """Says what the script says, at its times."""

    def __init__(self, **says):
        self.left = sorted((float(time.strip("at_").replace("_", ".")), text)
                           for time, text in says.items())  # fmt: skip

    def says(self, observation, facts, call):
        said = [text for time, text in self.left if time <= observation.time_s + 1e-9]
        self.left = self.left[len(said) :]
        return said


PICK = Plan.sequence(Condition.parse("holding(red_cube)"), [Call(CONTRACTS["pick"], ("red_cube",))])


def go(plan=PICK, planner=None, mode="blended", **says):
    return run(
        FakeWorld(), plan, good_skills(), planner, mode, 0,
        options=ExecutorOptions(replans=0), corrector=Script(**says),
    )  # fmt: skip


def kinds(log):
    return [event.kind for event in log.events]


def reason(log, kind):
    return next(event.reason for event in log.events if event.kind == kind)


def test_a_silent_corrector_changes_nothing():
    silent, alone = go(), run(FakeWorld(), PICK, good_skills(), None, "blended", 0)
    assert np.array_equal(silent.commands, alone.commands)
    assert all(not heard.text for heard in silent.heard)
    assert len(silent.heard) >= 1
    assert silent.heard[0].call == "pick(red_cube)"


def test_stop_comes_to_rest():
    log = go(at_0_5="stop")
    assert (log.state, log.success) == ("cancelled", False)
    assert reason(log, "cancel") == "corrected: 'stop'"
    assert np.allclose(log.commands[-1], log.commands[-20])
    assert log.duration_s < 1.2


def test_slower_takes_longer_and_as_before_does_not():
    usual, slow = go(), go(at_0_2="slower")
    assert slow.success
    assert slow.duration_s > 1.5 * usual.duration_s
    assert reason(slow, "steered") == "'slower': pace 0.5"
    back = go(at_0_2="slower", at_0_6="as before")
    assert usual.duration_s < back.duration_s < slow.duration_s
    assert go(at_0_2="faster").duration_s == pytest.approx(usual.duration_s, abs=0.2)


def test_the_pace_is_bounded():
    log = go(at_0_2="much slower", at_0_3="much slower", at_0_4="much slower")
    paces = [event.reason for event in log.events if event.kind == "steered"]
    assert paces == ["'much slower': pace 0.25"] * 3


class Watched:
    """A policy that remembers how far from the truth it saw the last thing in focus."""

    def __init__(self, inner):
        self.inner, self.spec, self.chunk_spec = inner, inner.spec, inner.chunk_spec
        self.seen = []

    def reset(self, seed):
        self.inner.reset(seed)

    def chunk(self, observation, request):
        last = observation.focused()[-1]
        truth = observation.entities[last.name]
        self.seen.append((request.start_s, *(last.spot - TRUE_SPOTS[last.name](truth))))
        return self.inner.chunk(observation, request)


TRUE_SPOTS = {}


def watched(plan, planner=None, options=None, delay_s=0.0, **says):
    world = FakeWorld()
    skills = {}
    for name, skill in good_skills().items():
        skills[name] = LoadedSkill(skill.contract, Watched(skill.policy), skill.boundary)
    TRUE_SPOTS.update({n: lambda truth, n=n: world.observe().entities[n].spot
                       for n in ("red_cube", "drawer")})  # fmt: skip
    log = run(
        world, plan, skills, planner, "blended", 0, delay_s,
        options=options or ExecutorOptions(replans=0), corrector=Script(**says),
    )  # fmt: skip
    return log, {name: np.array(skill.policy.seen) for name, skill in skills.items()}


def test_a_shift_moves_what_the_policy_sees_for_this_call_alone():
    plan = drawer_plan()
    log, seen = watched(plan, at_0_3="3 cm to the left")
    assert reason(log, "steered") == "'3 cm to the left': target moved by (0, 0.03, 0) m"
    opened = seen["open"]
    assert not opened[opened[:, 0] < 0.3][:, 1:].any()
    after = opened[opened[:, 0] >= 0.3][:, 1:]
    assert len(after)
    assert np.allclose(after, [0.0, 0.03, 0.0])
    for name in ("pick", "place_in", "close"):
        if len(seen[name]):
            assert not seen[name][:, 1:].any()


def test_with_delayed_replies_the_shift_is_in_the_very_next_chunk():
    _, seen = watched(PICK, delay_s=0.1, at_0_5="3 cm to the left")
    shifted = seen["pick"][seen["pick"][:, 2] > 0.02]
    assert shifted[0, 0] == pytest.approx(0.5, abs=0.051)


def test_slower_is_no_reason_to_be_late():
    """The skill's own time is counted: at a quarter of the pace it has four times as long."""
    short = Call(replace(CONTRACTS["pick"], duration_s=2.5), ("red_cube",))
    plan = Plan.sequence(Condition.parse("holding(red_cube)"), [short])
    skills = good_skills() | {"pick": replace(good_skills()["pick"], contract=short.contract)}
    usual = run(FakeWorld(), plan, skills, None, "blended", 0)
    slow = run(
        FakeWorld(), plan, skills, None, "blended", 0, corrector=Script(at_0_1="much slower")
    )
    assert usual.success
    assert slow.success
    assert slow.duration_s > 2.6 > usual.duration_s


def test_shifts_add_up_to_their_bound():
    log = go(at_0_1="4 cm to the left", at_0_2="4 cm to the left", at_0_3="4 cm higher")
    shifts = [event.reason.partition("by ")[2] for event in log.events if event.kind == "steered"]
    assert shifts == ["(0, 0.04, 0) m", "(0, 0.05, 0) m", "(0, 0.05, 0.04) m"]


BOTH = ("pick(red_cube, hand=left)", "pick(blue_cube, hand=right)")


class Goals:
    """A planner that remembers the goals it was asked for, and gives the calls left to do."""

    def __init__(self):
        self.goals, self.inner = [], SymbolicPlanner()

    def plan(self, goal, facts, contracts, failures=()):
        self.goals.append(str(goal))
        return self.inner.plan(goal, facts, contracts, failures)


def corrected(executor, planner, said, seconds=8.0):
    """Tick an executor of the table-less world with things renamed in its facts; its events."""
    world = FakeWorld()
    skills, events = good_skills(), []
    executor.start(drawer_plan(), 0.0)
    for tick in range(round(seconds / world.period_s)):
        now = tick * world.period_s
        for time, correction in list(said):
            if now >= time:
                executor.correct(correction, str(correction))
                said.remove((time, correction))
        answer = executor.tick(world.observe(), world.facts(), now)
        events += answer.events
        for request in answer.requests:
            if isinstance(request, PlanQuery):
                contracts = [skill.contract for skill in skills.values()]
                outcome = planner.plan(request.goal, request.facts, contracts, request.failures)
                executor.deliver(PlanReply(request.id, outcome))
                continue
            policy = skills[request.call.contract.name].policy
            if request.begin:
                policy.reset(0)
            chunk = policy.chunk(request.observation, request.request)
            executor.deliver(ChunkReply(request.id, chunk))
        world.apply(answer.command)
    return events, world


def executor_of(world):
    return SkillExecutor(world.robot, world.kinematics, world.period_s, good_skills())


def test_another_thing_changes_the_goal_that_is_planned_for():
    planner = Goals()
    events, _ = corrected(executor_of(FakeWorld()), planner, [(0.5, Instead("red_cube", "cup"))])
    assert planner.goals == ["in(cup, drawer) and closed(drawer)"]
    assert "corrected" in [event.kind for event in events]
    # There is no cup in this world: it rests, and says so.
    assert events[-1].kind == "give_up"


def test_two_corrections_before_the_new_plan_both_count():
    planner = Goals()
    said = [(0.5, Instead("red_cube", "cup")), (0.5, Instead("drawer", "box"))]
    corrected(executor_of(FakeWorld()), planner, said)
    assert planner.goals[-1] == "in(cup, box) and closed(box)"


def test_a_thing_that_the_goal_does_not_name_is_told_and_changes_nothing():
    planner = Goals()
    events, _ = corrected(executor_of(FakeWorld()), planner, [(0.5, Instead("cup", "box"))], 14.0)
    assert planner.goals == []
    told = next(event.reason for event in events if event.kind == "unheard")
    assert told.endswith("does not name cup")
    assert events[-1].kind == "finished"


def test_a_new_plan_begins_without_the_shift_of_the_old_one():
    executor, world = executor_of(FakeWorld()), FakeWorld()
    executor.start(drawer_plan(), 0.0)
    executor.correct(Shift((0.0, 0.03, 0.0)), "left")
    executor.correct(Instead("drawer", "box"), "the box")
    requests = executor.tick(world.observe(), world.facts(), 0.0).requests
    (query,) = [request for request in requests if isinstance(request, PlanQuery)]
    executor.deliver(PlanReply(query.id, drawer_plan()))
    events = executor.tick(world.observe(), world.facts(), 0.01).events
    assert "planned" in [event.kind for event in events]
    assert not executor._steering.offset_m.any()


def go_with_two(*, at_once=False, texts=BOTH, **says):
    skills = two_hand_skills()
    contracts = [skill.contract for skill in skills.values()]
    calls = tuple(Call.parse(text, contracts) for text in texts)
    goal = Condition.every(Condition.parse(f"holding({c.hand}, {c.objects[0]})") for c in calls)
    after = tuple(() if at_once or not i else (i - 1,) for i in range(len(calls)))
    plan = Plan(goal, calls, after, 0.0)
    return run(
        TwoHandWorld(), plan, skills, None, "blended", 0, corrector=Script(**says),
        skills_of=functools.cache(lambda lane: two_hand_skills()),
    )  # fmt: skip


@pytest.mark.parametrize("at", ["at_0", "at_0_3", "at_1_4"])
def test_stop_stops_two_hands_at_any_time(at):
    log = go_with_two(**{at: "stop"})
    assert log.state == "cancelled"
    assert np.allclose(log.commands[-1], log.commands[-20])


def test_slower_lasts_for_the_plan_of_two_hands():
    def times(log):
        return {s.call: s.end_s - s.start_s for s in log.spans if s.kind == "call"}

    usual, slow = times(go_with_two()), times(go_with_two(at_0_1="slower"))
    assert len(usual) == 2
    assert usual.keys() == slow.keys()
    assert all(slow[call] > 1.3 * usual[call] for call in usual)


def test_a_shift_with_two_hands_at_work_has_to_say_whose():
    log = go_with_two(at_once=True, at_0_1="a bit to the left")
    assert reason(log, "unheard") == "'a bit to the left': 2 calls run; which one?"
    assert "steered" not in kinds(log)
    assert log.success
    assert "steered" in kinds(go_with_two(at_0_1="a bit to the left"))  # one after the other


def test_without_a_planner_another_thing_ends_the_run_at_rest():
    log = go_with_two(texts=BOTH[:1], at_0_3="not that one, the blue one")
    assert "corrected" in kinds(log)
    assert (log.state, log.success) == ("failed", False)
    assert "nobody is there to plan anew" in log.reason
    assert np.allclose(log.commands[-1], log.commands[-20])


def test_what_is_not_understood_is_told_and_changes_nothing():
    usual, log = go(), go(at_0_3="make me a sandwich")
    assert "say for example" in reason(log, "not_understood")
    assert np.array_equal(log.commands, usual.commands)
    said = [heard for heard in log.heard if heard.text]
    assert [(heard.text, heard.meaning) for heard in said] == [("make me a sandwich", "")]


def test_equal_words_give_equal_runs():
    logs = [go(at_0_2="slower", at_0_5="2 cm higher") for _ in range(2)]
    assert np.array_equal(logs[0].commands, logs[1].commands)
    assert [h.to_data() for h in logs[0].heard] == [h.to_data() for h in logs[1].heard]


def test_after_the_end_nobody_listens():
    log = go(at_99="stop")
    assert log.state == "done"
    assert all(not heard.text for heard in log.heard)
