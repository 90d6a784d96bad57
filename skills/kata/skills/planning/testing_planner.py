"""The contract of a planner, to inherit: subclass `PlannerContract` and give it `make`."""

from __future__ import annotations

from collections.abc import Mapping

from kata.datasets.types import Condition
from kata.skills.contract.contract import Contract
from kata.skills.contract.testing_scene import CUBES, facts_for

from .check import check_plan
from .plan import Plan, Planner, Refusal

_OPENABLE = {"container": "openable"}
_RULES: tuple[tuple[str, dict[str, str], str, str], ...] = (
    (
        "open",
        _OPENABLE,
        "gripper_empty() and not open(?container)",
        "open(?container) and not closed(?container)",
    ),
    (
        "close",
        _OPENABLE,
        "gripper_empty() and not closed(?container)",
        "closed(?container) and not open(?container)",
    ),
    (
        "pick",
        {"object": "object"},
        (
            "gripper_empty() and clear(?object)"
            " and (forall ?c: openable. (not in(?object, ?c) or open(?c)))"
        ),
        (
            "holding(?object) and not gripper_empty() and (forall ?s: support. not on(?object, ?s))"
            " and (forall ?c: container. not in(?object, ?c))"
        ),
    ),
    (
        "place_in",
        {"object": "object", "container": "container"},
        "holding(?object) and open(?container)",
        "in(?object, ?container) and gripper_empty() and not holding(?object)",
    ),
)
DRAWER_SKILLS: tuple[Contract, ...] = tuple(
    Contract.from_data(
        {
            "format": 1,
            "name": name,
            "version": "1.0.0",
            "summary": name,
            "parameters": parameters,
            "requires": requires,
            "achieves": achieves,
            "duration_s": 10.0,
        }
    )
    for name, parameters, requires, achieves in _RULES
)
"""Four skills, enough to put things into a drawer."""

SHORTEST: Mapping[str, int] = {
    "open(drawer)": 1,
    "in(red_cube, drawer) and closed(drawer)": 4,
    "in(red_cube, bin) and in(blue_cube, drawer)": 5,
    "(forall ?c: cube. in(?c, drawer)) and closed(drawer)": 10,
    "in(red_cube, bin) or closed(bin)": 2,
}
"""Goals on the default table, with the least number of those skills' calls that reaches them."""


class PlannerContract:
    """What every planner keeps: sound plans, clear refusals, the same answer twice."""

    def make(self) -> Planner:
        """The planner under test."""
        raise NotImplementedError

    def test_plans_are_sound_and_no_longer_than_needed(self) -> None:
        """Every condition holds when its call comes, and the goal at the end."""
        facts = facts_for()
        for goal, calls in SHORTEST.items():
            plan = self.make().plan(Condition.parse(goal), facts, DRAWER_SKILLS)
            assert isinstance(plan, Plan), goal
            assert check_plan(plan, facts, DRAWER_SKILLS) == (), goal
            assert len(plan.calls) == len(plan.after) == calls, goal
            assert plan.cost > 0, goal

    def test_what_holds_already_needs_no_call(self) -> None:
        """An empty plan is a plan."""
        plan = self.make().plan(Condition.parse("closed(drawer)"), facts_for(), DRAWER_SKILLS)
        assert isinstance(plan, Plan)
        assert plan.calls == ()

    def test_goals_without_a_skill_are_refused_by_name(self) -> None:
        """A refusal says which part of the goal no skill reaches."""
        for goal in ("pressed(button)", "closed(bin)", "in(drawer, red_cube)"):
            condition = Condition.parse(f"open(drawer) and {goal}")
            refusal = self.make().plan(condition, facts_for(), DRAWER_SKILLS)
            assert isinstance(refusal, Refusal), goal
            assert refusal.status == "missing_skill", goal
            assert refusal.unmet == (goal,), goal
            assert goal in refusal.message

    def test_unknown_facts_are_no_permission(self) -> None:
        """A call whose condition is unknown is not planned."""
        facts = facts_for(unknown=[f"clear({cube})" for cube in CUBES])
        condition = Condition.parse("in(red_cube, bin)")
        assert isinstance(self.make().plan(condition, facts, DRAWER_SKILLS), Refusal)

    def test_equal_problems_have_equal_answers(self) -> None:
        """Whatever order the contracts come in."""
        goal = Condition.parse("forall ?c: cube. in(?c, drawer)")
        facts = facts_for({"red_cube": "blue_cube"})
        answers = [
            self.make().plan(goal, facts, skills) for skills in (DRAWER_SKILLS, DRAWER_SKILLS[::-1])
        ]
        assert answers[0] == answers[1]
