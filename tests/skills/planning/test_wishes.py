"""Numbers that were asked for survive a new plan; where they fail, nothing else is tried."""

from dataclasses import replace

from kata.datasets.types import Condition
from kata.skills.contract.call import Call
from kata.skills.contract.parameter import Parameter
from kata.skills.planning.plan import Failure, Plan, Refusal
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.wishes import with_wishes
from kata.skills.testing import FakeWorld
from kata.skills.testing.fake_skills import CONTRACTS

WIDTH = Parameter("width_m", "number", "m", 0.02, 0.1, "0.02")
PICK = replace(CONTRACTS["pick"], parameters=(*CONTRACTS["pick"].parameters, WIDTH))
WISHED = Call(PICK, ("red_cube", "0.06"))
GOAL = Condition.parse("holding(red_cube)")
FACTS = FakeWorld().facts()


def planned(contract=PICK) -> Plan:
    plan = SymbolicPlanner().plan(GOAL, FACTS, [contract])
    assert isinstance(plan, Plan)
    return plan


def test_a_new_plan_keeps_the_number_that_was_asked_for():
    assert planned().calls[0].numbers == {"width_m": 0.02}
    kept = with_wishes(planned(), [WISHED], [], FACTS)
    assert kept.calls == kept.wished == (WISHED,)


def test_one_failure_changes_nothing_and_more_are_told():
    failed = Failure(WISHED, "slipped", FACTS)
    assert with_wishes(planned(), [WISHED], [failed], FACTS).calls == (WISHED,)
    refused = with_wishes(planned(), [WISHED], [failed, failed], FACTS)
    assert isinstance(refused, Refusal)
    assert "what was asked for, and it has failed: slipped" in refused.message


def test_another_version_keeps_the_number_too():
    newer = replace(PICK, version="2.0.0")
    (call,) = with_wishes(planned(newer), [WISHED], [], FACTS).calls
    assert (call.contract, call.numbers) == (newer, {"width_m": 0.06})


def test_other_things_hands_and_plain_calls_are_left_alone():
    other = replace(PICK, parameters=(PICK.parameters[0], replace(WIDTH, high=0.2)))
    for wish in (Call(PICK, ("blue_cube", "0.06")), WISHED.by("left"), Call(other, WISHED.values)):
        assert with_wishes(planned(), [wish], [], FACTS).calls == planned().calls


def test_each_wish_is_used_once():
    twice = Plan.sequence(GOAL, planned().calls * 2)
    again = WISHED.with_values(width_m=0.08)
    assert with_wishes(twice, [WISHED, again], [], FACTS).calls == (WISHED, again)
    assert with_wishes(twice, [WISHED], [], FACTS).calls == (WISHED, planned().calls[0])
