"""A second opinion on plans: conditions and effects worked out anew, over plain sets of text.

It shares nothing with the check of plans but the contracts' parsed conditions, so that an error
there does not hide here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kata.datasets.types import Condition, Facts
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract

State = dict[str, bool]


def state_of(facts: Facts) -> State:
    """Every atom of the scene as text, with its truth; unknown counts as false."""
    return {str(atom): facts.value(atom) is True for atom in facts.table.atoms}


def holds(condition: Condition, state: State, types: Mapping[str, frozenset[str]]) -> bool:
    """Whether a grounded condition is true."""
    if condition.atom is not None:
        return state.get(str(condition.atom), False)
    if condition.kind == "true":
        return True
    if condition.kind == "not":
        return not holds(condition.parts[0], state, types)
    if condition.kind in ("forall", "exists"):
        names = [name for name, tags in types.items() if condition.tag in tags]
        parts = [condition.parts[0].bind({condition.variable: name}) for name in names]
    else:
        parts = list(condition.parts)
    found = [holds(part, state, types) for part in parts]
    return all(found) if condition.kind in ("and", "forall") else any(found)


def _apply(condition: Condition, state: State, types: Mapping[str, frozenset[str]]) -> None:
    """Make a conjunction of literals true."""
    if condition.atom is not None:
        assert str(condition.atom) in state, f"this scene cannot have {condition.atom}"
        state[str(condition.atom)] = True
    elif condition.kind == "not":
        state[str(condition.parts[0].atom)] = False
    elif condition.kind == "forall":
        for name in [name for name, tags in types.items() if condition.tag in tags]:
            _apply(condition.parts[0].bind({condition.variable: name}), state, types)
    elif condition.kind == "and":
        for part in condition.parts:
            _apply(part, state, types)
    else:
        assert condition.kind == "true", condition


def after(call: Call, state: State, types: Mapping[str, frozenset[str]]) -> State:
    """The state that a call leads to; asserts that it may come, with these arguments."""
    for parameter, value in zip(call.contract.parameters, call.values, strict=True):
        assert parameter.type in types[value], f"{call}: {value} is no {parameter.type}"
    assert holds(call.requires, state, types), f"{call} may not come"
    assert holds(call.holds, state, types), f"{call} may not run"
    new = dict(state)
    _apply(call.achieves, new, types)
    for text in new:
        if text.startswith("clear("):
            name = text[6:-1]
            new[text] = not any(new.get(f"on({other}, {name})", False) for other in types)
    for text in [text for text, value in new.items() if value and text.startswith("near(")]:
        one, other = text[5:-1].split(", ")
        new[f"near({other}, {one})"] = True
    return new


def assert_right(
    calls: Sequence[Call], goals: Sequence[str], facts: Facts, contracts: Sequence[Contract]
) -> None:
    """Asserts that known skills, in this order, are sound and bring all goals about."""
    state, types = state_of(facts), facts.table.types
    for call in calls:
        assert call.contract in contracts, f"{call} is of no known skill"
        state = after(call, state, types)
    for goal in goals:
        assert holds(Condition.parse(goal), state, types), f"{goal} is not reached"
