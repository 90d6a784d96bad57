"""A planning problem in bits: the atoms and calls of one scene, compiled once for the search.

Of M atoms, bit i of a state says that atom i is known to be true, bit M + i that it is known to
be false; an unknown atom has neither. Bit 2 M is never set: what the scene cannot have.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kata.datasets.types import (
    DEFAULT_HAND,
    HAND_TAG,
    Atom,
    AtomTable,
    Condition,
    ConditionError,
    Facts,
    PlanError,
)
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import Parameter

from .effects import effect, supporters

_MAX_CALLS = 20_000

Values = Mapping[str, Sequence[tuple[str, ...]]]
"""Ways to fill the optional parameters of contracts, in their order, by `Contract.key`."""


@dataclass(frozen=True, slots=True)
class Need:
    """A condition in negation normal form: all of `bits`, and one branch of each choice."""

    bits: int
    choices: tuple[tuple[Need, ...], ...] = ()

    def holds(self, state: int) -> bool:
        """Whether it is known to be true; unknown counts as not."""
        return not self.bits & ~state and all(
            any(branch.holds(state) for branch in choice) for choice in self.choices
        )

    def chosen(self, reached: int, state: int) -> int:
        """Bits of the branches that hold in `reached` with the fewest bits missing in `state`."""
        bits = self.bits
        for choice in self.choices:
            options = [branch.chosen(reached, state) for branch in choice if branch.holds(reached)]
            bits |= min(options, key=lambda option: (option & ~state).bit_count())
        return bits

    def mentioned(self) -> int:
        """All bits in it, of every branch."""
        bits = self.bits
        for choice in self.choices:
            for branch in choice:
                bits |= branch.mentioned()
        return bits


@dataclass(frozen=True, slots=True)
class Derived:
    """One `clear(x)`: the bits that decide it, and the two bits that it may take."""

    ons: int
    on_true: int
    yes: int
    no: int


@dataclass(frozen=True, slots=True)
class Action:
    """A grounded call: what it needs, the bits that it sets, those that it unsets."""

    call: Call
    cost: float
    need: Need
    add: int
    drop: int
    derived: tuple[Derived, ...]

    def apply(self, state: int) -> int:
        """The state afterwards."""
        new = state & ~self.drop | self.add
        for clear in self.derived:
            if (state ^ new) & clear.ons:
                both = clear.yes | clear.no
                new = new & ~both | (clear.no if new & clear.on_true else clear.yes)
        return new


def bits_of(mask: int) -> Iterator[int]:
    """Indices of the set bits, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Problem:
    """A scene's atoms and every call that the contracts allow in it.

    Args:
        costs: expected time in s by `Contract.key`; without an entry the contract's own `cost`.
        values: other values to try for optional parameters, by `Contract.key`; see `tuning`.

    Raises:
        PlanError: more grounded calls than a search could go through.
    """

    def __init__(
        self,
        table: AtomTable,
        contracts: Sequence[Contract],
        costs: Mapping[str, float] | None = None,
        values: Values | None = None,
    ) -> None:
        self.table, self.size = table, len(table.atoms)
        self.impossible = 1 << (2 * self.size)
        self._supporters = supporters(table)
        self.actions = tuple(
            self._action(call, changes, (costs or {}).get(call.contract.key, call.contract.cost))
            for call, changes in grounded_calls(table, contracts, values)
        )

    def bit(self, atom: Atom, value: bool) -> int:
        """The bit of a literal; an atom that the scene does not have is never true."""
        index = self.table.index.get(atom)
        if index is None:
            return self.impossible if value else 0
        return 1 << (index if value else self.size + index)

    def state(self, facts: Facts) -> int:
        """Facts as bits."""
        bits = 0
        for index, value in enumerate(facts.truth):
            if value >= 0:
                bits |= 1 << (index if value == 1 else self.size + index)
        return bits

    def literal(self, index: int) -> tuple[Atom, bool]:
        """The literal of a bit's index."""
        return self.table.atoms[index % self.size], index < self.size

    def need(self, condition: Condition) -> Need:
        """A condition compiled for this scene."""
        return self._need(condition.ground(self.table), True)

    def _need(self, condition: Condition, value: bool) -> Need:
        if condition.atom is not None:
            return Need(self.bit(condition.atom, value))
        if condition.kind == "true":
            return Need(0 if value else self.impossible)
        if condition.kind == "not":
            return self._need(condition.parts[0], not value)
        parts = [self._need(part, value) for part in condition.parts]
        if condition.kind == ("and" if value else "or"):
            bits = 0
            for part in parts:
                bits |= part.bits
            return Need(bits, tuple(choice for part in parts for choice in part.choices))
        if any(part == Need(0) for part in parts):
            return Need(0)
        possible = [part for part in parts if not part.bits & self.impossible]
        if len(possible) == 1:
            return possible[0]
        return Need(0, (tuple(possible),)) if possible else Need(self.impossible)

    def _action(self, call: Call, changes: Mapping[Atom, bool], cost: float) -> Action:
        add = drop = 0
        for atom, value in changes.items():
            add |= self.bit(atom, value)
            drop |= self.bit(atom, not value)
        requires = Condition("and", (call.requires, call.holds))
        derived = tuple(
            self._derived(name, ons)
            for name, ons in self._supporters.items()
            if Atom("clear", (name,)) not in changes and any(on in changes for on in ons)
        )
        return Action(call, cost, self.need(requires), add, drop, derived)

    def _derived(self, name: str, ons: Sequence[Atom]) -> Derived:
        true = sum(self.bit(on, True) for on in ons)
        false = sum(self.bit(on, False) for on in ons)
        clear = Atom("clear", (name,))
        return Derived(true | false, true, self.bit(clear, True), self.bit(clear, False))


