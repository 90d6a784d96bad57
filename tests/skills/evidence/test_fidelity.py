"""Fidelity: what executions say about a contract, and what is a lie beyond chance."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Atom, AtomTable, Condition, Facts, PackageError
from kata.skills.contract.call import Call
from kata.skills.evidence.fidelity import Fidelity, fidelity_of
from kata.skills.evidence.fidelity_findings import FEWEST, findings, lies
from kata.skills.evidence.promotion import Ruling, rule_on_contract
from kata.skills.evidence.trials import evaluate
from kata.skills.evidence.witness import Witness
from kata.skills.execution.messages import LoadedSkill
from kata.skills.handover.boundary import FactBoundary
from kata.skills.handover.verdict import Verdict
from kata.skills.testing import CONTRACTS, FakeWorld, good_skills

N = 20


class Hasty(FactBoundary):
    """Calls a skill done at once, whatever the facts say."""

    def is_done(self, call, observation, facts):
        return Verdict(True, 1.0, "so it says")


def skill_with(name, boundary, changes, world):
    skill = good_skills()[name]
    contract = replace(skill.contract, **{k: Condition.parse(v) for k, v in changes.items()})
    return LoadedSkill(contract, skill.policy, boundary)


def measured(name, boundary=None, world=FakeWorld, **changes):
    """Contract and counts of trials in the fake world."""
    make = partial(skill_with, name, boundary or FactBoundary(), changes)
    evidence = evaluate(world, make, N, seed=0)
    return make(None).contract, fidelity_of([trial.to_data() for trial in evidence.trials])


def scene(*true):
    things = {"a": {"cube", "object"}, "b": {"cube", "object"}, "c": {"object"}}
    texts = [f"near({x}, {y})" for x in "abc" for y in "abc" if x != y]
    texts += [f"{predicate}({x})" for predicate in ("holding", "upright", "clear") for x in "abc"]
    texts += ["gripper_empty()"]
    table = AtomTable(tuple(map(Atom.parse, texts)), {n: frozenset(t) for n, t in things.items()})
    truth = np.array([text in true for text in texts], dtype=np.int8)
    return Facts(table, truth, np.where(truth, 1.0, -1.0), 0.0)


def test_an_honest_contract_has_no_lies():
    contract, counts = measured("pick")
    assert (counts.executions, counts.required, counts.failed, counts.broken) == (N, N, 0, 0)
    assert findings(contract, counts) == ()


def test_facts_are_told_in_roles_and_near_has_one_order():
    call = Call(CONTRACTS["pick"], ("a",))
    begin = scene("near(a, b)", "near(b, a)", "near(b, c)", "clear(a)", "gripper_empty()")
    end = scene("holding(a)", "upright(c)")
    told = Witness.of(call, begin, end, claimed=True)
    assert told.lost == ("near(*, *)", "near(?object, *)")
    assert told.gained == ("upright(*)",)
    assert told.tags == {"near(*, *)": "", "near(?object, *)": "object", "upright(*)": "object"}
    assert told.promised == ("holding(?object)", "not gripper_empty()")
    assert (told.required, told.reached, told.before, told.missed) == (True, True, (), ())


def test_what_a_planner_derives_need_not_be_named():
    contract = replace(CONTRACTS["pick"], achieves=Condition.parse("near(?object, b)"))
    told = Witness.of(
        Call(contract, ("a",)), scene("clear(a)"), scene("near(a, b)", "near(b, a)"), claimed=True
    )
    assert told.lost == told.gained == ()


def test_a_fact_that_always_changes_and_is_not_named_is_a_lie_with_a_proposal():
    contract, counts = measured("pick", achieves="holding(?object)")
    (found,) = findings(contract, counts)
    assert (found.level, found.kind, found.subject) == ("lie", "changes", "not gripper_empty()")
    assert found.proposal == "achieves: not gripper_empty()"
    mended = replace(contract, achieves=Condition.parse("holding(?object) and not gripper_empty()"))
    assert not lies(findings(mended, measured("pick")[1]))


def test_a_relation_to_others_is_proposed_with_a_quantifier():
    call = Call(CONTRACTS["pick"], ("a",))
    begin, end = scene("near(a, b)", "near(b, a)", "gripper_empty()"), scene("holding(a)")
    counts = Fidelity.of([Witness.of(call, begin, end, claimed=True)] * N)
    (found,) = lies(findings(call.contract, counts))
    assert found.proposal == "achieves: (forall ?other: object. not near(?object, ?other))"
    said = found.proposal.removeprefix("achieves: ")
    mended = replace(
        call.contract, achieves=Condition.parse(f"{call.contract.achieves} and {said}")
    )
    told = Witness.of(Call(mended, ("a",)), begin, end, claimed=True)
    assert told.lost == ()


def test_a_skill_that_is_called_done_and_is_not_lies():
    contract, counts = measured("pick", Hasty())
    assert counts.broken == N
    found = next(f for f in findings(contract, counts) if f.kind == "achieves")
    assert found.level == "lie"
    assert found.subject in ("holding(?object)", "not gripper_empty()")


class Slippery(FakeWorld):
    """The cube slips out of the hand after a while, long after it was picked."""

    def facts(self):
        if self._held and not self._slipped and self._joints[2] > 0.1:
            self._since = getattr(self, "_since", None) or self.time_s
            self.drop_s = self._since + 0.31
        return super().facts()

    def reset(self, seed):
        self._since, self.drop_s = None, float("inf")
        return super().reset(seed)


def test_what_is_lost_within_the_tail_was_not_reached():
    contract, counts = measured("pick", world=Slippery)
    assert counts.claimed == N
    assert counts.broken == N
    assert "achieves" in {f.kind for f in lies(findings(contract, counts))}


def test_a_promise_that_held_before_is_empty_and_one_of_nothing_else_is_a_lie():
    contract, counts = measured("pick", achieves="holding(?object) and reachable(?object)")
    empty = [f for f in findings(contract, counts) if f.kind == "empty"]
    assert [(f.level, f.subject) for f in empty] == [("note", "reachable(?object)")]
    only = replace(contract, achieves=Condition.parse("upright(?object)"))
    same = scene("upright(a)", "gripper_empty()")
    idle = Fidelity.of([Witness.of(Call(only, ("a",)), same, same, claimed=True)] * N)
    assert [(f.level, f.kind) for f in findings(only, idle)] == [("lie", "empty")]


def told(failed, near):
    call = Call(CONTRACTS["pick"], ("a",))
    begin = scene("gripper_empty()", *(("near(a, b)", "near(b, a)") if near else ()))
    end = begin if failed else scene("holding(a)", *(("near(a, b)", "near(b, a)") if near else ()))
    return Witness.of(call, begin, end, claimed=not failed)


def test_starts_from_which_it_fails_are_what_requires_should_exclude():
    seen = [told(near, near) for near in [True] * 25 + [False] * 75]
    found = [f for f in lies(findings(CONTRACTS["pick"], Fidelity.of(seen))) if f.kind]
    by_subject = {f.subject: f for f in found}
    assert by_subject["near(object, another)"].proposal == (
        "requires: not (exists ?other: object. near(?object, ?other))"
    )
    Condition.parse(by_subject["near(object, another)"].proposal.removeprefix("requires: "))
    even = [told(i % 8 == 0, i % 2 == 0) for i in range(100)]
    assert not [f for f in findings(CONTRACTS["pick"], Fidelity.of(even)) if f.level == "lie"]


def test_few_executions_show_no_lie():
    contract, counts = measured("pick", achieves="holding(?object)")
    few = Fidelity.from_data({**counts.to_data(), "lost": {"gripper_empty()": FEWEST - 1}})
    few = replace(few, claimed=FEWEST - 1, held={"gripper_empty()": FEWEST - 1})
    assert [f.level for f in findings(contract, few)] == ["note"]


def test_chance_is_seldom_called_a_lie():
    rng = np.random.default_rng(0)
    contract = CONTRACTS["pick"]
    called = 0
    for _ in range(200):
        lost = int(rng.binomial(200, 0.05))
        counts = Fidelity(
            executions=200, required=200, claimed=200,
            held={"upright(*)": 200}, lost={"upright(*)": lost}, tags={"upright(*)": "object"},
        )  # fmt: skip
        called += bool(lies(findings(contract, counts)))
    assert called <= 0.05 * 200


flags = st.booleans()
facts = st.sets(st.sampled_from(["near(?object, *)", "upright(*)", "open(*)"]))
witnesses = st.builds(
    lambda required, claimed, reached, held, gained, conditions: Witness(
        "pick(a)", required, claimed, reached,
        promised=("holding(?object)",), before=("holding(?object)",) if reached else (),
        held=tuple(sorted(held)), lost=tuple(sorted(held)), gained=tuple(sorted(gained)),
        tags=dict.fromkeys(sorted(held | gained), "object"), conditions=conditions,
    ),
    st.sampled_from([True, False, None]), flags, flags, facts, facts,
    st.dictionaries(st.sampled_from(["clear(object)", "near(object, another)"]), flags),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(witnesses, max_size=8), st.lists(witnesses, max_size=8))
def test_counts_add_up_and_survive_a_file(one, other):
    together = Fidelity.of(one + other)
    assert Fidelity.of(one) + Fidelity.of(other) == together
    assert Fidelity.from_data(together.to_data()) == together
    assert fidelity_of([{"witness": w.to_data()} for w in one + other]) == together


def test_counts_of_another_form_are_refused():
    data = Fidelity().to_data()
    for broken in (
        {},
        {**data, "failed": "x"},
        {**data, "lost": [1]},
        {**data, "starts": {"a": [1]}},
    ):
        with pytest.raises(PackageError):
            Fidelity.from_data(broken)


def test_a_contract_that_lies_is_not_promoted_and_the_reason_is_told():
    contract, counts = measured("pick", achieves="holding(?object)")
    good = Ruling(True, "first", "at least 90 %", {"n": 1})
    told = rule_on_contract(good, findings(contract, counts))
    assert not told.promoted
    assert told.text.startswith("its contract lies: not gripper_empty() becomes false")
    assert told.tests["lies"][0]["proposal"] == "achieves: not gripper_empty()"
    honest = rule_on_contract(good, findings(*measured("pick")))
    assert honest == Ruling(True, "first", "at least 90 %", {"n": 1, "lies": []})


def test_how_often_it_succeeds_is_left_to_the_trials():
    counts = Fidelity.of([told(True, False)] * N)
    found = findings(CONTRACTS["pick"], counts)
    assert [f.subject for f in lies(found)] == ["every start"]
    assert rule_on_contract(Ruling(True, "better", "", {}), found).promoted


def promises_broken(broken):
    """Counts of 200 executions that are called done, of which so many are not."""
    return Fidelity(
        executions=200, required=200, claimed=200, broken=broken,
        promised={"holding(?object)": 0}, missed={"holding(?object)": broken},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "share"),
    [(0.05, 0.01), (0.08, 0.34), (0.09, 0.54), (0.10, 0.72), (0.12, 0.93), (0.15, 0.996)],
)
def test_the_power_to_find_a_broken_promise_is_what_the_docs_say(rate, share):
    counts = np.random.default_rng(0).binomial(200, rate, 5000)
    called = {n: bool(lies(findings(CONTRACTS["pick"], promises_broken(n)))) for n in set(counts)}
    found = np.mean([called[n] for n in counts])
    assert found == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / 5000) + 0.005)


def test_what_may_be_a_lie_is_told_where_a_version_is_promoted():
    good = Ruling(True, "first", "at least 90 %", {})
    found = findings(CONTRACTS["pick"], promises_broken(17))
    told = rule_on_contract(good, found)
    assert not lies(found)
    assert told.promoted
    assert told.text.startswith("at least 90 %; noted: holding(?object) called done, and does not")
    assert "in 17 of 200 executions (" in told.text
    few = findings(CONTRACTS["pick"], promises_broken(9))
    assert rule_on_contract(good, few).text == "at least 90 %"
