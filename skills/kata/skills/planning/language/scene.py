"""What can be made true in a scene with these skills, and what excludes what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from kata.datasets.types import DEFAULT_HAND, HAND_PREDICATES, Atom, AtomTable, Facts
from kata.skills.contract.contract import Contract
from kata.skills.planning.problem import grounded_calls

from .words import Vocabulary


class Scene:
    """The atoms that calls make true, read from the contracts' effects.

    Attributes:
        made: atoms that some call achieves and that name one of its arguments: its point.
    """

    def __init__(self, words: Vocabulary, facts: Facts, contracts: Sequence[Contract]) -> None:
        self.words, self.facts, self.table = words, facts, facts.table
        self.hand = _first_hand(self.table)
        self.made: dict[Atom, str] = {}
        self._ended: defaultdict[Atom, set[Atom]] = defaultdict(set)
        self._rivals: defaultdict[Atom, set[Atom]] = defaultdict(set)
        for call, changes in grounded_calls(self.table, contracts):
            about = [atom for atom in changes if set(atom.arguments) & set(call.values)]
            gained = [atom for atom in about if changes[atom]]
            ended = [atom for atom in about if not changes[atom]]
            for atom in gained:
                self.made.setdefault(atom, call.contract.name)
                self._ended[atom].update(ended)
                for other in ended:
                    self._rivals[other].add(atom)
        self._makeable = {atom.predicate for atom in self.made}

    def atom(self, predicate: str, *names: str) -> Atom:
        """The atom, with a hand where it needs one: what holds the thing, else what reaches it."""
        hands = self.table.hands
        if len(hands) < 2 or predicate not in HAND_PREDICATES:
            return Atom.of(predicate, names, self.hand)
        things = {names[-1]} if names else set(self.table.names("object"))
        holding = (h for h in hands if any(self._is("holding", h, name) for name in things))
        reaching = (h for h in hands if all(self._is("reachable", h, name) for name in things))
        hand = next(holding, next(reaching, self.hand) if names else self.hand)
        return Atom.of(predicate, names, hand)

    def _is(self, predicate: str, hand: str, name: str) -> bool:
        return self.facts.value(Atom(predicate, (hand, name))) is True

    def possible(self, predicate: str, *names: str) -> bool:
        """Whether a skill can make it true; where none makes that predicate, the scene has it."""
        atom = self.atom(predicate, *names)
        return atom in (self.made if predicate in self._makeable else self.table.index)

    def true(self, predicate: str, *names: str) -> bool:
        """Whether it is known to be true now."""
        return self.facts.value(self.atom(predicate, *names)) is True

    def conflict(self, a: Atom, b: Atom) -> bool:
        """Whether reaching one ends the other: open and closed, or two places of one thing."""
        if a == b:
            return False
        if b in self._ended[a] or a in self._ended[b]:
            return True
        shared = self._ended[a] & self._ended[b]
        return any(a in self._rivals[end] and b in self._rivals[end] for end in shared)

    def places(self, name: str) -> list[Atom]:
        """Where a thing is now: its true `on` and `in`, and whether it is open or closed."""
        return [
            atom
            for atom in self.table.atoms
            if atom.predicate in ("on", "in", "open", "closed")
            and atom.arguments[0] == name
            and self.facts.value(atom) is True
        ]

    def contents(self, name: str) -> list[Atom]:
        """All atoms that say that something is on or in a thing."""
        return [
            atom
            for atom in self.table.atoms
            if atom.predicate in ("on", "in") and atom.arguments[1:] == (name,)
        ]

    def say(self, atom: Atom) -> str:
        """A sentence that asks for an atom."""
        names = [n for n in atom.arguments if n != self.hand or n in self.table.types]
        spoken = [self.words.spoken(name) for name in names]
        template = self.words.lexicon.say.get(atom.predicate)
        if template is None:
            skill = self.made.get(atom, atom.predicate).replace("_", " ")
            return f"{skill} the {' and the '.join(spoken)}" if spoken else skill
        return template.format(*spoken)

    def examples(self, about: Sequence[str] = (), most: int = 6) -> tuple[str, ...]:
        """Sentences that would be understood, one a predicate, about these names if possible."""
        wanted = [atom for atom in self.made if set(about) & set(atom.arguments)]
        one: dict[str, Atom] = {}
        for atom in wanted or self.made:
            one.setdefault(atom.predicate, atom)
        return tuple(self.say(atom) for atom in one.values())[:most]


def _first_hand(table: AtomTable) -> str:
    hands = [a.arguments[0] for a in table.atoms if a.predicate in HAND_PREDICATES]
    return hands[0] if hands else DEFAULT_HAND
