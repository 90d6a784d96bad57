"""Plans between here and PDDL: sequences of actions, as objects or as lines of text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kata.datasets.types import DEFAULT_HAND, Condition, Facts, KataError, PlanError
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.planning.ordering import ordered
from kata.skills.planning.plan import Plan

from .names import action_names, coded, plain

_LINE = re.compile(r"\s*(?:[\d.]+\s*:\s*)?\(\s*([^\s()]+)((?:\s+[^\s()]+)*)\s*\)\s*(?:\[.*\])?\s*")
_GOAL = re.compile(r"\s*;\s*goal:\s*(.*)", re.IGNORECASE)
_MOST_LINES = 10_000
_WHERE = "plan of PDDL"


def plan_to(plan: Plan, problem: Any, contracts: Sequence[Contract]) -> Any:
    """The calls in their listed order as a `SequentialPlan` of a problem of `to_problem`.

    Raises PlanError for a call that the problem does not have.
    """
    from unified_planning.plans import ActionInstance, SequentialPlan

    steps = []
    for name, arguments in _steps(plan, contracts):
        known = problem.has_action(name) and all(map(problem.has_object, arguments))
        if not known:
            raise PlanError("a call that the problem does not have", where=_WHERE, got=name)
        objects = [problem.environment.expression_manager.ObjectExp(problem.object(argument))
                   for argument in arguments]  # fmt: skip
        steps.append(ActionInstance(problem.action(name), tuple(objects)))
    return SequentialPlan(steps, problem.environment)


def plan_from(found: Any, goal: Condition, facts: Facts, contracts: Sequence[Contract]) -> Plan:
    """The plan of a `SequentialPlan`, in the least order; `check_plan` is for whoever runs it.

    Raises PlanError for an action that is no skill.
    """
    steps = [
        (instance.action.name, [str(value) for value in instance.actual_parameters])
        for instance in found.actions
    ]
    return _plan(steps, goal, facts, contracts)


def plan_lines(plan: Plan, contracts: Sequence[Contract]) -> str:
    """The calls in their listed order, a line each, as planners write them and VAL reads them."""
    lines = [f"({' '.join([name, *arguments])})" for name, arguments in _steps(plan, contracts)]
    return "\n".join([f"; goal: {plan.goal}", *lines]) + "\n"


def plan_of_lines(
    text: str, facts: Facts, contracts: Sequence[Contract], goal: Condition | None = None
) -> Plan:
    """The plan of such lines, with times or without; comments begin with `;`.

    Without a `goal` a comment must name it. Raises PlanError for what is no such text.
    """
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        if number > _MOST_LINES:
            raise PlanError("too long", where=_WHERE, expected=f"{_MOST_LINES} lines at most")
        named = _GOAL.fullmatch(line)
        if named and goal is None:
            goal = _goal(named[1])
        body = line.split(";", 1)[0]
        if not body.strip():
            continue
        match = _LINE.fullmatch(body)
        if match is None:
            raise PlanError(
                "not a step", where=f"{_WHERE}, line {number}", expected="(do_pick red_cube hand)",
                got=body[:80],
            )  # fmt: skip
        steps.append((match[1].lower(), match[2].lower().split()))
    if goal is None:
        raise PlanError(
            "a plan for what?", where=_WHERE, expected="a line `; goal: in(red_cube, bin)`"
        )
    return _plan(steps, goal, facts, contracts)


def _goal(text: str) -> Condition:
    try:
        return Condition.parse(text)
    except KataError as error:
        raise PlanError(error.what, where=_WHERE, expected=error.expected, got=error.got) from None


def _steps(plan: Plan, contracts: Sequence[Contract]) -> list[tuple[str, list[str]]]:
    names = {contract.key: name for name, contract in action_names(contracts).items()}
    out = []
    for call in plan.calls:
        rows = zip(call.contract.parameters, call.values, strict=True)
        arguments = [coded(value) for parameter, value in rows if not parameter.optional]
        if call.contract.one_handed:
            arguments.append(coded(call.hand))
        if call.contract.key not in names:
            raise PlanError("a call of another skill", where=_WHERE, got=str(call))
        out.append((names[call.contract.key], arguments))
    return out


def _plan(
    steps: Sequence[tuple[str, Sequence[str]]],
    goal: Condition,
    facts: Facts,
    contracts: Sequence[Contract],
) -> Plan:
    names = action_names(contracts)
    calls = [_call(name, arguments, names) for name, arguments in steps]
    return ordered(Plan.sequence(goal, calls), facts)


def _call(name: str, arguments: Sequence[str], names: dict[str, Contract]) -> Call:
    if name not in names:
        raise PlanError(
            "no skill has this action",
            where=_WHERE,
            expected=", ".join(sorted(names)),
            got=name[:80],
        )
    contract = names[name]
    chosen = [parameter for parameter in contract.parameters if not parameter.optional]
    values = [plain(argument) for argument in arguments]
    if len(values) != len(chosen) + contract.one_handed:
        raise PlanError(
            "a step with wrong arguments",
            where=_WHERE,
            expected=f"{len(chosen) + contract.one_handed} names",
            got=f"{name} {' '.join(arguments)}"[:80],
        )
    hand = values.pop() if contract.one_handed else DEFAULT_HAND
    given = {parameter.name: value for parameter, value in zip(chosen, values, strict=True)}
    try:
        return Call.of(contract, given, hand)
    except KataError as error:
        raise PlanError(error.what, where=_WHERE, expected=error.expected, got=error.got) from None
