"""Where a contract does not say what happens, how sure that is, and what it should say instead.

A finding is a `lie` only where the bound of an interval says so, at 95 % for all that was looked at
together (Bonferroni); what may be chance, and what a contract has no words for, is a `note`.
Sources: Wilson, JASA 22 (1927) for the bounds; Fisher's exact test for what a start decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kata.datasets.types import Atom, Condition, ConditionError
from kata.skills.contract.contract import Contract

from .fidelity import Fidelity
from .interval import Interval
from .start_facts import OTHER
from .witness import OTHERS

Level = Literal["lie", "note"]
Kind = Literal["requires", "achieves", "changes", "empty"]

FEWEST = 20
"""Executions below which nothing is called a lie."""

MOST_FAILURES = 0.2
"""A skill that fails more often although `requires` held asks for too little; what a first version
needs to be promoted, seen from the other side."""

MOST_FAILURES_FROM = 0.5
"""Where it fails more often from starts of one kind than not, `requires` should exclude them."""

MOST_BROKEN = 0.05
"""`achieves` may be claimed and not hold afterwards so often."""

MOST_CHANGES = 0.05
"""A fact that the contract does not name may change so often."""

ALWAYS = 0.5
"""A fact that changes more often than not belongs into `achieves`; below, nobody can promise it."""

EVERY_START = "every start"
"""The subject of the finding that it fails too often, wherever it begins."""

_LEVEL = 0.95
_PLACED = frozenset({"on", "in", "holding", "near"})
"""Predicates that say, in `achieves`, where their first object comes to be."""

_BY_PLACE = frozenset({"near", "reachable"})
"""Predicates that depend on where exactly an object is put: gained by chance, not by promise."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which a contract and what happens differ.

    Attributes:
        level: `lie` where it is beyond chance, else `note`.
        kind: which part of the contract it is about.
        subject: the fact, the part of `achieves`, or the kind of start.
        rate: how often.
        text: in words.
        proposal: what the contract should say; empty where nothing would help.
    """

    level: Level
    kind: Kind
    subject: str
    rate: Interval
    text: str
    proposal: str = ""

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "level": self.level,
            "kind": self.kind,
            "subject": self.subject,
            **self.rate.to_data(),
            "text": self.text,
            "proposal": self.proposal,
        }


def findings(contract: Contract, counts: Fidelity) -> tuple[Finding, ...]:
    """What these executions say against a contract, lies first."""
    looked = max(1, len(counts.promised) + len(counts.held) + len(counts.gained) + 2)
    level = 1.0 - (1.0 - _LEVEL) / looked
    found = [
        *_about_requires(counts, level),
        *_about_achieves(counts, level),
        *_about_changes(contract, counts, level),
        *_about_nothing(counts, level),
    ]
    return tuple(sorted(found, key=lambda each: (each.level != "lie", -each.rate.rate)))


def lies(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those that are beyond chance."""
    return tuple(each for each in found if each.level == "lie")


def _level_of(rate: Interval, most: float) -> Level:
    return "lie" if rate.trials >= FEWEST and rate.low > most else "note"


def _about_requires(counts: Fidelity, level: float) -> Iterator[Finding]:
    """It fails too often where `requires` held, from all starts, or from some."""
    rate = Interval.of(counts.failed, counts.required, level)
    if _level_of(rate, MOST_FAILURES) == "lie":
        text = "it fails although requires held"
        yield Finding("lie", "requires", EVERY_START, rate, text, "make the skill better")
    for name, (failed, held, failed_without, without) in counts.starts.items():
        for value, bad, of, other in (
            (True, failed, held, (failed_without, without)),
            (False, failed_without, without, (failed, held)),
        ):
            seen = Interval.of(bad, of, 1.0 - (1.0 - level) / max(1, 2 * len(counts.starts)))
            if seen.rate <= MOST_FAILURES_FROM or not of or not other[1]:
                continue
            p_value = _fisher((bad, of), other)
            beyond = p_value <= (1.0 - _LEVEL) / (2 * len(counts.starts))
            if beyond and _level_of(seen, MOST_FAILURES_FROM) == "lie":
                start = name if value else f"not {name}"
                text = f"it fails where {start} at the start, and not elsewhere (p = {p_value:.2g})"
                yield Finding("lie", "requires", start, seen, text, _excluding(name, value))


def _fisher(one: tuple[int, int], other: tuple[int, int]) -> float:
    """One-sided p-value that the first fails more often; each (failures, of)."""
    from scipy.stats import fisher_exact

    rows = [[bad, of - bad] for bad, of in (one, other)]
    return float(fisher_exact(rows, alternative="greater").pvalue)


