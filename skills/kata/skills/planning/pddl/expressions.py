"""Conditions and effects of contracts as expressions of unified-planning.

What is unknown is neither true nor false: where a scene has unknown atoms of a predicate, a second
predicate says which, and both an atom and its negation ask for it not to hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import (
    HAND_PREDICATES,
    HAND_TAG,
    PREDICATES,
    Atom,
    Condition,
    ConditionError,
    Facts,
)

from .names import HAND, THING, coded

Scope = Mapping[str, Any]
"""What variables and names that are bound later stand for, as expressions."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One literal of an effect, for every thing of the variables' tags."""

    atom: Atom
    value: bool
    variables: tuple[tuple[str, str], ...] = ()


def outcomes(
    condition: Condition, value: bool = True, inside: tuple[tuple[str, str], ...] = ()
) -> Iterator[Outcome]:
    """The literals of an effect. Raises ConditionError where it names no single outcome."""
    if condition.atom is not None:
        yield Outcome(condition.atom, value, inside)
    elif condition.kind == "not":
        yield from outcomes(condition.parts[0], not value, inside)
    elif condition.kind == ("and" if value else "or"):
        for part in condition.parts:
            yield from outcomes(part, value, inside)
    elif condition.kind == ("forall" if value else "exists"):
        bound = (*inside, (condition.variable, condition.tag))
        yield from outcomes(condition.parts[0], value, bound)
    elif condition.kind != "true" or not value:
        raise ConditionError("no single outcome", expected="a conjunction", got=str(condition))


