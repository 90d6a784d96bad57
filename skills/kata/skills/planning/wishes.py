"""What was asked for survives a new plan: a search for a goal knows nothing of numbers and places.

Conditions cannot name numbers, places and texts, so a plan stays sound when they change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kata.skills.contract.call import Call

from .plan import Failure, Plan


def with_wishes(plan: Plan, asked: Sequence[Call], failures: Sequence[Failure] = ()) -> Plan:
    """The plan with the numbers, places and texts of the calls that were asked for.

    A call takes those of the first one asked for with its skill, version, things and hands that
    no other call has taken. What failed as it was asked for is left as it was planned.
    """
    failed = {failure.call.key for failure in failures}
    left = [call for call in asked if call.key not in failed]
    calls = []
    for call in plan.calls:
        match = next((wish for wish in left if _same_but_optional(call, wish)), None)
        if match is not None:
            left.remove(match)
        calls.append(match or call)
    return replace(plan, calls=tuple(calls))


def _same_but_optional(one: Call, other: Call) -> bool:
    alike = one.contract.key == other.contract.key and one.hands == other.hands
    return alike and one.objects == other.objects and bool(_optional(other))


def _optional(call: Call) -> list[str]:
    rows = zip(call.contract.parameters, call.values, strict=True)
    return [value for parameter, value in rows if parameter.optional]
