"""The grammar: from tokens to clauses, without looking at the scene.

sentence := clause (separator clause)*
clause   := verb things* (relation things?)* | things be? (relation things | adjective)
things   := thing (("and" | ",") thing)* (except things)?
thing    := pronoun | determiner? number? attribute* noun?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .answers import NotUnderstood, UnresolvedError
from .words import Token

_DETERMINERS = ("the", "a", "all", "both", "none", "number", "other")
_THING = (*_DETERMINERS, "attribute", "noun", "name", "absent", "it", "them", "one")
Join = Literal["and", "then", "earlier"]


@dataclass(frozen=True, slots=True)
class Thing:
    """A noun phrase.

    Attributes:
        determiner: `the`, `a`, `all`, `both`, `none`, `it`, `them`, or empty.
        number: how many; 0 where it is not said.
        noun: a noun or tag, a name of the scene, or empty (`everything`, `the blue one`).
        absent: the noun is a known word that nothing in this scene is called by.
        other: only what was not mentioned yet.
    """

    text: str
    determiner: str = ""
    number: int = 0
    attributes: tuple[str, ...] = ()
    noun: str = ""
    name: str = ""
    plural: bool = False
    absent: bool = False
    other: bool = False


@dataclass(frozen=True, slots=True)
class Things:
    """Coordinated noun phrases, without some."""

    items: tuple[Thing, ...]
    excepted: tuple[Thing, ...] = ()

    @property
    def text(self) -> str:
        """As it was said."""
        return " and ".join(item.text for item in self.items)


@dataclass(frozen=True, slots=True)
class Clause:
    """One request: a verb with its things, or things with what should be true of them.

    Attributes:
        verb: a verb's name in the lexicon, or `skill NAME`; empty without a verb.
        join: how it follows the clause before: at once, afterwards, or before that one.
        relations: prepositions with the things after them, None where none is said.
        measures: which of the sentence's numbers with units are said in it.
        hand: the robot's hand that should do it, or empty.
    """

    text: str
    verb: str
    negated: bool
    join: Join
    theme: Things | None
    relations: tuple[tuple[str, Things | None], ...]
    adjective: str = ""
    particles: tuple[str, ...] = ()
    alone: bool = False
    measures: tuple[int, ...] = ()
    hand: str = ""


class Parser:
    """Recursive descent over tokens; raises UnresolvedError where it gets stuck."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = [token for token in tokens if token.get("filler") == ""]
        self._at = 0

    def clauses(self) -> list[Clause]:
        """All clauses in the order in which they are said."""
        out: list[Clause] = []
        opening: Join = "and"
        while True:
            join, negated = self._separators()
            if self._at >= len(self._tokens):
                return out
            if not out and self._peek(-1).get("before"):
                opening = "earlier"  # "before closing it, put ...": the second clause comes first
            elif len(out) == 1 and opening == "earlier":
                join = "earlier"
            elif len(out) == 1 and join == "and" and self._after_first:
                join = "then"
            out.append(self._clause(join, negated, out[-1] if out else None))

    _after_first = False
    _verb = False

    def _separators(self) -> tuple[Join, bool]:
        join: Join = "and"
        negated, start = False, self._at == 0
        while token := self._peek():
            kind = next((k for k in ("then", "before", "after", "without") if token.get(k)), "")
            if not kind and not (
                token.get("stop", "and", "first") or (token.get("but") and not start)
            ):
                break
            if kind == "then" or (kind == "before" and not start):
                join = "then"
            elif kind == "after" and not start:
                join = "earlier"
            elif kind == "after":
                self._after_first = True
            elif kind == "without":
                negated = True
            self._at += 1
        return join, negated

    def things_at(self, at: int) -> tuple[Things, int] | None:
        """The noun phrases that begin at a token, fillers not counted, and where they end."""
        self._at = at
        if not self._thing_ahead():
            return None
        try:
            things = self._things(True)
            while self._peek().get("except") and self._thing_ahead(1):
                self._at += 1
                more = self._things(True).items
                things = replace(things, excepted=(*things.excepted, *more))
        except UnresolvedError:
            return None
        return things, self._at

    def _peek(self, ahead: int = 0) -> Token:
        at = self._at + ahead
        return self._tokens[at] if 0 <= at < len(self._tokens) else Token("")

    def _clause(self, join: Join, negated: bool, before: Clause | None) -> Clause:
        start = self._at
        hand = ""
        while token := self._peek():
            if not token.get("not", "use"):
                break
            negated = negated is not bool(token.get("not"))
            hand = token.get("use") or hand
            self._at += 1
        verb = self._peek().get("verb")
        self._verb = bool(verb)
        if verb:
            self._at += 1
        elif not self._thing_ahead():
            raise self._stuck("a verb such as put, pick up, open or close")
        clause = Clause("", verb, negated, join, None, (), hand=hand)
        while token := self._peek():
            grown = self._grow(clause, token)
            if grown is None:
                break
            clause = grown
        text = " ".join(token.text for token in self._tokens[start : self._at])
        if before is not None and not (verb or clause.relations or clause.adjective):
            # "put the red cube on the shelf, then the blue one": the same for another thing
            clause = replace(
                clause, verb=before.verb, relations=before.relations, adjective=before.adjective
            )
        return replace(clause, text=text)

    def _grow(self, clause: Clause, token: Token) -> Clause | None:
        """The clause with what comes next in it; None where it ends."""
        if token.get("except") and clause.theme is not None and self._thing_ahead(1):
            self._at += 1
            return self._without(clause)
        if token.get("but") and clause.theme is not None and self._thing_ahead(1):
            if any(item.determiner == "all" for item in clause.theme.items):
                self._at += 1
                return self._without(clause)
            return None
        if token.get("alone", "measure", "use", "particle"):
            self._at += 1
            return _told(clause, token)
        relation = token.get("relation")
        if relation:
            self._at += 1
            ground = self._things(False) if self._thing_ahead() else None
            return replace(clause, relations=(*clause.relations, (relation, ground)))
        if clause.theme is not None and token.get("adjective"):
            self._at += 1
            return replace(clause, adjective=token.get("adjective"))
        if clause.theme is not None and token.get("be"):
            self._at += 1
            return clause
        if clause.theme is not None and token.get("not"):
            self._at += 1
            return replace(clause, negated=not clause.negated)
        if clause.theme is None and self._thing_ahead():
            return replace(clause, theme=self._things(True))
        if token.get("stop", "and", "then", "but", "before", "after", "without"):
            return None
        raise self._stuck("the end, 'and' or 'then'")

    def _without(self, clause: Clause) -> Clause:
        assert clause.theme is not None
        more = self._things(True).items
        theme = replace(clause.theme, excepted=(*clause.theme.excepted, *more))
        return replace(clause, theme=theme)

    def _thing_ahead(self, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return bool(token.get(*_THING)) or (
            bool(token.get("adjective")) and bool(self._peek(ahead + 1).get("noun", "name"))
        )

    def _things(self, several: bool) -> Things:
        items = [self._thing()]
        while several:
            ahead = 0
            while self._peek(ahead).get("and") or self._peek(ahead).text == ",":
                ahead += 1
            if not ahead or not self._thing_ahead(ahead):
                break
            if self._verb and self._clause_ahead(ahead):
                break
            self._at += ahead
            items.append(self._thing())
        named = items[-1]
        shared = [
            replace(item, noun=named.noun, absent=named.absent, plural=False)
            if item.attributes and not item.noun and not item.name and item is not named
            else item
            for item in items
        ]
        if len(items) > 1 and shared[0].determiner == "both":
            shared[0] = replace(shared[0], determiner="the")  # "both the red and the blue cube"
        if len(items) > 1 and named.plural and named.attributes and items[-2].attributes:
            shared[-1] = replace(named, plural=False)  # "the red and blue cubes" are two
        return Things(tuple(shared))

    def _clause_ahead(self, ahead: int) -> bool:
        """Whether the thing there begins a clause of its own, as in `the drawer should be open`."""
        while self._peek(ahead).get(*_THING):
            ahead += 1
        return bool(self._peek(ahead).get("be"))

    def _thing(self) -> Thing:
        start = self._at
        determiner, number, other = "", 0, False
        attributes: list[str] = []
        while token := self._peek():
            kind = next((k for k in (*_DETERMINERS, "it", "them") if token.get(k)), "")
            if kind in ("it", "them"):
                self._at += 1
                return Thing(token.text, kind)
            if kind == "number" and token.get("one") and not self._noun_ahead(1):
                break  # "the blue one"
            if kind == "number":
                number = int(token.get("number"))
                determiner = determiner if number else "none"
            elif kind == "other":
                other = True
            elif kind:
                determiner = determiner if determiner in ("all", "both") else kind
                other = other or token.text == "another"
            elif token.get("attribute"):
                attributes.append(token.get("attribute"))
            elif not token.get("of") and not (token.get("adjective") and self._noun_ahead(1)):
                break
            self._at += 1
        token = self._peek()
        noun, _, plural = token.get("name", "noun", "absent").partition(" ")
        if noun or token.get("one"):
            self._at += 1
        elif not (determiner in ("all", "both", "none") or other or attributes or number):
            raise self._stuck("the name of a thing")
        text = " ".join(token.text for token in self._tokens[start : self._at])
        name = token.get("name")
        return Thing(
            text,
            determiner,
            number,
            tuple(attributes),
            "" if name else noun,
            name,
            bool(plural) or token.text == "ones",
            not token.get("noun", "name") and bool(token.get("absent")),
            other,
        )

    def _noun_ahead(self, ahead: int) -> bool:
        token = self._peek(ahead)
        return bool(token.get("noun", "name", "attribute", "absent", "of", "other"))

    def _stuck(self, expected: str) -> UnresolvedError:
        token = self._peek()
        at = f"'{token.text}'" if token.text else "the end"
        return UnresolvedError(NotUnderstood(f"at {at}: expected {expected}"))


def _told(clause: Clause, token: Token) -> Clause:
    """The clause with a word that says how."""
    if token.get("alone"):
        return replace(clause, alone=True)
    if token.get("measure"):
        return replace(clause, measures=(*clause.measures, int(token.get("measure"))))
    if token.get("use"):
        return replace(clause, hand=token.get("use"))
    return replace(clause, particles=(*clause.particles, token.text))
