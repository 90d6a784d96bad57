"""From a sequence of calls to a partial order: what must wait for what, and what need not.

Two calls stay in their order where they claim one resource or are about one thing (a surface, such
as the table, has room for several hands), where one of them reads what the other writes (it
produces what the other consumes, or threatens it), or where both write one atom. All
other pairs commute: exchanged they lead to the same facts, and each finds what it needs. So every
linearisation of the order is reached by exchanging neighbours that commute, and keeps every
condition that the sequence keeps, disjunctions and quantifiers included; and two calls without an
order may run at the same time, because neither changes what the other requires, holds or achieves.

Source: Mazurkiewicz, "Trace theory" (1987), for the exchange; Baeckstroem, "Computational aspects
of reordering plans", JAIR 9 (1998), for deordering. An atom that has the same value
whenever a call's turn may come, because all that could come before leaves it so, makes nobody wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kata.datasets.types import Atom, AtomTable, Condition, ConditionError, Facts, PlanError
from kata.skills.contract.call import Call

from .effects import effect, supporters
from .plan import Plan

SURFACE = "surface"
"""The tag of what several calls may be about at the same time."""


@dataclass(frozen=True, slots=True)
class _Touch:
    """What a call reads, writes and claims.

    Attributes:
        writes: atoms that it names; None where the outcome is not known beforehand.
        derived: `clear` of the things that it may put something on or take something off.
        claims: resources, and things that it is about.
    """

    reads: frozenset[Atom]
    writes: Mapping[Atom, bool | None]
    derived: frozenset[Atom]
    claims: frozenset[str]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why two calls, by their indices, must not run at the same time."""

    first: int
    second: int
    reason: str


def ordered(plan: Plan, facts: Facts, stages: Sequence[int] = ()) -> Plan:
    """The same calls with the least order between them that this analysis can show to be enough.

    The listed order must be one that the check allows. `stages` are the numbers of calls of each
    stage, one after the other; a stage begins when the one before it is done.
    """
    calls, table = plan.calls, facts.table
    stage = [k for k, count in enumerate(stages) for _ in range(count)] or [0] * len(calls)
    claims = [_claims(call, table) for call in calls]
    fixed = _closed(len(calls), lambda i, j: stage[i] < stage[j] or bool(claims[i] & claims[j]))
    touches = _touches(calls, facts, fixed)
    before = _closed(
        len(calls), lambda i, j: i in fixed[j] or bool(_reason(touches[i], touches[j]))
    )
    return Plan(plan.goal, calls, _reduced(before), plan.cost)


def concurrent_conflicts(plan: Plan, facts: Facts) -> tuple[Conflict, ...]:
    """Pairs of calls that the plan allows at the same time though they disturb each other.

    With no conflict and a listed order that passes the check, every linearisation passes it.
    """
    pairs = list(unordered(plan))
    touches = _touches(plan.calls, facts, closure(plan)) if pairs else []
    out = []
    for first, second in pairs:
        reason = _reason(touches[first], touches[second])
        if reason:
            out.append(Conflict(first, second, reason))
    return tuple(out)


def unordered(plan: Plan) -> Iterator[tuple[int, int]]:
    """Pairs of indices, the lower one first, of calls that may run at the same time."""
    before = closure(plan)
    for j in range(len(before)):
        for i in range(j):
            if i not in before[j] and j not in before[i]:
                yield i, j


def closure(plan: Plan) -> tuple[frozenset[int], ...]:
    """For each call all calls that must be done before it, through others too."""
    return _grown([frozenset(direct) for direct in plan.after])


def _grown(before: Sequence[frozenset[int]]) -> tuple[frozenset[int], ...]:
    """The transitive closure of a relation."""
    while True:
        more = [known.union(*(before[i] for i in known)) for known in before]
        if more == before:
            return tuple(before)
        before = more


