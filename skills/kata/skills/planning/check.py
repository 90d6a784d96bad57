"""The check of a plan: its effects run forward from the facts, every condition looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kata.datasets.types import HAND_TAG, Condition, Facts
from kata.skills.contract.contract import Contract

from .effects import after_effect, effect
from .ordering import concurrent_conflicts
from .plan import Plan
from .problem import grounded_calls


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a plan.

    Attributes:
        index: of the call; the number of calls for the goal itself.
        call: as text; empty for the goal.
        condition: the smallest part that is not true.
        kind: `argument`, `order`, `requires`, `effect`, `beside` or `goal`.
        remedy: calls that would make it true.
    """

    index: int
    call: str
    condition: str
    kind: str
    remedy: tuple[str, ...] = ()

    def __str__(self) -> str:
        who = f"call {self.index + 1}, {self.call}" if self.call else "the goal"
        verb = {"argument": "cannot take", "order": "comes before", "effect": "cannot cause"}
        verb["beside"] = "cannot run beside"
        hint = f"; {' or '.join(self.remedy)} would make it true" if self.remedy else ""
        return f"{who}: {verb.get(self.kind, 'needs')} {self.condition}{hint}"


def check_plan(
    plan: Plan, facts: Facts, contracts: Sequence[Contract] = ()
) -> tuple[Violation, ...]:
    """Everything wrong with a plan from these facts; empty if it is sound.

    The calls are run in their listed order, which must respect `plan.after`. An unknown fact
    counts as not true. Margins are left to execution: an effect promises truth alone. With
    `contracts`, violations name calls that would mend them.
    """
    out = _beside(plan, facts)
    for index, call in enumerate(plan.calls):
        out += _structure(plan, index, facts)
        needed = Condition("and", (call.requires, call.holds)).plain()
        for condition in needed.ground(facts.table).unmet(facts):
            remedy = _remedies(condition, facts, contracts)
            out.append(Violation(index, str(call), condition, "requires", remedy))
        changes = effect(call, facts.table)
        for atom in [atom for atom in changes if atom not in facts]:
            out.append(Violation(index, str(call), str(atom), "effect"))
            del changes[atom]
        facts = after_effect(changes, facts)
    for condition in plan.goal.plain().ground(facts.table).unmet(facts):
        remedy = _remedies(condition, facts, contracts)
        out.append(Violation(len(plan.calls), "", condition, "goal", remedy))
    return tuple(out)


def _beside(plan: Plan, facts: Facts) -> list[Violation]:
    """Calls that the order lets run at the same time, and that must not."""
    return [
        Violation(
            found.second,
            str(plan.calls[found.second]),
            f"call {found.first + 1}, {plan.calls[found.first]}: {found.reason}",
            "beside",
        )
        for found in concurrent_conflicts(plan, facts)
    ]


def _structure(plan: Plan, index: int, facts: Facts) -> list[Violation]:
    call = plan.calls[index]
    strange = [
        f"{value} as {parameter.name} ({parameter.type})"
        for parameter, value in zip(call.contract.parameters, call.values, strict=True)
        if (parameter.entity and parameter.type not in facts.table.types.get(value, ()))
        or (parameter.type == HAND_TAG and value not in facts.table.hands)
    ]
    strange += [
        f"{place} as {name} (no such frame)"
        for name, place in call.places.items()
        if place.frame not in facts.table.types
    ]
    if call.contract.one_handed and call.hand not in facts.table.hands:
        strange.append(f"{call.hand} as its hand")
    elif len(set(call.hands)) < len(call.hands):
        strange.append(f"one hand twice, {' and '.join(call.hands)}")
    out = [Violation(index, str(call), text, "argument") for text in strange]
    late = [before for before in plan.after[index] if before >= index]
    out += [Violation(index, str(call), f"call {before + 1}", "order") for before in late]
    return out


def _remedies(
    condition: str, facts: Facts, contracts: Sequence[Contract], most: int = 3
) -> tuple[str, ...]:
    """Calls, grounded in this scene, whose effect alone makes a condition true."""
    wanted = Condition.parse(condition)
    out = [
        str(call)
        for call, changes in grounded_calls(facts.table, contracts)
        if wanted.evaluate(after_effect(changes, facts)).value
    ]
    return tuple(sorted(out, key=lambda text: (text.count(","), text)))[:most]
