"""What a call changes: its `achieves`, and what follows from it.

A negated atom is deleted, an unnamed atom persists: a moved object stays reachable, upright and
near what it was near, unless the contract says otherwise. Two predicates follow from others:

- `clear(x)` is true exactly if no `on(y, x)` is; it is derived anew where some `on(y, x)` changed;
- `near(x, y)` and `near(y, x)` are one fact.

`open` and `closed` are named by contracts and never derived.
"""

from __future__ import annotations

from collections.abc import Mapping

from kata.datasets.types import Atom, AtomTable, Facts
from kata.skills.contract.call import Call


def effect(call: Call, table: AtomTable) -> dict[Atom, bool]:
    """The atoms that a call sets, its derived ones excepted.

    Raises ConditionError where `achieves` names no single outcome.
    """
    named = call.achieves.literals(table)
    out = dict(named)
    for atom, value in named.items():
        if atom.predicate == "near":
            mirror = Atom("near", atom.arguments[::-1])
            if mirror in table.index:
                out.setdefault(mirror, value)
    return out


def supporters(table: AtomTable) -> dict[str, tuple[Atom, ...]]:
    """For each name that can be clear, the atoms `on(y, name)` that decide it."""
    return {
        atom.arguments[0]: tuple(
            on for on in table.atoms if on.predicate == "on" and on.arguments[1:] == atom.arguments
        )
        for atom in table.atoms
        if atom.predicate == "clear"
    }


def after(call: Call, facts: Facts) -> Facts:
    """The facts as the contract promises them after the call.

    Raises ConditionError where the call's effect names atoms that this scene does not have.
    """
    return after_effect(effect(call, facts.table), facts)


def after_effect(changes: Mapping[Atom, bool], facts: Facts) -> Facts:
    """The facts after an effect, `clear` derived anew where it may have changed."""
    changed = {atom for atom, value in changes.items() if facts.value(atom) is not value}
    new = facts.flipped(changes)
    derived = {
        Atom("clear", (name,)): not any(new.value(on) for on in ons)
        for name, ons in supporters(facts.table).items()
        if changed.intersection(ons) and Atom("clear", (name,)) not in changes
    }
    return new.flipped(derived) if derived else new
