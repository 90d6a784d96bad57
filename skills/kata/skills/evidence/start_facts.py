"""What held at the start of a trial, told in the roles of its call so that trials compare.

`near(red_cube, blue_cube)` of `pick(red_cube)` and `near(green_cube, red_cube)` of
`pick(green_cube)` are the same thing for the skill: `near(object, another)`.
"""

from __future__ import annotations

from kata.datasets.types import HAND_PREDICATES, Atom, Facts
from kata.skills.contract.call import Call

OTHER = "another"
"""Stands for any object that the call is not about."""


def start_conditions(call: Call, facts: Facts) -> dict[str, bool]:
    """Conditions in the roles of a call, and whether they held.

    An argument appears under its parameter's name, any other object as `another`, a fixture under
    its own name. With `another` a condition holds if it does for one of them. What is about other
    objects alone, and what is unknown, is left out.
    """
    roles = {value: name for name, value in call.arguments.items()}
    objects = set(facts.table.names("object"))
    found: dict[str, bool] = {}
    for i, atom in enumerate(facts.table.atoms):
        names = tuple(roles.get(n, OTHER if n in objects else n) for n in atom.arguments)
        places = names[1:] if atom.predicate in HAND_PREDICATES else names
        if facts.truth[i] < 0 or (places and set(places) == {OTHER}):
            continue
        text = str(Atom(atom.predicate, names))
        found[text] = found.get(text, False) or bool(facts.truth[i])
    return found