def _excluding(name: str, value: bool) -> str:
    """The text for `requires` that excludes these starts; see `start_facts` for the roles."""
    predicate, _, rest = name.rstrip(")").partition("(")
    roles = [role for role in rest.split(", ") if role]
    if OTHER in roles:
        shown = ", ".join("?other" if role == OTHER else f"?{role}" for role in roles)
        quantified = f"exists ?other: object. {predicate}({shown})"
        return f"requires: {'not ' if value else ''}({quantified})"
    shown = ", ".join(f"?{role}" for role in roles)
    return f"requires: {'not ' if value else ''}{predicate}({shown})"


def _about_achieves(counts: Fidelity, level: float) -> Iterator[Finding]:
    """It says that it is done, and `achieves` does not hold, or not for long."""
    rate = Interval.of(counts.broken, counts.claimed, level)
    if not counts.broken:
        return
    worst = sorted(counts.missed.items(), key=lambda each: -each[1])
    parts = ", ".join(f"{text} ({count})" for text, count in worst)
    yield Finding(
        _level_of(rate, MOST_BROKEN),
        "achieves",
        worst[0][0] if worst else "achieves",
        rate,
        f"called done, and does not hold afterwards: {parts}",
        "achieves: leave it out; or a longer settle_s",
    )


def _about_changes(contract: Contract, counts: Fidelity, level: float) -> Iterator[Finding]:
    """A fact that the contract does not name, which a planner takes to persist, changes."""
    moved = _moved(contract)
    for fact, count in counts.lost.items():
        rate = Interval.of(count, counts.held.get(fact, count), level)
        said = _words(contract, fact, counts.tags.get(fact, ""), value=False)
        known = bool(said) or not _touches(fact, moved)
        often = rate.low > ALWAYS
        proposal = f"achieves: {said}" if said and often else ""
        text = "becomes false, and the contract does not say so"
        if not known:
            text += "; it has no words for it, beside what it names already"
        worst = _level_of(rate, MOST_CHANGES) if known else "note"
        yield Finding(worst, "changes", f"not {fact}", rate, text, proposal)
    for fact, count in counts.gained.items():
        rate = Interval.of(count, counts.claimed, level)
        said = _words(contract, fact, counts.tags.get(fact, ""), value=True)
        chance = fact.partition("(")[0] in _BY_PLACE and _touches(fact, moved) and OTHERS in fact
        text = "becomes true, and the contract does not say so"
        if chance:
            text += "; it depends on where the thing is put"
        proposal = f"achieves: {said}" if said and rate.low > ALWAYS else ""
        worst = "note" if chance else _level_of(rate, MOST_CHANGES)
        yield Finding(worst, "changes", fact, rate, text, proposal)


def _moved(contract: Contract) -> frozenset[str]:
    """The parameters that the contract itself puts somewhere."""
    placed = set()
    for atom, value in _literals(contract.achieves):
        if value and atom.predicate in _PLACED:
            placed.add(atom.arguments[1 if atom.predicate == "holding" else 0])
    return frozenset(placed)


def _touches(fact: str, roles: frozenset[str]) -> bool:
    return bool(roles & set(Atom.parse(fact.replace(OTHERS, "others")).arguments))


def _literals(condition: Condition, value: bool = True) -> Iterator[tuple[Atom, bool]]:
    """Atoms of a conjunction, those under a `not` with False; quantified ones are left out."""
    if condition.atom is not None:
        yield condition.atom, value
    elif condition.kind in ("and", "not"):
        for part in condition.parts:
            yield from _literals(part, value is not (condition.kind == "not"))


def _words(contract: Contract, fact: str, tag: str, *, value: bool) -> str:
    """A part of `achieves` that would say it; empty where the language of contracts has none."""
    stars = fact.count(OTHERS)
    if not stars:
        return fact if value else f"not {fact}"
    if value or stars > 1 or not tag:
        return ""
    said = f"(forall ?other: {tag}. not {fact.replace(OTHERS, '?other')})"
    predicate = fact.partition("(")[0]
    # What the contract puts into such a relation would be denied by it.
    clash = any(atom.predicate == predicate and v for atom, v in _literals(contract.achieves))
    if clash:
        return ""
    try:
        Condition.parse(said)
    except ConditionError:
        return ""
    return said


def _about_nothing(counts: Fidelity, level: float) -> Iterator[Finding]:
    """Parts of `achieves` that held before: all of them are a lie, some are only never shown."""
    always = {
        text: Interval.of(counts.before[text], of, level)
        for text, of in counts.promised.items()
        if counts.before.get(text, 0) == of and of >= FEWEST
    }
    everything = len(always) == len(counts.promised) > 0
    for text, rate in always.items():
        told = "held at every start already, so that nothing shows that the skill does it"
        yield Finding("lie" if everything else "note", "empty", text, rate, told)
