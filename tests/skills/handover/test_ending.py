"""Who decides that a skill is done: facts, or learned progress, and when which of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import Command, Condition
from kata.skills.contract.call import Call
from kata.skills.execution.executor import SkillExecutor
from kata.skills.execution.runner import run
from kata.skills.execution.watch import ProgressWatch
from kata.skills.handover.boosting import Trees
from kata.skills.handover.boundary import FactBoundary, fit_boundary
from kata.skills.handover.ending import LATE_S, ended
from kata.skills.handover.progress import ProgressModel, ProgressQuality
from kata.skills.handover.verdict import Verdict
from kata.skills.planning.plan import Plan
from kata.skills.testing import CONTRACTS, BoundaryContract, FakeWorld, good_skills

PICK = Call(CONTRACTS["pick"], ("red_cube",))
WIDTH = 27
_HEIGHT = 6
"""Column of the tool's height: four joints, then its x, y and z."""


def step(low, high, at=0.25, column=_HEIGHT):
    """Trees whose log-odds are `low` up to a height of the tool, and `high` above."""
    column = np.full((1, 3), column)
    leaf = np.array([[0.0, 0.0, high - low, high - low]])
    return (Trees(low, column, np.full((1, 3), at), leaf),)


def lifted():
    """Says that a pick is there where the tool is high, and perhaps between 0.15 and 0.25 m."""
    there = (*step(-8.0, 8.0, 0.15), *step(-8.0, 8.0, 0.25))
    quality = ProgressQuality(100, 90, 0.05, 0.01, 0.0, 0.0)
    return ProgressModel(step(-2, 2), there, 1.0, 0.0, 0.9, 0.3, 2.0, WIDTH, quality)


class TestBoundaryWithProgress(BoundaryContract):
    def make(self):
        return replace(fit_boundary([], [3], 0), progress=lifted())


def seen_at(height, time_s=0.0):
    """What the fake world shows with the tool at a height."""
    world = FakeWorld()
    world.apply(Command.hold(np.array([0.3, 0.0, height, 0.02])))
    return replace(world.observe(), time_s=time_s)


def facts_of(value, time_s=0.0):
    """Facts in which `pick` has achieved its aim, has not, or nobody knows."""
    facts = FakeWorld().facts()
    wanted = PICK.achieves.literals(facts.table)
    told = facts.flipped({atom: held == bool(value) for atom, held in wanted.items()})
    truth = told.truth.copy()
    if value is None:
        truth[[facts.table.index[atom] for atom in wanted]] = -1
    return replace(told, truth=truth, time_s=time_s)


@pytest.mark.parametrize("late_s", [0.0, LATE_S, -0.5])
@pytest.mark.parametrize("height", [0.05, 0.5])
@pytest.mark.parametrize("value", [True, False])
def test_fresh_facts_decide_whatever_progress_says(late_s, height, value):
    now = 3.0
    verdict = ended(PICK, seen_at(height, now), facts_of(value, now - late_s), lifted())
    assert verdict.ok is value
    assert verdict.probability == float(value)
    assert verdict.reason.startswith("by facts" if value else "missing")
    assert verdict.numbers["progress"] == pytest.approx(0.0 if height < 0.2 else 1.0, abs=0.2)


@given(
    truth=st.lists(st.sampled_from([-1, 0, 1]), min_size=7, max_size=7),
    height=st.floats(0.0, 0.6),
    late_s=st.floats(-1.0, LATE_S),
)
def test_what_fresh_facts_call_false_is_never_done(truth, height, late_s):
    facts = replace(FakeWorld().facts(), truth=np.array(truth, dtype=np.int8), time_s=2.0 - late_s)
    verdict = ended(PICK, seen_at(height, 2.0), facts, lifted())
    if PICK.achieves.evaluate(facts).value is False:
        assert not verdict.ok
    assert verdict.stays or not verdict.ok
    assert np.isfinite(list(verdict.numbers.values())).all()


@pytest.mark.parametrize(("height", "done"), [(0.05, False), (0.2, False), (0.5, True)])
def test_progress_decides_what_nobody_can_see(height, done):
    verdict = ended(PICK, seen_at(height), facts_of(None), lifted())
    assert verdict.ok is done
    assert verdict.reason.startswith("by progress")
    assert "not known: holding(red_cube)" in verdict.reason
    assert verdict.probability == verdict.numbers["there"]


