"""What was asked for survives a new plan: a search for a goal knows nothing of numbers and places.

Conditions cannot name numbers, places and texts, so a plan stays sound when they change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kata.datasets.types import ConditionError, Facts
from kata.skills.contract.call import Call

from .experience import failure_records, hopeless
from .plan import Failure, Plan, Refusal


def with_wishes(
    plan: Plan, wished: Sequence[Call], failures: Sequence[Failure], facts: Facts
) -> Plan | Refusal:
    """The plan with the numbers, places and texts that were asked for.

    A call takes those of the first wish of its skill, of whichever version, with its things and
    hands that no other call has taken. Where that has failed too often there is a refusal: other
    numbers than those that were asked for would be a surprise.
    """
    failed = failure_records(failures, facts)
    left, calls, kept = list(wished), [], []
    for call in plan.calls:
        match = next((wish for wish in left if _serves(call, wish)), None)
        if match is not None:
            left.remove(match)
            call = replace(call, values=match.values)  # noqa: PLW2901
            kept.append(call)
            record = hopeless(call, failed)
            if record is not None:
                message = f"{call} is what was asked for, and it has failed: {record.reason}"
                return Refusal("too_hard", message)
        calls.append(call)
    return replace(plan, calls=tuple(calls), wished=tuple(kept))


def _serves(call: Call, wish: Call) -> bool:
    one, other = call.contract, wish.contract
    if one.name != other.name or call.objects != wish.objects or call.hands != wish.hands:
        return False
    try:
        replace(call, values=wish.values)
    except ConditionError:
        return False
    return one.parameters == other.parameters
