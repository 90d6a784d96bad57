"""A contract out of demonstrations: what all of them need, and what all of them change.

Only what they have in common over their arguments counts, so that what happened beside the point in
one of them drops out of the promise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kata.datasets.types import DEFAULT_HAND, HAND_PREDICATES, Atom, Condition
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import Parameter

from .demonstrations import Demonstration
from .lifting import skeleton

_SLACK = 2.0
"""A skill may take so many times as long as the longest demonstration."""

_LEAST_S = 6.0
_SEEN = frozenset({"gripper_empty", "holding", "open", "closed", "clear", "pressed", "in", "on"})
"""What a precondition may be about: not where things happened to stand, nor what all can reach."""

_EMPTY = "gripper_empty"
_LEFT = {"on": "support", "in": "container"}
"""Of what a thing was taken from, the tag: it is on and in none of them any more."""


def inferred(name: str, demonstrations: Sequence[Demonstration]) -> Contract:
    """The contract that these demonstrations of one skill, one at least, have in common."""
    first = demonstrations[0]
    parameters = tuple(
        Parameter(
            each, _type([d.types.get(d.arguments[each], frozenset()) for d in demonstrations])
        )
        for each in first.arguments
    )
    changes = [_lifted(each.flips, each) for each in demonstrations]
    made = {
        atom: value
        for atom, value in sorted(changes[0].items())
        if all(other.get(atom) is value for other in changes[1:])
    }
    starts = [set(_lifted(dict.fromkeys(each.start, True), each)) for each in demonstrations]
    held = {atom: True for atom in sorted(set.intersection(*starts)) if atom.predicate in _SEEN}
    # What is made true was false before: without it a plan would call the skill again.
    new = [atom for atom, value in made.items() if value and atom.predicate in _SEEN - {_EMPTY}]
    needs = held | dict.fromkeys(new, False)
    longest = max(each.seconds for each in demonstrations)
    return skeleton(
        name,
        parameters,
        Condition.of(needs),
        Condition.every([Condition.of(made), *_left(demonstrations)]),
        max(_SLACK * longest, _LEAST_S),
    )


def _left(demonstrations: Sequence[Demonstration]) -> list[Condition]:
    """Where the arguments of all demonstrations are no more, whatever it was in each."""
    found = []
    for each in demonstrations:
        variables = {value: f"?{name}" for name, value in each.arguments.items()}
        found.append(
            {
                (atom.predicate, variables[atom.arguments[0]])
                for atom, value in each.flips.items()
                if not value
                and atom.predicate in _LEFT
                and atom.arguments[0] in variables
                and atom.arguments[1] not in variables
            }
        )
    return [
        Condition.parse(f"forall ?s: {_LEFT[predicate]}. not {predicate}({thing}, ?s)")
        for predicate, thing in sorted(set.intersection(*found))
    ]


def _lifted(facts: Mapping[Atom, bool], of: Demonstration) -> dict[Atom, bool]:
    """Facts about nothing but the arguments and the hand, over the parameters."""
    variables = {value: f"?{name}" for name, value in of.arguments.items()}
    found = {}
    for atom, value in facts.items():
        hand = (DEFAULT_HAND,) if atom.predicate in HAND_PREDICATES else ()
        names = atom.arguments[len(hand) :]
        if all(name in variables for name in names):
            bound = tuple(variables[name] for name in names)
            found[Atom(atom.predicate, (*hand, *bound))] = value
    return found


def _type(tags: Sequence[frozenset[str]]) -> str:
    """The narrowest tag that all things given for a parameter have; a usual one if there is."""
    common = frozenset.intersection(*tags)
    for usual in ("object", "openable", "container", "surface", "button", "support"):
        if usual in common:
            return usual
    return min(common, default="object")