@pytest.mark.parametrize("value", [True, False, None])
@pytest.mark.parametrize(("height", "done"), [(0.05, False), (0.5, True)])
def test_progress_decides_where_facts_are_late(value, height, done):
    verdict = ended(PICK, seen_at(height, 3.0), facts_of(value, 2.7), lifted())
    assert verdict.ok is done
    assert "facts 0.30 s late" in verdict.reason
    assert verdict.numbers["facts_age_s"] == pytest.approx(0.3)


def test_an_old_yes_is_kept_where_an_old_no_would_not_become_one():
    between = seen_at(0.2, 3.0)  # there 0.5: more than `leave`, less than `enter`
    kept, new = (ended(PICK, between, facts_of(v, 2.7), lifted()) for v in (True, False))
    assert kept.ok
    assert not new.ok
    assert new.stays


def test_without_progress_old_facts_must_do_and_unknown_ones_end_nothing():
    assert ended(PICK, seen_at(0.05, 3.0), facts_of(True, 1.0)).ok
    verdict = FactBoundary().is_done(PICK, seen_at(0.5), facts_of(None))
    assert not verdict.ok
    assert verdict.reason.startswith("not known: ")
    assert verdict.reason.endswith("and no progress is known")


def test_progress_of_another_robot_or_of_what_is_not_seen_is_not_asked():
    other = replace(lifted(), width=WIDTH + 1)
    assert "progress" not in ended(PICK, seen_at(0.5), facts_of(None), other).numbers
    blind = replace(seen_at(0.5), entities={})
    assert not ended(PICK, blind, facts_of(None), lifted()).ok


def test_a_margin_that_the_contract_asks_for_must_be_reached_but_not_be_kept():
    contract = CONTRACTS["open"]
    call = Call(contract, ("drawer",))
    object.__setattr__(call, "achieves", Condition.parse("open(drawer) >= 2"))
    facts = FakeWorld().facts()
    row = facts.table.index[next(a for a in facts.table.atoms if str(a) == "open(drawer)")]
    for margin, ok, stays in ((2.5, True, True), (1.5, False, True), (-1.5, False, False)):
        truth, margins = facts.truth.copy(), facts.margins.copy()
        truth[row], margins[row] = int(margin > 0), margin
        verdict = ended(call, seen_at(0.3), replace(facts, truth=truth, margins=margins))
        assert (verdict.ok, verdict.stays) == (ok, stays)


class _Hiding(FakeWorld):
    """A world in which nobody sees what a pick achieves."""

    def facts(self):
        facts = super().facts()
        truth = facts.truth.copy()
        truth[[facts.table.index[a] for a in PICK.achieves.literals(facts.table)]] = -1
        return replace(facts, truth=truth)


def test_a_plan_goes_on_by_progress_where_facts_are_unseen():
    skill = good_skills()["pick"]
    shut = replace(lifted(), there=step(8.0, -8.0, at=0.01, column=3))
    knowing = replace(skill, boundary=replace(fit_boundary([], [3], 0), progress=shut))
    contract = replace(skill.contract, requires=Condition("true"))
    plan = Plan.sequence(Condition("true"), [Call(contract, ("red_cube",))])
    log = run(_Hiding(), plan, {"pick": replace(knowing, contract=contract)}, None, "naive", 0)
    said = next(event for event in log.events if event.kind == "achieved")
    assert said.reason.startswith("by progress")
    assert said.numbers["progress"] > 0.9
    blind = replace(skill, contract=contract, boundary=FactBoundary())
    log = run(_Hiding(), plan, {"pick": blind}, None, "naive", 0)
    assert "achieved" not in [event.kind for event in log.events]


class _Once(FactBoundary):
    """Done in one frame; in those after it stays so, or it does not."""

    def __init__(self, stays):
        self.stays, self.asked = stays, 0

    def is_done(self, call, observation, facts):
        self.asked += 1
        return Verdict(self.asked == 10, 0.5, "scripted", stays=self.asked >= 10 and self.stays)