def order_of(count: int, pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """`Plan.after` of so many calls from pairs of which the first comes before the second.

    Raises PlanError where a call would come before itself.
    """
    after: list[set[int]] = [set() for _ in range(count)]
    for first, second in pairs:
        after[second].add(first)
    before = _grown([frozenset(direct) for direct in after])
    for index, known in enumerate(before):
        if index in known:
            raise PlanError("calls wait for each other", got=f"call {index + 1} for itself")
    return _reduced(before)


def linearisations(plan: Plan) -> Iterator[tuple[int, ...]]:
    """Every order of the calls, as indices, that the partial order allows."""
    before = closure(plan)

    def go_on(done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(done) == len(before):
            yield done
        for index, needed in enumerate(before):
            if index not in done and needed <= set(done):
                yield from go_on((*done, index))

    return go_on(())


def span_s(plan: Plan, costs: Sequence[float] = ()) -> float:
    """Time in s from the first call to the last one where nothing waits longer than it must.

    `costs` are the times of the calls; without them the contracts' own count.
    """
    times = list(costs) or [call.contract.cost for call in plan.calls]
    end: dict[int, float] = {}
    before = closure(plan)
    for index in sorted(range(len(times)), key=lambda i: len(before[i])):
        end[index] = times[index] + max((end[i] for i in plan.after[index]), default=0.0)
    return max(end.values(), default=0.0)


def _claims(call: Call, table: AtomTable) -> frozenset[str]:
    things = {name for name in call.objects if SURFACE not in table.types.get(name, ())}
    # Two calls at places in one frame, be it the table's, may be sent to one point.
    frames = {f"{place.frame}@" for place in call.places.values()}
    things |= {place.frame for place in call.places.values()} - {
        name for name in table.types if SURFACE in table.types[name]
    }
    return call.resources | things | frames


def _closed(count: int, direct: Callable[[int, int], bool]) -> tuple[frozenset[int], ...]:
    """For each of so many calls those before it, by what holds of pairs in their listed order."""
    out: list[frozenset[int]] = []
    for j in range(count):
        near = frozenset(i for i in range(j) if direct(i, j))
        out.append(near.union(*(out[i] for i in near)))
    return tuple(out)


def _touches(calls: Sequence[Call], facts: Facts, before: Sequence[frozenset[int]]) -> list[_Touch]:
    """What each call touches, without what has the same value whenever its turn may come.

    `before` are the calls that certainly come before each one, so that it needs no regard for
    those that it is certainly before.
    """
    table = facts.table
    named = [_named(call, table) for call in calls]
    clear = {on: Atom("clear", (x,)) for x, ons in supporters(table).items() for on in ons}
    out = []
    for j, call in enumerate(calls):
        others = [named[k] for k in range(len(calls)) if k != j and j not in before[k]]
        moving = _moving(others, facts, clear)
        own = _moving([*others, named[j]], facts, clear)
        writes = {atom: value for atom, value in named[j].items() if atom in own}
        derived = frozenset(clear[on] for on in writes if on in clear) - writes.keys()
        needed = Condition("and", (call.requires, call.holds)).plain().ground(table)
        reads = _reads(needed, facts, moving)
        decisive = frozenset[Atom]() if isinstance(reads, bool) else reads
        out.append(_Touch(decisive, writes, derived, _claims(call, table)))
    return out


def _reads(condition: Condition, facts: Facts, moving: frozenset[Atom]) -> bool | frozenset[Atom]:
    """The moving atoms that decide a grounded condition; its value where none does.

    What is unknown and stays so is not true, and neither is its negation.
    """
    if not moving.intersection(condition.atoms()):
        value = condition.evaluate(facts).value
        return frozenset() if value is None else value
    if condition.atom is not None:
        return frozenset({condition.atom})
    parts = [_reads(part, facts, moving) for part in condition.parts]
    if condition.kind == "not":
        return not parts[0] if isinstance(parts[0], bool) else parts[0]
    decisive = condition.kind == "or"
    if any(part is decisive for part in parts):
        return decisive
    return frozenset[Atom]().union(*(part for part in parts if not isinstance(part, bool)))


def _named(call: Call, table: AtomTable) -> dict[Atom, bool | None]:
    try:
        return dict(effect(call, table))
    except ConditionError:
        # An effect without a single outcome may be anything that it names.
        return dict.fromkeys(call.achieves.ground(table).atoms())


def _moving(
    named: Sequence[Mapping[Atom, bool | None]], facts: Facts, clear: Mapping[Atom, Atom]
) -> frozenset[Atom]:
    """Atoms that may get another value than they have, what follows from them included."""
    moving = {
        atom
        for writes in named
        for atom, value in writes.items()
        if value is None or value is not facts.value(atom)
    }
    return frozenset(moving | {clear[on] for on in moving if on in clear})


def _reason(first: _Touch, second: _Touch) -> str:
    """Why two calls do not commute; empty if they do."""
    shared = first.claims & second.claims
    if shared:
        return f"both use {' and '.join(sorted(shared))}"
    for one, other in ((first, second), (second, first)):
        touched = (one.writes.keys() | one.derived) & other.reads
        if touched:
            return f"one changes {min(touched)}, which the other needs"
    # Both may make `clear` follow anew: it follows from the same facts in the end.
    both = {
        atom
        for atom in first.writes.keys() & second.writes.keys()
        if first.writes[atom] is None or first.writes[atom] is not second.writes[atom]
    }
    both |= first.writes.keys() & second.derived | second.writes.keys() & first.derived
    return f"both change {min(both)}" if both else ""


def _reduced(before: Sequence[frozenset[int]]) -> tuple[tuple[int, ...], ...]:
    """The transitive reduction of a closed relation."""
    far = [frozenset[int]().union(*(before[i] for i in known)) for known in before]
    return tuple(tuple(sorted(known - far[j])) for j, known in enumerate(before))
