"""Whose turn it is: which calls of a plan begin now, and what it has after one of them.

An executor of one call at a time has the calls after it in a line. Where several run at the same
time the plan's partial order says what comes after a call, and which one its joints begin next
follows from what is done and what runs by then.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kata.skills.contract.call import Call
from kata.skills.planning.ordering import closure
from kata.skills.planning.plan import Plan, call_order


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a plan has after a call.

    Attributes:
        after: the calls that must wait for it, and for those that do.
        following: the one that its joints begin as soon as it is done; None where there is none,
            or where that one still waits for another call.
        then: what comes after `following`.
        awaited: whether other joints begin something with its end too.
    """

    after: tuple[Call, ...] = ()
    following: Call | None = None
    then: tuple[Call, ...] = ()
    awaited: bool = False

    @classmethod
    def in_line(cls, calls: Sequence[Call]) -> Ahead:
        """Of a call that these follow, one after the other."""
        return cls(tuple(calls), calls[0] if calls else None, tuple(calls[1:]))


@dataclass(frozen=True, slots=True)
class Turns:
    """The order of a plan's calls where several may run at the same time.

    Attributes:
        order: indices of the calls, each after those it must wait for.
        before: for each call all those that it must wait for, through others too.
        apart: whether two calls of one skill may run at the same time.
    """

    plan: Plan
    order: tuple[int, ...]
    before: tuple[frozenset[int], ...]
    apart: bool

    @classmethod
    def of(cls, plan: Plan, *, apart: bool) -> Turns:
        """Raises ExecutionError for an order with a cycle."""
        return cls(plan, call_order(plan), closure(plan), apart)

    def begins(self, done: Collection[int], running: Collection[int]) -> tuple[int, ...]:
        """Indices of the calls whose turn it is and whose claims are free, in the plan's order."""
        taken = list(running)
        out = []
        for index in self.order:
            ready = index not in done and set(done).issuperset(self.plan.after[index])
            if ready and not any(other == index or self._share(index, other) for other in taken):
                taken.append(index)
                out.append(index)
        return tuple(out)

    def ahead(self, index: int, done: Collection[int], running: Collection[int]) -> Ahead:
        """What comes after a call that runs, if those that run beside it go on for longer."""
        calls = self.plan.calls
        beside = set(running) - {index}
        # What could begin without its end has begun already.
        begun = self.begins({*done, index}, beside)
        own = [i for i in begun if calls[i].resources == calls[index].resources]
        awaited = len(begun) > len(own)
        if not own:
            return Ahead(self._after(index), awaited=awaited)
        return Ahead(self._after(index), calls[own[0]], self._after(own[0]), awaited)

    def _after(self, index: int) -> tuple[Call, ...]:
        return tuple(self.plan.calls[i] for i in self.order if index in self.before[i])

    def _share(self, first: int, second: int) -> bool:
        """Whether two calls claim one thing, or are of a skill that runs once at a time."""
        one, other = self.plan.calls[first], self.plan.calls[second]
        same = not self.apart and one.contract.name == other.contract.name
        return same or bool(one.resources & other.resources)