class Words:
    """The vocabulary of one scene: its types, things, predicates and tags.

    Args:
        up: `unified_planning.shortcuts`.
    """

    def __init__(self, up: Any, facts: Facts) -> None:
        self.up, self.facts = up, facts
        self.thing, self.hand = up.UserType(THING), up.UserType(HAND)
        table = facts.table
        self.things = {name: up.Object(coded(name), self.thing) for name in table.types}
        self.hands = {name: up.Object(coded(name), self.hand) for name in table.hands}
        used = {atom.predicate for atom in table.atoms}
        unknown = {atom.predicate for atom in table.atoms if facts.value(atom) is None}
        self.predicates = {name: self._fluent(name, name) for name in sorted(used)}
        self.possible = {name: self._fluent(f"can_{name}", name) for name in sorted(used)}
        self.unknown = {name: self._fluent(f"unknown_{name}", name) for name in sorted(unknown)}
        tags = sorted({tag for all_ in table.types.values() for tag in all_})
        self.tags = {tag: up.Fluent(f"is_{tag}", up.BoolType(), x=self.thing) for tag in tags}

    def _fluent(self, name: str, predicate: str) -> Any:
        kinds = [self.thing] * PREDICATES[predicate]
        if predicate in HAND_PREDICATES:
            kinds[0] = self.hand
        letters = dict(zip("xyz", kinds, strict=False))
        return self.up.Fluent(name, self.up.BoolType(), **letters)

    def variable(self, name: str, tag: str) -> tuple[Any, Any]:
        """A quantified variable, and the condition that it bears its tag."""
        of_hands = tag == HAND_TAG
        variable = self.up.Variable(name.strip("?").lower(), self.hand if of_hands else self.thing)
        return variable, self.up.TRUE() if of_hands else self.tagged(tag, variable)

    def tagged(self, tag: str, thing: Any) -> Any:
        """That a thing bears a tag."""
        return self.tags[tag](thing) if tag in self.tags else self.up.FALSE()

    def arguments(self, atom: Atom, scope: Scope) -> list[Any] | None:
        """An atom's arguments as expressions; None where the scene does not have one of them."""
        out = []
        for place, name in enumerate(atom.arguments):
            of_hands = place == 0 and atom.predicate in HAND_PREDICATES
            known = self.hands if of_hands else self.things
            found = scope.get(name, known.get(name))
            if found is None:
                return None
            out.append(found)
        return out

    def literal(self, atom: Atom, value: bool, scope: Scope) -> Any:
        """That an atom is known to be true, or known to be false."""
        up, arguments = self.up, self.arguments(atom, scope)
        if arguments is None or atom.predicate not in self.predicates:
            return up.FALSE() if value else up.TRUE()
        holds = self.predicates[atom.predicate](*arguments)
        if value:
            return holds
        if atom.predicate not in self.unknown:
            return up.Not(holds)
        return up.And(up.Not(holds), up.Not(self.unknown[atom.predicate](*arguments)))

    def condition(self, condition: Condition, scope: Scope, value: bool = True) -> Any:
        """That a condition is known to be true, or known to be false; margins do not count."""
        up = self.up
        if condition.atom is not None:
            return self.literal(condition.atom, value, scope)
        if condition.kind == "true":
            return up.TRUE() if value else up.FALSE()
        if condition.kind == "not":
            return self.condition(condition.parts[0], scope, not value)
        if condition.kind in ("and", "or"):
            parts = [self.condition(part, scope, value) for part in condition.parts]
            return up.And(parts) if condition.kind == ("and" if value else "or") else up.Or(parts)
        variable, tagged = self.variable(condition.variable, condition.tag)
        inner = self.condition(condition.parts[0], {**scope, condition.variable: variable}, value)
        if condition.kind == ("forall" if value else "exists"):
            return up.Forall(up.Or(up.Not(tagged), inner), variable)
        return up.Exists(up.And(tagged, inner), variable)

    def apply(self, action: Any, effects: Sequence[Outcome], scope: Scope) -> None:
        """Give an action its effects, with what follows from them."""
        named = [(e.atom, e.variables) for e in effects]
        for effect in effects:
            self._apply(action, effect, scope)
            mirror = Atom("near", effect.atom.arguments[::-1])
            if effect.atom.predicate == "near" and (mirror, effect.variables) not in named:
                outcome = Outcome(mirror, effect.value, effect.variables)
                self._apply(action, outcome, scope, follows=True)
        self._clear(action, effects, scope)

    def _apply(self, action: Any, effect: Outcome, scope: Scope, *, follows: bool = False) -> None:
        # That the scene can have what a call makes true is a precondition, for what it names.
        variables, tagged, inner = self._bound(effect, scope)
        arguments = self.arguments(effect.atom, inner)
        predicate = effect.atom.predicate
        if arguments is None or predicate not in self.predicates:
            return
        when = self.up.And(tagged, self.possible[predicate](*arguments)) if follows else tagged
        action.add_effect(self.predicates[predicate](*arguments), effect.value, when, variables)
        if predicate in self.unknown:
            action.add_effect(self.unknown[predicate](*arguments), False, when, variables)

    def _bound(self, effect: Outcome, scope: Scope) -> tuple[list[Any], Any, dict[str, Any]]:
        pairs = {name: self.variable(name, tag) for name, tag in effect.variables}
        inner = {**scope, **{name: variable for name, (variable, _) in pairs.items()}}
        tagged = self.up.And([tagged for _, tagged in pairs.values()])
        return [variable for variable, _ in pairs.values()], tagged, inner

    def _clear(self, action: Any, effects: Sequence[Outcome], scope: Scope) -> None:
        """`clear(x)`, anew where an `on(y, x)` changed and no effect names it: see `effects`."""
        ons = [effect for effect in effects if effect.atom.predicate == "on"]
        if not ons or "clear" not in self.predicates:
            return
        up, on = self.up, self.predicates["on"]
        x, y = up.Variable("below", self.thing), up.Variable("above", self.thing)
        there = self.possible["on"](y, x)
        puts = [self._matches(e, (y, x), scope) for e in ons if e.value]
        takes = [self._matches(e, (y, x), scope) for e in ons if not e.value]
        named = [e for e in effects if e.atom.predicate == "clear"]
        spoken = up.Or([self._matches(e, (x,), scope) for e in named])
        put = up.And(there, up.Or(puts))
        taken = up.And(there, up.Or(takes), up.Not(put))
        was = on(y, x)
        if "on" in self.unknown:
            was = up.Or(was, self.unknown["on"](y, x))
        changed = up.Exists(up.Or(up.And(put, up.Not(on(y, x))), up.And(taken, was)), y)
        occupied = up.Exists(up.Or(put, up.And(on(y, x), up.Not(taken))), y)
        base = up.And(self.possible["clear"](x), up.Not(spoken), changed)
        for value, when in ((True, up.Not(occupied)), (False, occupied)):
            action.add_effect(self.predicates["clear"](x), value, up.And(base, when), [x])
        if "clear" in self.unknown:
            action.add_effect(self.unknown["clear"](x), False, base, [x])

    def _matches(self, effect: Outcome, places: Sequence[Any], scope: Scope) -> Any:
        """That an effect is about these things."""
        up, tags = self.up, dict(effect.variables)
        out = []
        for name, place in zip(effect.atom.arguments, places, strict=True):
            if name in tags:
                out.append(self.tagged(tags[name], place))
            else:
                found = scope.get(name, self.things.get(name))
                out.append(up.FALSE() if found is None else up.Equals(found, place))
        return up.And(out)
