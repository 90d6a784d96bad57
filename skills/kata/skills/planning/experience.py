"""What earlier runs say about the cost of a call: evidence of success, and failures of today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from kata.datasets.types import Atom, Condition, Facts
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract

from .plan import Failure

LEAST_SUCCESS = 0.05
"""A rate below this counts as this much, so that a skill that never worked stays payable."""

RETRY_FACTOR = 2.0
"""How much dearer a call becomes after it failed once in the same relevant facts."""

MOST_FAILURES = 2
"""A call that failed this often in the same relevant facts is not planned again."""


def expected_costs(contracts: Sequence[Contract], success: Mapping[str, float]) -> dict[str, float]:
    """Expected time in s by skill: its cost over its rate of success (tried until it works)."""
    return {
        contract.name: contract.cost / max(success.get(contract.name, 1.0), LEAST_SUCCESS)
        for contract in contracts
    }


def relevant_facts(call: Call, facts: Facts) -> tuple[tuple[Atom, bool | None], ...]:
    """Values of the atoms of `requires` and `achieves` that mention an argument of the call."""
    grounded = Condition("and", (call.requires, call.achieves)).ground(facts.table)
    atoms = {
        atom
        for atom in grounded.atoms()
        if atom in facts and (not call.objects or set(atom.arguments) & set(call.objects))
    }
    return tuple((atom, facts.value(atom)) for atom in sorted(atoms))


def failure_counts(failures: Sequence[Failure], facts: Facts) -> dict[str, int]:
    """How often each call, as text, failed in one and the same relevant facts.

    A failure does not count where the call could start now in other facts than it failed in.
    """
    counts: Counter[tuple[str, object]] = Counter()
    for failure in failures:
        then, now = relevant_facts(failure.call, failure.facts), relevant_facts(failure.call, facts)
        if then == now or not failure.call.requires.evaluate(facts).value:
            counts[str(failure.call), then] += 1
    worst: dict[str, int] = {}
    for (call, _), count in counts.items():
        worst[call] = max(worst.get(call, 0), count)
    return worst
