"""Holds a proposal against facts, contracts and what was asked; says everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kata.datasets.types import Atom, Condition, ConditionError, Facts
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract

from ..check import Violation, check_plan
from ..experience import failure_records, hopeless
from ..plan import Failure, Plan
from ..sentence import Objection
from .said import tame
from .target import Target, ends, literals_of

MOST_OBJECTIONS = 12
"""More are not told: the first ones matter, later ones mostly follow from them."""


def objections_to_calls(
    calls: Sequence[Call],
    target: Target,
    facts: Facts,
    contracts: Sequence[Contract],
    failures: Sequence[Failure] = (),
    number: int = 1,
) -> tuple[Objection, ...]:
    """Why these calls must not run as a plan for the target; empty if they may.

    Conditions are checked as the executor's plans are; a call that failed often enough in these
    facts counts as impossible.
    """
    out = [
        Objection(number, "failed", call, f"not tried again: {reason}")
        for call, reason in hopeless_calls(calls, failures, facts).items()
    ]
    try:
        found = _violations(calls, target.goal, facts, contracts)
    except ConditionError as error:
        return (*out, Objection(number, "effect", "", error.what))
    out += [Objection(number, each.kind, _who(each), each.condition, each.remedy) for each in found]
    if not out and not target.reached(calls, facts):
        stage = target.stages[target.stage(calls, facts)]
        out.append(Objection(number, "goal", "", f"{stage}, before what is asked for after it"))
    return tuple(out[:MOST_OBJECTIONS])


def hopeless_calls(
    calls: Sequence[Call], failures: Sequence[Failure], facts: Facts
) -> dict[str, str]:
    """Those of the calls, as text, that failed too often to be tried again, and why they did."""
    failed = failure_records(failures, facts)
    found = {str(call): hopeless(call, failed) for call in calls}
    return {text: tame(record.reason) for text, record in found.items() if record is not None}


def objections_to_goal(
    said: Mapping[Atom, bool], target: Target, facts: Facts, number: int = 1
) -> tuple[Objection, ...]:
    """Where a model's goal is another than the one that was asked for.

    It may leave out what holds already, and name what will hold besides; what it asks for more
    than that nobody asked for. A goal that leaves a choice is not compared: the check of the
    calls decides alone.
    """
    wanted = literals_of(target.goal, facts)
    if wanted is None:
        return ()
    end = ends(target.reference.calls, facts) if target.reference else None
    out = [
        f"{_text(atom, value)} is asked for, and the goal does not say so"
        for atom, value in wanted.items()
        if said.get(atom) is not value and facts.value(atom) is not value
    ]
    out += [
        f"{_text(atom, value)} is in the goal, and nobody asked for it"
        for atom, value in said.items()
        if wanted.get(atom) is not value
        and facts.value(atom) is not value
        and (end is None or end.value(atom) is not value)
    ]
    remedy = (" and ".join(_text(atom, value) for atom, value in wanted.items()),)
    return tuple(Objection(number, "reading", "", text, remedy) for text in out[:MOST_OBJECTIONS])


def _violations(
    calls: Sequence[Call], goal: Condition, facts: Facts, contracts: Sequence[Contract]
) -> list[Violation]:
    """What the check says; remedies are looked for only where the first trouble is."""
    found = list(check_plan(Plan.sequence(goal, calls), facts))
    if not found:
        return found
    first = found[0].index
    if first < len(calls):
        begin = Plan.sequence(Condition("true"), calls[: first + 1])
        advised = check_plan(begin, facts, contracts)
    else:
        advised = check_plan(Plan.sequence(goal, calls), facts, contracts)
    return [*advised, *(each for each in found if each.index > first)]


def _who(violation: Violation) -> str:
    return f"call {violation.index + 1}, {violation.call}" if violation.call else ""


def _text(atom: Atom, value: bool) -> str:
    return str(atom) if value else f"not {atom}"
