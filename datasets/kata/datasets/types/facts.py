"""Facts: atoms that are true, false or unknown, with margin, probability and time.

Legend: `M` atoms of a scene.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ConditionError, UnknownNameError
from .pose import Array

PREDICATES: Mapping[str, int] = {
    "on": 2,
    "in": 2,
    "holding": 2,
    "open": 1,
    "closed": 1,
    "pressed": 1,
    "clear": 1,
    "gripper_empty": 1,
    "reachable": 2,
    "near": 2,
    "upright": 1,
}
"""Every predicate and its number of arguments, the hand included."""

HAND_PREDICATES = frozenset({"holding", "gripper_empty", "reachable"})
"""Predicates whose first argument is a hand; one-armed text may omit it."""

DEFAULT_HAND = "hand"
"""What the hand of a one-armed robot is called, and a text that omits the hand means."""

HAND_TAG = "hand"
"""The type of hands, for parameters and quantifiers."""

_ATOM = re.compile(r"\s*([a-z_][a-z0-9_]*)\s*\(\s*([^()]*?)\s*\)\s*", re.IGNORECASE)
_NAME = re.compile(r"\??[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, order=True)
class Atom:
    """A predicate over names, such as `in(red_cube, drawer)`; a variable begins with `?`."""

    predicate: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        shown = self.arguments
        if self.predicate in HAND_PREDICATES and shown[:1] == (DEFAULT_HAND,):
            shown = shown[1:]
        return f"{self.predicate}({', '.join(shown)})"

    @classmethod
    def parse(cls, text: str, hand: str = DEFAULT_HAND) -> Atom:
        """Atom of text; an omitted hand becomes `hand`. Raises ConditionError."""
        match = _ATOM.fullmatch(text)
        if match is None:
            raise ConditionError("not an atom", expected="predicate(name, ...)", got=repr(text))
        names = tuple(part.strip() for part in match[2].split(",")) if match[2] else ()
        return cls.of(match[1], names, hand)

    @classmethod
    def of(cls, predicate: str, names: Sequence[str], hand: str = DEFAULT_HAND) -> Atom:
        """Atom of a known predicate over names, its hand added if it is missing."""
        if predicate not in PREDICATES:
            raise UnknownNameError("predicate", predicate, PREDICATES)
        arity = PREDICATES[predicate]
        arguments = tuple(names)
        if predicate in HAND_PREDICATES and len(arguments) == arity - 1:
            arguments = (hand, *arguments)
        if len(arguments) != arity or not all(_NAME.fullmatch(n) for n in arguments):
            raise ConditionError(
                f"'{predicate}' with wrong arguments",
                expected=f"{arity} names",
                got=f"{predicate}({', '.join(names)})",
            )
        return cls(predicate, arguments)

    def bind(self, binding: Mapping[str, str]) -> Atom:
        """The atom with its variables replaced where the binding names them."""
        return Atom(self.predicate, tuple(binding.get(a, a) for a in self.arguments))


@dataclass(frozen=True, slots=True)
class Fact:
    """One atom's state: value (None is unknown), signed margin in units of hysteresis."""

    value: bool | None
    margin: float
    probability: float
    time_s: float


@dataclass(frozen=True, slots=True)
class AtomTable:
    """The atoms that a scene can have facts about, in a fixed order, and its typed names.

    `types` gives each name's tags, such as `red_cube: {cube, object, support}`. `memo` is for
    what conditions work out about this table, by their id; `texts` are the atoms as text;
    `hands` are the robot's, as the atoms name them.
    """

    atoms: tuple[Atom, ...]
    types: Mapping[str, frozenset[str]]
    index: Mapping[Atom, int] = field(init=False, compare=False)
    memo: dict[int, tuple[Any, Any]] = field(init=False, compare=False, repr=False)
    texts: tuple[str, ...] = field(init=False, compare=False, repr=False)
    hands: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "memo", {})
        object.__setattr__(self, "texts", tuple(map(str, self.atoms)))
        named = (atom.arguments[0] for atom in self.atoms if atom.predicate in HAND_PREDICATES)
        object.__setattr__(self, "hands", tuple(dict.fromkeys(named)) or (DEFAULT_HAND,))
        index = {atom: i for i, atom in enumerate(self.atoms)}
        if len(index) < len(self.atoms):
            raise ConditionError("an atom occurs twice in the table of a scene")
        object.__setattr__(self, "index", index)

    def names(self, tag: str) -> tuple[str, ...]:
        """Names that bear a tag, in the scene's order; of the tag `hand`, the robot's hands."""
        if tag == HAND_TAG:
            return self.hands
        return tuple(name for name, tags in self.types.items() if tag in tags)


@dataclass(frozen=True, slots=True, eq=False)
class Facts(Mapping[Atom, Fact]):
    """What holds now; equal to another mapping with the same atoms in the same states.

    Attributes:
        truth: (M,) int8: 1 true, 0 false, -1 unknown.
        margins: (M,) signed; beyond +1 an atom turns true, below -1 false, between it stays.
        probabilities: (M,) that the value given is right; None means 1.
    """

    table: AtomTable
    truth: NDArray[np.int8]
    margins: Array
    time_s: float
    probabilities: Array | None = None

    def __getitem__(self, atom: Atom) -> Fact:
        i = self.table.index[atom]
        value = int(self.truth[i])
        probability = 1.0 if self.probabilities is None else float(self.probabilities[i])
        known = None if value < 0 else bool(value)
        return Fact(known, float(self.margins[i]), probability, self.time_s)

    def __iter__(self) -> Iterator[Atom]:
        return iter(self.table.atoms)

    def __len__(self) -> int:
        return len(self.table.atoms)

    def __contains__(self, atom: object) -> bool:
        return atom in self.table.index

    def value(self, atom: Atom) -> bool | None:
        """True, False, or None where it is unknown or not in the table."""
        i = self.table.index.get(atom)
        if i is None or self.truth[i] < 0:
            return None
        return bool(self.truth[i])

    def margin(self, atom: Atom) -> float:
        """Signed margin; 0 where the atom is unknown."""
        i = self.table.index.get(atom)
        return 0.0 if i is None else float(self.margins[i])

    def true_atoms(self) -> frozenset[Atom]:
        """All atoms that are known to be true."""
        return frozenset(self.table.atoms[i] for i in np.flatnonzero(self.truth == 1))

    def true_texts(self) -> tuple[str, ...]:
        """All atoms that are known to be true, as sorted text."""
        texts = self.table.texts
        return tuple(sorted([texts[i] for i in np.flatnonzero(self.truth == 1).tolist()]))

    def flipped(self, changes: Mapping[Atom, bool]) -> Facts:
        """These facts after an effect: changed atoms get margin +-1. Raises ConditionError."""
        truth, margins = self.truth.copy(), self.margins.copy()
        for atom, value in changes.items():
            if atom not in self.table.index:
                raise ConditionError("no such atom in this scene", got=str(atom))
            i = self.table.index[atom]
            truth[i], margins[i] = int(value), 1.0 if value else -1.0
        return Facts(self.table, truth, margins, self.time_s, self.probabilities)
