"""Shares the work of a plan out among the robot's hands, so that it is done sooner.

A search for the cheapest sequence has no reason to use a second hand. What one hand does from
empty to empty is a stretch; a stretch may go to another hand where every condition still holds,
and does where that shortens the time from the first call to the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kata.datasets.types import Atom, Condition, ConditionError, Facts
from kata.skills.contract.call import Call

from .effects import after
from .ordering import ordered, span_s
from .plan import Plan

_LEAST_GAIN_S = 1e-6


def arranged(
    goal: Condition, calls: Sequence[Call], facts: Facts, costs: Mapping[str, float]
) -> Plan:
    """A plan of calls that reach a goal one after the other, in the least order they need.

    `costs` are expected times in s by `Call.key`; a call that is not in it is not chosen anew.
    The plan's `cost` is the time from the first call to the last; what runs together counts once.
    """
    best = _timed(goal, calls, facts, costs)
    hands = facts.table.hands
    if len(hands) < 2:
        return best
    for stretch in _stretches(calls, facts):
        for hand in hands:
            other = [
                call.by(hand) if index in stretch else call for index, call in enumerate(best.calls)
            ]
            if all(call.key in costs for call in other) and _sound(goal, other, facts):
                found = _timed(goal, other, facts, costs)
                if found.cost < best.cost - _LEAST_GAIN_S:
                    best = found
    return best


def _timed(
    goal: Condition, calls: Sequence[Call], facts: Facts, costs: Mapping[str, float]
) -> Plan:
    plan = ordered(Plan.sequence(goal, calls), facts)
    return replace(plan, cost=span_s(plan, [costs[call.key] for call in calls]))


def _stretches(calls: Sequence[Call], facts: Facts) -> list[frozenset[int]]:
    """Indices of what one hand does from empty to empty, alone; in the order of their ends."""
    out: list[frozenset[int]] = []
    running: dict[str, list[int]] = {}
    for index, call in enumerate(calls):
        facts = after(call, facts)
        for hand in call.hands:
            running.setdefault(hand, []).append(index)
            if facts.value(Atom("gripper_empty", (hand,))):
                out.append(frozenset(running.pop(hand)))
    out += map(frozenset, running.values())
    return [stretch for stretch in out if all(calls[i].hands == (calls[i].hand,) for i in stretch)]


def _sound(goal: Condition, calls: Sequence[Call], facts: Facts) -> bool:
    """Whether every call finds what it needs, one after the other, and the goal is reached."""
    for call in calls:
        if not Condition("and", (call.requires, call.holds)).plain().evaluate(facts).value:
            return False
        try:
            facts = after(call, facts)
        except ConditionError:
            return False
    return bool(goal.plain().evaluate(facts).value)
