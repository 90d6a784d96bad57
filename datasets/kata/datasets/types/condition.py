"""Conditions: parsed once, used by manifest, planner, check, watch and labels.

Grammar (`?name` is a variable, `tag` an entity's type):

    condition := clause ("or" clause)*
    clause    := term ("and" term)*
    term      := "not" term | "(" condition ")" | quantifier | atom [">=" number] | "true"
    quantifier:= ("forall" | "exists") ?name ":" tag "." term

Truth is Kleene's: unknown where the unknown atoms matter. The margin is min over `and` and
`forall`, max over `or` and `exists`, negated by `not`. An atom that the scene's table does not
have, such as `on(red_cube, red_cube)`, is false and infinitely far from true, so that `forall` may
run over all supports. `open(drawer) >= 2` is true if the drawer is open by a margin of 2 at least,
in units of its hysteresis: what execution checks; a plan counts on the atom alone (`plain`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .errors import ConditionError
from .facts import DEFAULT_HAND, Atom, AtomTable, Facts
from .pose import Array

Kind = Literal["atom", "not", "and", "or", "forall", "exists", "true"]
_TOKEN = re.compile(r"\s*(?:\?[A-Za-z_]\w*|[A-Za-z_]\w*|[().,:]|>=|\d+(?:\.\d+)?)")
_MAX_DEPTH = 40
_MEMO_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Truth:
    """Outcome of an evaluation: value (None is unknown) and signed margin."""

    value: bool | None
    margin: float


@dataclass(frozen=True, slots=True)
class Condition:
    """One node of a condition; build it with `Condition.parse`.

    Attributes:
        least: of an atom, the margin that it must have beside being true; 0 asks for none.
    """

    kind: Kind
    parts: tuple[Condition, ...] = ()
    atom: Atom | None = None
    variable: str = ""
    tag: str = ""
    least: float = 0.0

    @classmethod
    def parse(cls, text: str, hand: str = DEFAULT_HAND) -> Condition:
        """Condition of text; empty text is `true`. Raises ConditionError."""
        if not text.strip():
            return cls("true")
        return _Parser(text, hand).run()

    @classmethod
    def of(cls, atoms: Mapping[Atom, bool]) -> Condition:
        """Conjunction of atoms, those mapped to False negated."""
        return cls.every(
            cls("atom", atom=atom) if value else cls("not", (cls("atom", atom=atom),))
            for atom, value in atoms.items()
        )

    @classmethod
    def every(cls, parts: Iterable[Condition]) -> Condition:
        """All of these conditions; none of them is `true`, a single one itself."""
        terms = tuple(parts)
        return terms[0] if len(terms) == 1 else cls("and", terms) if terms else cls("true")

    @classmethod
    def any(cls, parts: Iterable[Condition]) -> Condition:
        """One of these conditions at least; of none it is `not true`."""
        terms = tuple(parts)
        if terms:
            return terms[0] if len(terms) == 1 else cls("or", terms)
        return cls("not", (cls("true"),))

    def __str__(self) -> str:
        if self.kind == "atom":
            return f"{self.atom} >= {self.least:g}" if self.least else str(self.atom)
        if self.kind == "not":
            return f"not {_bracketed(self.parts[0])}"
        if self.kind in ("and", "or"):
            return f" {self.kind} ".join(_bracketed(part) for part in self.parts)
        if self.kind == "true":
            return "true"
        return f"{self.kind} {self.variable}: {self.tag}. {_bracketed(self.parts[0])}"

    def atoms(self) -> Iterator[Atom]:
        """All atoms in it, with variables where they are not bound."""
        if self.atom is not None:
            yield self.atom
        for part in self.parts:
            yield from part.atoms()

    def free(self) -> frozenset[str]:
        """Variables that no quantifier binds."""
        inner = frozenset(v for part in self.parts for v in part.free())
        if self.atom is not None:
            return frozenset(a for a in self.atom.arguments if a.startswith("?"))
        return inner - {self.variable}

    def bind(self, binding: Mapping[str, str]) -> Condition:
        """The condition with its free variables replaced."""
        if self.atom is not None:
            return replace(self, atom=self.atom.bind(binding))
        inner = {k: v for k, v in binding.items() if k != self.variable}
        parts = tuple(part.bind(inner) for part in self.parts)
        return Condition(self.kind, parts, None, self.variable, self.tag)

    def ground(self, table: AtomTable) -> Condition:
        """The condition with its quantifiers written out over the names of a scene."""
        if self.kind in ("forall", "exists"):
            parts = tuple(
                self.parts[0].bind({self.variable: name}).ground(table)
                for name in table.names(self.tag)
            )
            return Condition.every(parts) if self.kind == "forall" else Condition.any(parts)
        return replace(self, parts=tuple(part.ground(table) for part in self.parts))

    def plain(self) -> Condition:
        """The condition without its margins: what a plan can promise."""
        return replace(self, parts=tuple(part.plain() for part in self.parts), least=0.0)

    def evaluate(self, facts: Facts) -> Truth:
        """Truth of a condition without free variables."""
        if self.kind == "atom":
            assert self.atom is not None
            if self.atom not in facts:
                return Truth(False, float("-inf"))  # what the scene cannot have is false
            value, margin = facts.value(self.atom), facts.margin(self.atom) - self.least
            # Without a least margin the hysteresis decides, which remembers.
            return Truth(value and margin >= 0 if self.least else value, margin)
        if self.kind == "true":
            return Truth(True, float("inf"))
        if self.kind == "not":
            inner = self.parts[0].evaluate(facts)
            return Truth(None if inner.value is None else not inner.value, -inner.margin)
        compiled = self._compiled(facts.table)
        if isinstance(compiled, _Literals):
            return compiled.evaluate(facts)
        if self.kind in ("forall", "exists"):
            return compiled.evaluate(facts)
        return self._combine([part.evaluate(facts) for part in self.parts])

    def _compiled(self, table: AtomTable) -> Condition | _Literals:
        """`ground`, remembered by the table: conditions are evaluated every frame.

        A conjunction of atoms becomes rows of the table, which are read all at once.
        """
        known = table.memo.get(id(self))
        if known is None:
            if len(table.memo) >= _MEMO_SIZE:
                table.memo.clear()
            grounded = self.ground(table)
            # The condition is kept with its outcome, so that its id is not given to another.
            known = table.memo[id(self)] = (self, _Literals.of(grounded, table) or grounded)
        found: Condition | _Literals = known[1]
        return found

    def _combine(self, truths: list[Truth]) -> Truth:
        decisive = self.kind == "or"
        margins = [truth.margin for truth in truths]
        if decisive:
            margin = max(margins, default=float("-inf"))
        else:
            margin = min(margins, default=float("inf"))
        values = [truth.value for truth in truths]
        if decisive in values:
            return Truth(decisive, margin)
        return Truth(None if None in values else not decisive, margin)

    def literals(self, table: AtomTable) -> dict[Atom, bool]:
        """A conjunction as atom -> wanted value: an effect or a goal.

        Atoms that the scene does not have are left out if negated (they cannot become true).
        Raises ConditionError for `or` and `exists`, which name no single outcome.
        """
        return {
            atom: value
            for atom, value in self.ground(table)._conjuncts(True)
            if value or atom in table.index
        }

    def _conjuncts(self, value: bool) -> Iterator[tuple[Atom, bool]]:
        if self.kind == "true" and value:
            return
        if self.atom is not None:
            yield self.atom, value
        elif self.kind == "not":
            yield from self.parts[0]._conjuncts(not value)
        elif self.kind == ("and" if value else "or") or len(self.parts) == 1:
            for part in self.parts:
                yield from part._conjuncts(value)
        else:
            raise ConditionError("no single outcome", expected="a conjunction", got=str(self))

    def unmet(self, facts: Facts) -> tuple[str, ...]:
        """The smallest parts that are not true now, as text, for messages."""
        if self.evaluate(facts).value:
            return ()
        if self.kind == "and":
            return tuple(text for part in self.parts for text in part.unmet(facts))
        if self.kind == "forall":
            return self.ground(facts.table).unmet(facts)
        return (str(self),)


@dataclass(frozen=True, slots=True)
class _Literals:
    """A conjunction of atoms and negated atoms, as rows (n,) of a table.

    Attributes:
        rows: indices of the atoms.
        wanted: 1 where the atom must be true, 0 where it must be false.
        signs: 1.0 and -1.0 likewise, for the margins.
        least: margins that are asked for; 0 asks for none.
        possible: False where an atom is wanted that the table does not have.
    """

    rows: NDArray[np.intp]
    wanted: NDArray[np.int8]
    signs: Array
    least: Array
    possible: bool

    @classmethod
    def of(cls, grounded: Condition, table: AtomTable) -> _Literals | None:
        """The literals of a grounded conjunction; None for anything else."""
        found: list[tuple[int, bool, float]] = []
        possible = True
        terms = [grounded]
        while terms:
            term = terms.pop()
            if term.kind == "and":
                terms += term.parts
                continue
            value = term.kind != "not"
            leaf = term if value else term.parts[0]
            atom = leaf.atom
            # What lacks a margin only is neither true nor a negated atom.
            if atom is None or (leaf.least and not value):
                return None
            row = table.index.get(atom)
            if row is not None:
                found.append((row, value, leaf.least))
            elif value:
                possible = False
        values = np.array([value for _, value, _ in found], dtype=bool)
        rows = np.array([row for row, _, _ in found], dtype=np.intp)
        least = np.array([least for _, _, least in found], dtype=float)
        return cls(rows, values.astype(np.int8), np.where(values, 1.0, -1.0), least, possible)

    def evaluate(self, facts: Facts) -> Truth:
        """As `Condition.evaluate`."""
        truth = facts.truth[self.rows]
        margins = facts.margins[self.rows] * self.signs - self.least
        margin = float(margins.min(initial=np.inf)) if self.possible else float("-inf")
        other = truth != self.wanted
        short = ~other & (self.least > 0) & (margins < 0)
        if not self.possible or (short | (other & (truth >= 0))).any():
            return Truth(False, margin)
        return Truth(None if other.any() else True, margin)


def _bracketed(condition: Condition) -> str:
    text = str(condition)
    return f"({text})" if condition.kind in ("and", "or", "forall", "exists") else text


class _Parser:
    """Recursive descent over the grammar of this module."""

    def __init__(self, text: str, hand: str) -> None:
        self.text, self.hand, self.at, self.depth = text, hand, 0, 0

    def run(self) -> Condition:
        condition = self.either()
        if self.peek():
            raise self.error("end of text")
        return condition

    def peek(self) -> str:
        match = _TOKEN.match(self.text, self.at)
        if match is None and self.text[self.at :].strip():
            raise self.error("a name, a bracket or a comma")
        return match[0].strip() if match else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise self.error(f"'{wanted}'" if wanted else "a name")
        match = _TOKEN.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return token

    def error(self, expected: str) -> ConditionError:
        got = self.text[self.at :].strip()[:30] or "the end"
        where = f"condition '{self.text.strip()[:80]}'"
        return ConditionError("cannot parse", where=where, expected=expected, got=repr(got))

    def series(self, word: Literal["and", "or"]) -> Condition:
        parts = [self.series("and") if word == "or" else self.term()]
        while self.peek() == word:
            self.take()
            parts.append(self.series("and") if word == "or" else self.term())
        return parts[0] if len(parts) == 1 else Condition(word, tuple(parts))

    def either(self) -> Condition:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error(f"at most {_MAX_DEPTH} nested brackets")
        condition = self.series("or")
        self.depth -= 1
        return condition

    def term(self) -> Condition:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error(f"at most {_MAX_DEPTH} nested terms")
        condition = self._term()
        self.depth -= 1
        return condition

    def _term(self) -> Condition:
        token = self.take()
        if token == "(":
            inner = self.either()
            self.take(")")
            return inner
        if token == "not":
            return Condition("not", (self.term(),))
        if token == "true":
            return Condition("true")
        if token in ("forall", "exists"):
            variable = self.take()
            if not variable.startswith("?"):
                raise self.error("a variable such as ?x before the colon")
            self.take(":")
            tag = self.take()
            if not tag.isidentifier():
                raise self.error("a tag such as cube before the dot")
            self.take(".")
            kind: Kind = "forall" if token == "forall" else "exists"
            return Condition(kind, (self.term(),), None, variable, tag)
        self.take("(")
        names: list[str] = []
        while self.peek() != ")":
            names.append(self.take())
            if self.peek() != ")":
                self.take(",")
                if self.peek() == ")":
                    raise self.error("a name after the comma")
        self.take(")")
        atom = Atom.of(token, names, self.hand)
        if self.peek() != ">=":
            return Condition("atom", atom=atom)
        self.take()
        if not self.peek()[:1].isdigit():
            raise self.error("a margin such as 2, in units of the fact's hysteresis")
        return Condition("atom", atom=atom, least=float(self.take()))
