"""What one execution of a call says about its contract.

Facts are told in the call's roles, so that executions compare: `near(red_cube, blue_cube)` of
`pick(red_cube)` and `near(cup, red_cube)` of `pick(cup)` are both `near(?object, *)`. A `*` is any
name that is neither an argument nor named by the contract itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import (
    DEFAULT_HAND,
    HAND_PREDICATES,
    Atom,
    AtomTable,
    Facts,
    PackageError,
)
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.execution.log import RunLog, Span
from kata.skills.planning.effects import effect

from .start_facts import start_conditions

OTHERS = "*"
"""Stands for any name that the call is not about."""

DERIVED = frozenset({"clear"})
"""Predicates that follow from others, so that no contract has to name them."""

_LISTS = ("promised", "before", "missed", "held", "lost", "gained")
_VALUES: Mapping[bool | None, int] = {True: 1, False: 0, None: -1}


@dataclass(frozen=True, slots=True)
class Witness:
    """One execution of one call.

    Attributes:
        call: what ran; not which version of it, for trials are blind.
        required: `requires` held at the start; None where that is unknown.
        claimed: the executor called it done.
        reached: `achieves` held when it was looked at last: at the next call, or after the tail.
        missed: parts of `achieves` that did not hold then.
        before: parts of `achieves` that held at the start already; with `promised`, all parts.
        held: facts that the contract does not name, of which one was true at the start.
        lost, gained: of such facts, those of which one became false, or true.
        tags: of each lost or gained fact with a `*`, the tag of the names that it stands for.
        conditions: what held at the start; see `start_facts`.
    """

    call: str
    required: bool | None
    claimed: bool
    reached: bool
    promised: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, call: Call, begin: Facts, end: Facts, *, claimed: bool) -> Witness:
        """Of the facts before and after a call; margins are not kept, and do not count."""
        lift = Lifting(call, begin.table)
        promised: dict[str, list[tuple[bool, bool]]] = {}
        for atom, wanted in call.achieves.literals(begin.table).items():
            story = begin.value(atom) is wanted, end.value(atom) is wanted
            promised.setdefault(lift.literal(atom, wanted), []).append(story)
        held, lost, gained = _unnamed(call, begin, end, lift)
        return cls(
            call=str(call),
            required=call.requires.plain().evaluate(begin).value,
            claimed=claimed,
            reached=bool(call.achieves.plain().evaluate(end).value),
            promised=tuple(sorted(promised)),
            before=_texts(promised, lambda stories: all(was for was, _ in stories)),
            missed=_texts(promised, lambda stories: not all(is_ for _, is_ in stories)),
            held=tuple(sorted(held)),
            lost=tuple(sorted(lost)),
            gained=tuple(sorted(gained)),
            tags=dict(sorted((lost | gained).items())),
            conditions=start_conditions(call, begin),
        )

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file; `from_data` reads it back to an equal one."""
        return {
            "call": self.call,
            "required": self.required,
            "claimed": self.claimed,
            "reached": self.reached,
            **{name: list(getattr(self, name)) for name in _LISTS},
            "tags": dict(self.tags),
            "conditions": dict(self.conditions),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Witness:
        """Inverse of `to_data`. Raises PackageError for data of another form."""
        try:
            lists: dict[str, Any] = {name: tuple(map(str, data[name])) for name in _LISTS}
            return cls(
                **{name: data[name] for name in ("call", "required", "claimed", "reached")},
                **lists,
                tags=dict(data["tags"]),
                conditions=dict(data["conditions"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PackageError("not an execution", got=repr(error)) from None


class Lifting:
    """Names of one call's scene as roles of its contract."""

    def __init__(self, call: Call, table: AtomTable) -> None:
        contract = call.contract
        conditions = (contract.requires, contract.holds, contract.achieves)
        fixed = {n for c in conditions for atom in c.atoms() for n in atom.arguments}
        self._table = table
        self._roles = {name: name for name in fixed if not name.startswith("?")}
        self._roles |= {value: f"?{name}" for name, value in call.arguments.items()}
        self._order = [*(f"?{name}" for name in call.arguments), *sorted(self._roles)]
        self._hand = call.hand
        self._types = {parameter.type for parameter in contract.parameters}
        self._tags: dict[tuple[str, int], str] = {}

    def atom(self, atom: Atom) -> Atom:
        """The atom in roles; the hand of the call is `hand`, both orders of `near` are one."""
        names = [self._roles.get(name, OTHERS) for name in atom.arguments]
        if atom.predicate in HAND_PREDICATES:
            names[0] = DEFAULT_HAND if atom.arguments[0] == self._hand else OTHERS
        if atom.predicate == "near":
            names.sort(key=self._rank)
        return Atom(atom.predicate, tuple(names))

    def _rank(self, role: str) -> int:
        """Parameters in their order, then what the contract names, then the others."""
        return self._order.index(role) if role in self._order else len(self._order)

    def literal(self, atom: Atom, value: bool) -> str:
        """As text, negated where the value is False."""
        return str(self.atom(atom)) if value else f"not {self.atom(atom)}"

    def tag(self, lifted: Atom) -> str:
        """The tag of what `*` stands for; empty without one, or where no tag or many would do."""
        places = [i for i, name in enumerate(lifted.arguments) if name == OTHERS]
        if len(places) != 1 or (lifted.predicate in HAND_PREDICATES and places == [0]):
            return ""
        key = lifted.predicate, places[0]
        if key not in self._tags:
            self._tags[key] = self._common_tag(*key)
        return self._tags[key]

    def _common_tag(self, predicate: str, place: int) -> str:
        """The tag that fits the names at one place of a predicate most closely."""
        atoms = self._table.atoms
        names = {atom.arguments[place] for atom in atoms if atom.predicate == predicate}
        types = self._table.types
        shared = set.intersection(*(set(types.get(name, ())) for name in names))
        # Of tags that fit alike the contract's own word.
        fits = {tag: (len(self._table.names(tag)), tag not in self._types, tag) for tag in shared}
        return min(fits, key=fits.__getitem__, default="")


def _texts(promised: Mapping[str, list[tuple[bool, bool]]], chosen: Any) -> tuple[str, ...]:
    return tuple(sorted(text for text, stories in promised.items() if chosen(stories)))


def _unnamed(
    call: Call, begin: Facts, end: Facts, lift: Lifting
) -> tuple[set[str], dict[str, str], dict[str, str]]:
    """Facts that the contract does not name: those that held, were lost, were gained."""
    table = begin.table
    named = effect(call, table)
    held: set[str] = set()
    lost: dict[str, str] = {}
    gained: dict[str, str] = {}
    # Only what was or became true has a story to tell.
    for i in np.flatnonzero((begin.truth == 1) | (end.truth == 1)).tolist():
        atom = table.atoms[i]
        if atom in named or atom.predicate in DERIVED:
            continue
        lifted = lift.atom(atom)
        was, now = int(begin.truth[i]), int(end.truth[i])
        if was == 1:
            held.add(str(lifted))
        if (was, now) == (1, 0):
            lost[str(lifted)] = lift.tag(lifted)
        elif (was, now) == (0, 1):
            gained[str(lifted)] = lift.tag(lifted)
    return held, lost, gained


def witnesses(log: RunLog, contracts: Sequence[Contract]) -> Iterator[Witness]:
    """Of every call of a run that had the robot to itself.

    What another call did meanwhile cannot be told apart, so that spans that overlap say nothing,
    nor does one that was cancelled or not finished.
    """
    spans = [span for span in log.spans if span.kind == "call"]
    known = {contract.name for contract in contracts}
    for span in spans:
        alone = all(other is span or not _overlap(span, other) for other in spans)
        name = span.call.partition("(")[0]
        if not alone or span.outcome not in ("done", "failed") or name not in known:
            continue
        call = Call.parse(span.call, contracts)
        begin, end = _facts_at(log, span.start_s), _facts_at(log, _looked_at(log, span))
        yield Witness.of(call, begin, end, claimed=span.outcome == "done")


def _overlap(one: Span, other: Span) -> bool:
    return one.start_s < other.end_s - 1e-9 and other.start_s < one.end_s - 1e-9


def _looked_at(log: RunLog, span: Span) -> float:
    """Just before the next call or transition begins, else the end of the tail."""
    coming = [other.start_s for other in log.spans if other.start_s >= span.end_s - 1e-9]
    return min((s for s in coming if s > span.start_s), default=float("inf"))


def _facts_at(log: RunLog, time_s: float) -> Facts:
    """The facts of a moment, from the first ones and what changed up to it."""
    table = log.first.table
    rows = {text: i for i, text in enumerate(table.texts)}
    truth: NDArray[np.int8] = log.first.truth.copy()
    for flip in log.flips:
        if flip.time_s <= time_s + 1e-9:
            truth[rows[flip.atom]] = _VALUES[flip.value]
    margins = np.where(truth > 0, 1.0, np.where(truth == 0, -1.0, 0.0))
    return Facts(table, truth, margins, min(time_s, log.last.time_s))
