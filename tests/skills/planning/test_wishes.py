"""Numbers that were asked for survive a new plan, unless they were what failed."""

from dataclasses import replace

from kata.datasets.types import Condition
from kata.skills.contract.call import Call
from kata.skills.contract.parameter import Parameter
from kata.skills.planning.plan import Failure, Plan
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.wishes import with_wishes
from kata.skills.testing import FakeWorld
from kata.skills.testing.fake_skills import CONTRACTS

WIDTH = Parameter("width_m", "number", "m", 0.02, 0.1, "0.02")
PICK = replace(CONTRACTS["pick"], parameters=(*CONTRACTS["pick"].parameters, WIDTH))
ASKED = Call(PICK, ("red_cube", "0.06"))
GOAL = Condition.parse("holding(red_cube)")


def planned() -> Plan:
    plan = SymbolicPlanner().plan(GOAL, FakeWorld().facts(), [PICK])
    assert isinstance(plan, Plan)
    return plan


def test_a_new_plan_keeps_the_number_that_was_asked_for():
    assert planned().calls[0].numbers == {"width_m": 0.02}
    assert with_wishes(planned(), [ASKED]).calls == (ASKED,)


def test_what_failed_so_is_not_asked_for_again():
    failed = Failure(ASKED, "slipped", FakeWorld().facts())
    assert with_wishes(planned(), [ASKED], [failed]) == planned()


def test_other_things_versions_and_plain_calls_are_left_alone():
    for other in (
        Call(PICK, ("blue_cube", "0.06")),
        Call(replace(PICK, version="2.0.0"), ("red_cube", "0.06")),
        ASKED.by("left"),
    ):
        assert with_wishes(planned(), [other]) == planned()


def test_each_wish_is_used_once():
    twice = Plan.sequence(GOAL, planned().calls * 2)
    again = ASKED.with_values(width_m=0.08)
    assert with_wishes(twice, [ASKED, again]).calls == (ASKED, again)
    assert with_wishes(twice, [ASKED]).calls == (ASKED, planned().calls[0])
