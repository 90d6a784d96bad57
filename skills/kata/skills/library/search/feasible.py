"""What the present facts allow: which of the found skills could be called here, and with what."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kata.datasets.types import DEFAULT_HAND, HAND_TAG, Atom, Condition, Facts, RobotSpec
from kata.skills.contract.contract import Contract

from .words import stems

Status = Literal["now", "later", "done", "unfit"]

_MOST_BINDINGS = 64
_ORDER: Mapping[Status, int] = {"now": 0, "later": 1, "done": 2, "unfit": 3}


@dataclass(frozen=True, slots=True)
class Fit:
    """How a skill fits the present facts.

    Attributes:
        status: `now`, its call may start; `later`, something must hold first that some skill can
            make so; `done`, what it achieves is so already; `unfit`, nothing here it could be
            called with, or more hands than there are.
        values: what it would be called with, in the order of its parameters.
        missing: what must hold first.
        named: the share of the things named in the query that the call is about.
    """

    status: Status
    values: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    named: float = 0.0


def literals(
    condition: Condition,
) -> tuple[list[tuple[str, tuple[str, ...], bool]], list[Condition]]:
    """A condition's conjuncts: atoms with the value wanted, and those that are none."""
    atoms: list[tuple[str, tuple[str, ...], bool]] = []
    others: list[Condition] = []
    terms = [condition]
    while terms:
        term = terms.pop(0)
        if term.kind in ("and", "true"):
            terms = [*term.parts, *terms]
            continue
        leaf = term.parts[0] if term.kind == "not" else term
        if leaf.atom is None:
            others.append(term)
        else:
            atoms.append((leaf.atom.predicate, leaf.atom.arguments, term.kind != "not"))
    return atoms, others


class Scene:
    """The facts of now, ready for many questions.

    Args:
        facts: what holds.
        text: the query, whose words may name things of the scene.
        reachable: the predicates that some skill can make true, or false.
        robot: what is asked of a robot is compared with it, if it is given.
    """

    def __init__(
        self,
        facts: Facts,
        text: str,
        reachable: frozenset[tuple[str, bool]],
        robot: RobotSpec | None = None,
    ) -> None:
        self._facts, self._reachable, self._robot = facts, reachable, robot
        self._hands = facts.table.hands
        self._true = {(atom.predicate, *atom.arguments) for atom in facts.true_atoms()}
        self.named = _named(facts, text)

    def fit(self, contract: Contract) -> Fit:
        """How a skill fits: by the best of the calls that it could have here."""
        if self._lacks(contract):
            return Fit("unfit")
        found = [self._call(contract, binding) for binding in self._bindings(contract)]
        return min(found, key=_preference, default=Fit("unfit"))

    def _lacks(self, contract: Contract) -> bool:
        if self._robot is not None and contract.embodiment.lacks(self._robot):
            return True
        return contract.embodiment.arms > max(len(self._hands), 1)

    def _bindings(self, contract: Contract) -> Iterator[dict[str, str]]:
        """Ways to call it: what the query names first."""
        wanted: list[str] = []
        domains: list[Sequence[str]] = []
        for parameter in contract.parameters:
            if parameter.optional:
                continue
            names = self._facts.table.names(parameter.type)
            wanted.append(f"?{parameter.name}")
            domains.append(sorted(names, key=lambda name: name not in self.named))
        if contract.one_handed and HAND_TAG not in {p.type for p in contract.parameters}:
            wanted.append(DEFAULT_HAND)
            domains.append(self._hands)
        combinations = (
            values for values in itertools.product(*domains) if _different(wanted, values)
        )
        for values in itertools.islice(combinations, _MOST_BINDINGS):
            yield dict(zip(wanted, values, strict=True))

    def _call(self, contract: Contract, binding: Mapping[str, str]) -> Fit:
        missing, hopeless = self._missing(contract.requires, binding)
        effects, others = literals(contract.achieves)
        made = bool(effects) and not others and not self._unmet(effects, binding)
        values = tuple(value for name, value in binding.items() if name != DEFAULT_HAND)
        named = len(self.named & set(values)) / len(self.named) if self.named else 0.0
        if hopeless:
            return Fit("unfit", values, tuple(missing), named)
        status: Status = "done" if made else "later" if missing else "now"
        return Fit(status, values, tuple(missing), named)

    def _missing(self, condition: Condition, binding: Mapping[str, str]) -> tuple[list[str], bool]:
        """What of a condition does not hold, and whether no skill could bring it about."""
        atoms, others = literals(condition)
        unmet = self._unmet(atoms, binding)
        hopeless = any((predicate, value) not in self._reachable for predicate, _, value in unmet)
        told = [("" if value else "not ") + str(Atom(name, of)) for name, of, value in unmet]
        for other in others:
            bound = other.bind(binding)
            if not bound.evaluate(self._facts).value:
                told += bound.unmet(self._facts)
        return told, hopeless

    def _unmet(
        self, atoms: Sequence[tuple[str, tuple[str, ...], bool]], binding: Mapping[str, str]
    ) -> list[tuple[str, tuple[str, ...], bool]]:
        bound = [
            (predicate, tuple(binding.get(name, name) for name in names), value)
            for predicate, names, value in atoms
        ]
        return [each for each in bound if ((each[0], *each[1]) in self._true) != each[2]]


def _preference(fit: Fit) -> tuple[float, int, int]:
    return -fit.named, _ORDER[fit.status], len(fit.missing)


def _different(names: Sequence[str], values: Sequence[str]) -> bool:
    """A skill is about different things: nothing is stacked on itself."""
    things = [value for name, value in zip(names, values, strict=True) if name != DEFAULT_HAND]
    return len(set(things)) == len(things)


def _named(facts: Facts, text: str) -> frozenset[str]:
    """The things of the scene that a text names, by their last word or all of their words."""
    words = set(stems(text))
    whole = {name: stems(name) for name in facts.table.types}
    exact = {name for name, parts in whole.items() if parts and words >= set(parts)}
    return frozenset(
        exact or {name for name, parts in whole.items() if parts[-1:] and parts[-1] in words}
    )
