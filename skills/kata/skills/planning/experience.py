"""What earlier runs say about the cost of a call: evidence of success, and failures of today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    """Expected time in s by `Contract.key`: cost over the rate of success (tried until it works).

    Rates are by key, or by name for the version that is in use.
    """
    rates = {c.key: success.get(c.key, success.get(c.name, 1.0)) for c in contracts}
    return {c.key: c.cost / max(rates[c.key], LEAST_SUCCESS) for c in contracts}


def relevant_facts(call: Call, facts: Facts) -> tuple[tuple[Atom, bool | None], ...]:
    """Values of the atoms of `requires` and `achieves` that mention an argument of the call."""
    grounded = Condition("and", (call.requires, call.achieves)).ground(facts.table)
    atoms = {
        atom
        for atom in grounded.atoms()
        if atom in facts and (not call.objects or set(atom.arguments) & set(call.objects))
    }
    return tuple((atom, facts.value(atom)) for atom in sorted(atoms))


@dataclass(frozen=True, slots=True)
class Record:
    """How often a call has failed, and why it did the last time."""

    count: int
    reason: str

    @property
    def hopeless(self) -> bool:
        """Whether it is not planned again."""
        return self.count >= MOST_FAILURES


def failure_records(failures: Sequence[Failure], facts: Facts) -> dict[str, Record]:
    """How often each call, by `Call.key`, failed in one and the same relevant facts, and why.

    A failure does not count where the call could start now in other facts than it failed in. A
    lasting one counts for all calls of its skill's version, and stands under `Contract.key`.
    """
    counts: Counter[tuple[str, object]] = Counter()
    reasons: dict[str, str] = {}
    for failure in failures:
        then, now = relevant_facts(failure.call, failure.facts), relevant_facts(failure.call, facts)
        key = failure.call.contract.key if failure.lasting else failure.call.key
        if failure.lasting:
            counts[key, None] += MOST_FAILURES
        elif then == now or not failure.call.requires.evaluate(facts).value:
            counts[key, then] += 1
        else:
            continue
        reasons[key] = failure.reason
    worst: dict[str, Record] = {}
    for (key, _), count in counts.items():
        if key not in worst or count > worst[key].count:
            worst[key] = Record(count, reasons[key])
    return worst


def hopeless(call: Call, failed: Mapping[str, Record]) -> Record | None:
    """Why a call is not planned again; None if it may be."""
    found = [failed[key] for key in (call.contract.key, call.key) if key in failed]
    return next((record for record in found if record.hopeless), None)