@pytest.mark.parametrize(("stays", "after"), [(True, "next"), (False, "lost")])
def test_what_stays_done_settles_though_it_would_not_begin_to_be(stays, after):
    ready = replace(good_skills()["open"], boundary=_Once(stays))
    plan = Plan.sequence(Condition("true"), [Call(ready.contract, ("drawer",))])
    log = run(FakeWorld(), plan, {"open": ready}, None, "naive", 0)
    kinds = [event.kind for event in log.events]
    assert kinds[kinds.index("achieved") + 1] == after


class _Frozen(FakeWorld):
    """A world whose facts come no more after the first ones."""

    first = None

    def facts(self):
        self.first = self.first or super().facts()
        return self.first


@pytest.mark.parametrize(("model", "last"), [("shut", "achieved"), (None, "give_up")])
def test_facts_that_come_no_more_keep_no_skill_from_its_end(model, last):
    skill = good_skills()["pick"]
    shut = replace(lifted(), there=step(8.0, -8.0, at=0.01, column=3))
    boundary = replace(fit_boundary([], [3], 0), progress=shut if model else None)
    contract = replace(skill.contract, requires=Condition("true"))
    ready = replace(skill, boundary=boundary, contract=contract)
    plan = Plan.sequence(Condition("true"), [Call(contract, ("red_cube",))])
    log = run(_Frozen(), plan, {"pick": ready}, None, "naive", 0)
    said = next(event for event in log.events if event.kind == last)
    assert ("s late" if model else "nothing has moved") in said.reason


def _watched(heights, watch=None, skill=None, pace=1.0):
    """Alarms of a watch while the tool is at these heights, a frame each at a pace."""
    boundary = replace(fit_boundary([], [3], 0), progress=replace(lifted(), patience_s=1.0))
    skill = skill or replace(good_skills()["pick"], boundary=boundary)
    watch = watch or ProgressWatch({"pick": skill})
    facts = facts_of(False)
    return [
        watch.check(PICK, seen_at(h, 0.05 * k), facts, 0.05 * k * pace)
        for k, h in enumerate(heights)
    ]


def test_a_robot_that_trembles_without_progress_has_stalled():
    trembling = [0.05 + 0.02 * (k % 2) for k in range(30)]
    alarms = _watched(trembling)
    first = next(k for k, alarm in enumerate(alarms) if alarm)
    assert first == 20
    assert alarms[first].what == "stall"
    assert alarms[first].reason == "moves without progress: 11 % of the way for 1.0 s"


def test_one_that_was_told_to_go_slowly_has_longer_for_it():
    slow = [0.05 + 0.02 * (k % 2) for k in range(30)]
    assert any(_watched(slow))
    assert not any(_watched(slow, pace=0.5))


def test_one_that_falls_back_and_tries_again_has_not():
    again = [0.05 if k % 30 < 15 else 0.3 for k in range(120)]
    assert not any(_watched(again))


def test_a_skill_without_learned_progress_alarms_nobody():
    assert not any(_watched([0.05] * 60, skill=good_skills()["pick"]))


def test_a_new_call_begins_to_count_anew():
    watch = ProgressWatch({})
    assert watch.check(PICK, seen_at(0.1), facts_of(False), 0.05) is None
    boundary = replace(fit_boundary([], [3], 0), progress=replace(lifted(), patience_s=1.0))
    watch = ProgressWatch({"pick": replace(good_skills()["pick"], boundary=boundary)})
    assert not any(_watched([0.05] * 15, watch))
    assert not any(_watched([0.05] * 15, watch))


def test_the_same_plan_may_be_run_again_at_once():
    """What a watch has seen of a call is over when the call begins anew."""
    skill = good_skills()["pick"]
    boundary = replace(fit_boundary([], [3], 0), progress=replace(lifted(), patience_s=0.5))
    ready = replace(skill, boundary=boundary)
    plan = Plan.sequence(Condition("true"), [Call(ready.contract, ("red_cube",))])
    world = FakeWorld()
    executor = SkillExecutor(world.robot, world.kinematics, 0.01, {"pick": ready})
    tick = 0
    for _ in range(2):
        executor.start(plan, 0.01 * tick)
        kinds = []
        for _ in range(30):
            answer = executor.tick(world.observe(), world.facts(), 0.01 * tick)
            world.apply(answer.command)
            kinds += [event.kind for event in answer.events]
            tick += 1
        assert kinds == ["start", "stays", "ready"]
        tick += 300
        world._tick += 300
