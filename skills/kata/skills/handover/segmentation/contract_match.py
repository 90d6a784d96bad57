"""How far a proposed contract says what another one says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from kata.datasets.types import Atom, Condition
from kata.skills.contract.contract import Contract

_MOST_PARAMETERS = 5


@dataclass(frozen=True, slots=True)
class ContractMatch:
    """The conditions of `requires` and `achieves` of two contracts, side by side.

    Attributes:
        equal: conditions that both have.
        missing: those that only the written one has; `surplus` the other way round.
    """

    equal: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Equal ones of all that either has, 0 to 1; 1 where neither has any."""
        every = len(self.equal) + len(self.missing) + len(self.surplus)
        return len(self.equal) / every if every else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, which costs a difference about half of `share`."""
        twice = 2 * len(self.equal)
        every = twice + len(self.missing) + len(self.surplus)
        return twice / every if every else 1.0

    def __add__(self, other: ContractMatch) -> ContractMatch:
        return ContractMatch(
            self.equal + other.equal, self.missing + other.missing, self.surplus + other.surplus
        )


def contract_match(proposed: Contract, written: Contract) -> ContractMatch:
    """Compare the two, under the assignment of parameters to each other that suits best.

    Conditions are equal as parsed, whatever their variables are called; `near` goes both ways. A
    quantified one counts as a whole.
    """
    theirs = [f"?{parameter.name}" for parameter in written.parameters][:_MOST_PARAMETERS]
    ours = [f"?{parameter.name}" for parameter in proposed.parameters][:_MOST_PARAMETERS]
    spare = [f"?other_{k}" for k in range(max(len(ours) - len(theirs), 0))]
    found = [
        _compared(proposed, written, dict(zip(ours, order, strict=False)))
        for order in permutations([*theirs, *spare], len(ours))
    ]
    # Of assignments that are as good the first one counts: parameters in their order.
    return max(found, key=lambda each: each.share)


def nothing_proposed(written: Contract) -> ContractMatch:
    """What is left of a contract for which there is no proposal: all of it is missing."""
    return ContractMatch(missing=tuple(sorted(_conditions(written, {}))))


def _compared(proposed: Contract, written: Contract, names: Mapping[str, str]) -> ContractMatch:
    ours, theirs = _conditions(proposed, names), _conditions(written, {})
    return ContractMatch(*(tuple(sorted(s)) for s in (ours & theirs, theirs - ours, ours - theirs)))


def _conditions(contract: Contract, names: Mapping[str, str]) -> set[str]:
    """The conjuncts of both sides, each with the side that it stands on."""
    return {
        f"{side}: {text}"
        for side in ("requires", "achieves")
        for text in conjuncts(getattr(contract, side).bind(names))
    }


def conjuncts(condition: Condition) -> Iterator[str]:
    """The parts that must all hold, each in one canonical form."""
    if condition.kind == "and":
        for part in condition.parts:
            yield from conjuncts(part)
    elif condition.kind != "true":
        yield str(_canonical(condition))


def _canonical(condition: Condition, depth: int = 0) -> Condition:
    atom = condition.atom
    if atom is not None:
        names = tuple(sorted(atom.arguments)) if atom.predicate == "near" else atom.arguments
        return Condition("atom", atom=Atom(atom.predicate, names), least=condition.least)
    if condition.kind in ("forall", "exists"):
        name = f"?each_{depth}"
        inner = condition.parts[0].bind({condition.variable: name})
        part = _canonical(inner, depth + 1)
        return Condition(condition.kind, (part,), None, name, condition.tag)
    parts = [_canonical(part, depth) for part in condition.parts]
    if condition.kind == "or":
        parts.sort(key=str)
    return Condition(condition.kind, tuple(parts))
