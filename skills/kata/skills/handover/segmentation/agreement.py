"""How far a proposed contract says what a written one says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from kata.datasets.types import Atom, Condition
from kata.skills.contract.contract import Contract

_MOST_PARAMETERS = 5


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision and recall of the conjuncts of `requires` and `achieves`, as F1.

    Attributes:
        missing: conjuncts that are written and were not proposed; `surplus` the other way round.
    """

    requires: float
    achieves: float
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """The mean of both, 0 to 1."""
        return (self.requires + self.achieves) / 2.0


def agreement(proposed: Contract, written: Contract) -> Agreement:
    """Compare the two, under the assignment of parameters to each other that suits best.

    A conjunct counts as a whole, so a quantified one is right or wrong; `near` goes both ways.
    """
    theirs = [f"?{parameter.name}" for parameter in written.parameters][:_MOST_PARAMETERS]
    ours = [f"?{parameter.name}" for parameter in proposed.parameters][:_MOST_PARAMETERS]
    spare = [f"?other_{k}" for k in range(max(len(ours) - len(theirs), 0))]
    found = [
        _compared(proposed, written, dict(zip(ours, order, strict=False)))
        for order in permutations([*theirs, *spare], len(ours))
    ]
    # Of assignments that are as good the first one counts: parameters in their order.
    return max(found, key=lambda each: each.score)


def _compared(proposed: Contract, written: Contract, names: Mapping[str, str]) -> Agreement:
    scores, missing, surplus = [], [], []
    for condition in ("requires", "achieves"):
        ours = set(conjuncts(getattr(proposed, condition).bind(names)))
        theirs = set(conjuncts(getattr(written, condition)))
        both = len(ours & theirs)
        total = len(ours) + len(theirs)
        scores.append(2.0 * both / total if total else 1.0)
        missing += [f"{condition}: {text}" for text in sorted(theirs - ours)]
        surplus += [f"{condition}: {text}" for text in sorted(ours - theirs)]
    return Agreement(scores[0], scores[1], tuple(missing), tuple(surplus))


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
