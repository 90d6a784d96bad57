"""Several goals one after the other, as one plan."""

from __future__ import annotations

from collections.abc import Sequence

from kata.datasets.types import Condition, Facts
from kata.skills.contract.contract import Contract

from .effects import after
from .ordering import ordered
from .plan import Failure, Plan, Planner, Refusal


def plan_stages(
    planner: Planner,
    goals: Sequence[Condition],
    facts: Facts,
    contracts: Sequence[Contract],
    failures: Sequence[Failure] = (),
) -> Plan | Refusal:
    """A plan that reaches each goal in turn.

    A later stage keeps what the earlier ones reached, except for what it contradicts; it begins
    when the one before it is done. The plan's own goal is what holds at its end.
    """
    begin, stages = facts, list[int]()
    plan = Plan.sequence(Condition("true"), ())
    kept: list[Condition] = []
    for goal in goals:
        wanted = _parts(goal)
        answer = _keeping(planner, wanted, kept, facts, contracts, failures)
        if isinstance(answer, Refusal):
            return answer
        part, kept = answer
        for call in part.calls:
            facts = after(call, facts)
        stages.append(len(part.calls))
        plan = Plan.sequence(
            Condition.every(kept), (*plan.calls, *part.calls), plan.cost + part.cost
        )
    return ordered(plan, begin, stages)


def _keeping(
    planner: Planner,
    wanted: list[Condition],
    kept: list[Condition],
    facts: Facts,
    contracts: Sequence[Contract],
    failures: Sequence[Failure],
) -> tuple[Plan, list[Condition]] | Refusal:
    """A plan for what is wanted and as much of what is kept as goes with it."""
    alone = planner.plan(Condition.every(wanted), facts, contracts, failures)
    if isinstance(alone, Refusal):
        return alone
    held = [part for part in kept if part not in wanted]
    while True:
        goal = Condition.every([*held, *wanted])
        answer = planner.plan(goal, facts, contracts, failures) if held else alone
        if isinstance(answer, Plan):
            return answer, [*held, *wanted]
        # Without the pair that excludes each other, else without the oldest part.
        clash = [part for part in held if str(part) in answer.unmet]
        held.remove(clash[0] if clash else held[0])


def _parts(goal: Condition) -> list[Condition]:
    if goal.kind == "and":
        return [leaf for part in goal.parts for leaf in _parts(part)]
    return [] if goal.kind == "true" else [goal]
