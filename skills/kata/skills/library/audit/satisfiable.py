"""Whether conditions can be true at all, in a small scene that is made up for them.

Every parameter becomes one thing of its type and every quantified tag gets one more, so that what
is contradictory in itself is contradictory here. What remains are atoms, tried one by one, with
what no world allows taken out: a drawer that is open and closed, a hand that is empty and holds.
The search gives up after a bounded number of steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from kata.datasets.types import HAND_TAG, Atom, AtomTable, Condition
from kata.datasets.types.facts import DEFAULT_HAND, HAND_PREDICATES, PREDICATES

_MOST_STEPS, _MOST_NAMES, _MOST_PARTS = 2_000, 10, 5_000

Known = dict[Atom, bool]

_TRUE = Condition("true")
_FALSE = Condition("not", (_TRUE,))


class TooHardError(Exception):
    """The search was given up, so nothing is known."""


def can_be_true(conditions: Sequence[Condition], types: Mapping[str, str]) -> bool:
    """Whether all conditions can be true at once; `types` gives each parameter's.

    Raises TooHardError where that cannot be found out in a bounded time.
    """
    table = _scene(conditions, types)
    binding = {f"?{name}": name for name in types}
    grounded = [condition.plain().bind(binding) for condition in conditions]
    # Nested quantifiers multiply: what they would become is counted before it is written out.
    if sum(_size(condition, table) for condition in grounded) > _MOST_PARTS:
        raise TooHardError
    whole = Condition.every(condition.ground(table) for condition in grounded)
    return _search(whole, {}, [_MOST_STEPS])


def is_impossible(atom: Atom) -> bool:
    """Whether no world makes it true: nothing is on, in or near itself."""
    return atom.predicate in ("on", "in", "near") and len(set(atom.arguments)) == 1


def exclude(one: Atom, other: Atom) -> bool:
    """Whether no world makes both true."""
    pair = {one.predicate, other.predicate}
    if one == other:
        return False
    if pair == {"open", "closed"}:
        return one.arguments == other.arguments
    if pair in ({"holding", "gripper_empty"}, {"holding"}):
        return one.arguments[0] == other.arguments[0]
    return pair == {"on"} and one.arguments == other.arguments[::-1]


def _scene(conditions: Sequence[Condition], types: Mapping[str, str]) -> AtomTable:
    names: dict[str, set[str]] = {name: {kind} for name, kind in types.items()}
    for condition in conditions:
        for tag in _tags(condition):
            if tag != HAND_TAG:
                names.setdefault(f"some_{tag}", set()).add(tag)
        for atom in condition.atoms():
            for argument in atom.arguments:
                if not argument.startswith("?"):
                    names.setdefault(argument, set())
    if len(names) > _MOST_NAMES:
        raise TooHardError
    hands = sorted({DEFAULT_HAND, *(name for name, tags in names.items() if HAND_TAG in tags)})
    atoms = []
    for predicate, arity in PREDICATES.items():
        places = [sorted(names)] * arity
        if predicate in HAND_PREDICATES:
            places[0] = hands
        atoms += [Atom(predicate, arguments) for arguments in product(*places)]
    return AtomTable(tuple(atoms), {name: frozenset(tags) for name, tags in names.items()})


def _tags(condition: Condition) -> Iterator[str]:
    if condition.tag:
        yield condition.tag
    for part in condition.parts:
        yield from _tags(part)


def _size(condition: Condition, table: AtomTable) -> int:
    times = max(len(table.names(condition.tag)), 1) if condition.tag else 1
    return 1 + times * sum(_size(part, table) for part in condition.parts)


def _search(condition: Condition, known: Known, left: list[int]) -> bool:
    """Whether some choice of the atoms that are not known makes a condition true."""
    left[0] -= 1
    if left[0] < 0:
        raise TooHardError
    condition = _put_in(condition, known)
    if condition.kind == "true":
        return True
    atom = next(condition.atoms(), None)
    if atom is None:
        return False
    return any(_search(condition, chosen, left) for chosen in _choices(atom, condition, known))


def _choices(atom: Atom, condition: Condition, known: Known) -> Iterator[Known]:
    possible = not is_impossible(atom)
    if possible and not any(value and exclude(atom, other) for other, value in known.items()):
        others = {other for other in condition.atoms() if exclude(atom, other)}
        yield known | {atom: True} | dict.fromkeys(others, False)
    yield known | {atom: False}


def _put_in(condition: Condition, known: Known) -> Condition:
    """The condition with what is known put in, as far as that settles it."""
    if condition.kind == "atom":
        assert condition.atom is not None
        value = known.get(condition.atom)
        return condition if value is None else _TRUE if value else _FALSE
    if condition.kind == "not":
        inner = _put_in(condition.parts[0], known)
        if inner.kind == "true":
            return _FALSE
        return _TRUE if inner == _FALSE else Condition("not", (inner,))
    if condition.kind in ("and", "or"):
        settled, neutral = (_FALSE, _TRUE) if condition.kind == "and" else (_TRUE, _FALSE)
        parts = [_put_in(part, known) for part in condition.parts]
        if settled in parts:
            return settled
        open_parts = tuple(part for part in parts if part != neutral)
        return Condition(condition.kind, open_parts) if open_parts else neutral
    return condition