def _defaults(contract: Contract) -> Sequence[tuple[str, ...]]:
    """The one way to fill the optional parameters; none if some have no default."""
    defaults = tuple(p.default for p in contract.parameters if p.optional)
    return (defaults,) if all(defaults) else ()


def _repeats_hand(parameters: Sequence[Parameter], names: Sequence[str]) -> bool:
    """Whether one hand stands for two parameters: no hand gives to itself."""
    rows = zip(parameters, names, strict=True)
    hands = [name for parameter, name in rows if parameter.type == HAND_TAG]
    return len(set(hands)) < len(hands)


def grounded_calls(
    table: AtomTable, contracts: Sequence[Contract], values: Values | None = None
) -> list[tuple[Call, dict[Atom, bool]]]:
    """Every call whose effect this scene can have, with that effect, in a fixed order.

    Raises PlanError beyond 20 000 combinations of arguments.
    """
    out: list[tuple[Call, dict[Atom, bool]]] = []
    count = 0
    for contract in sorted(contracts, key=lambda contract: (contract.name, contract.version)):
        fixed = [parameter for parameter in contract.parameters if not parameter.optional]
        domains = [table.names(parameter.type) for parameter in fixed]
        hands = table.hands if contract.one_handed else (DEFAULT_HAND,)
        given = (values or {}).get(contract.key) or _defaults(contract)
        ways = itertools.product(itertools.product(*domains), hands, given)
        for names, hand, optional in ways:
            count += 1
            if count > _MAX_CALLS:
                raise PlanError(
                    "too many ways to call these skills",
                    expected=f"at most {_MAX_CALLS} combinations of arguments",
                    hint="plan with fewer skills or name fewer things",
                )
            if _repeats_hand(fixed, names):
                continue
            call = Call(contract, (*names, *optional), hand)
            try:
                changes = effect(call, table)
            except ConditionError:
                continue  # an effect without a single outcome cannot be planned with
            if all(atom in table.index for atom in changes):
                out.append((call, changes))
    return out
