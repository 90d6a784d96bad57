"""A plan that was made before: read, checked against what holds now, and carried out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kata.datasets.types import Facts
from kata.skills.contract.contract import Contract
from kata.skills.planning.check import Violation, check_plan
from kata.skills.planning.pddl import plan_of_lines
from kata.skills.planning.plan import Failure, Plan
from kata.skills.planning.service import PlanAnswer

from .formats import read_plan


@dataclass(frozen=True, slots=True)
class GivenPlan:
    """Answers every sentence with one plan, wherever it is sound.

    Attributes:
        text: of the plan; see `plan_here`.
    """

    text: str

    def answer(
        self,
        sentence: str,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure] = (),
    ) -> PlanAnswer:
        """The plan, or what is wrong with it here. Raises PlanError for a text that is no plan."""
        plan = plan_here(self.text, facts, contracts)
        return judged(plan, check_plan(plan, facts, contracts))


def plan_here(text: str, facts: Facts, contracts: Sequence[Contract]) -> Plan:
    """The plan of a text: a behaviour tree, JSON, or the lines that planners of PDDL write.

    Raises PlanError naming what is wrong.
    """
    if text.lstrip("\ufeff \t\r\n").startswith(("<", "{", "[")):
        return read_plan(text, contracts)
    return plan_of_lines(text, facts, contracts)


def judged(plan: Plan, violations: Sequence[Violation]) -> PlanAnswer:
    """The answer that is a plan with what a check found wrong with it."""
    goal = () if plan.goal.kind == "true" else (str(plan.goal),)
    calls = tuple(str(call) for call in plan.calls)
    if violations:
        message = "the plan does not hold here: " + "; ".join(map(str, violations))
        return PlanAnswer("missing_skill", goal, (), message, planner="file")
    count = f"{len(calls)} call{'s' * (len(calls) != 1)}"
    message = f"{count} of the file, about {plan.cost:.0f} s"
    return PlanAnswer("plan", goal, calls, message, (), plan, "file")
