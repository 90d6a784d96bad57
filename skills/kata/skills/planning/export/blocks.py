"""A partial order as nested blocks: one after the other, and at the same time.

Most plans are series and parallels of series and parallels. Where an order is not, its calls are
laid into chains at the same time, and a call waits for those of other chains that it needs.

Source: Valdes, Tarjan and Lawler, "The recognition of series parallel digraphs", SIAM Journal on
Computing 11 (1982); blocks are found as components of the order and of its complement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kata.skills.planning.ordering import closure
from kata.skills.planning.plan import Plan


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a plan.

    Attributes:
        kind: one `call`; its parts in `series`, or `together`.
        index: of the call in the plan.
        waits: indices of calls elsewhere that it must wait for.
    """

    kind: Literal["call", "series", "together"]
    parts: tuple[Block, ...] = ()
    index: int = -1
    waits: tuple[int, ...] = ()

    def calls(self) -> Iterator[int]:
        """Indices of all its calls."""
        if self.kind == "call":
            yield self.index
        for part in self.parts:
            yield from part.calls()

    def before(self) -> Iterator[tuple[int, int]]:
        """Pairs of calls of which the first must be done before the second begins."""
        if self.kind == "call":
            yield from ((other, self.index) for other in self.waits)
        done: list[int] = []
        for part in self.parts:
            inside = list(part.calls())
            if self.kind == "series":
                yield from ((i, j) for i in done for j in inside)
                done += inside
            yield from part.before()


def blocks_of(plan: Plan) -> Block:
    """The plan's order as blocks; a plan without calls is an empty series."""
    if not plan.calls:
        return Block("series")
    before = closure(plan)
    return _block(tuple(range(len(plan.calls))), before, plan)


def _block(indices: Sequence[int], before: Sequence[frozenset[int]], plan: Plan) -> Block:
    if len(indices) == 1:
        return Block("call", index=indices[0])

    def ordered(i: int, j: int) -> bool:
        return i in before[j] or j in before[i]

    apart = _components(indices, ordered)
    if len(apart) > 1:
        return Block("together", tuple(_block(part, before, plan) for part in apart))
    steps = _components(indices, lambda i, j: not ordered(i, j))
    if len(steps) > 1:
        steps.sort(key=lambda part: sum(len(before[i].intersection(indices)) for i in part[:1]))
        return Block("series", tuple(_block(part, before, plan) for part in steps))
    return _chains(indices, before, plan)


def _components(
    indices: Sequence[int], linked: Callable[[int, int], bool]
) -> list[tuple[int, ...]]:
    """The connected parts of a graph, each ascending, in the order of their first members."""
    left, out = list(indices), []
    while left:
        part = [left.pop(0)]
        for i in part:
            near = [j for j in left if linked(i, j)]
            part += near
            left = [j for j in left if j not in near]
        out.append(tuple(sorted(part)))
    return out


def _chains(indices: Sequence[int], before: Sequence[frozenset[int]], plan: Plan) -> Block:
    """Chains at the same time; each call goes to the end of one that it must wait for anyway."""
    chains: list[list[Block]] = []
    for j in sorted(indices, key=lambda i: (len(before[i]), i)):
        direct = [i for i in plan.after[j] if i in indices]
        chain = next((c for c in chains if c[-1].index in direct), None)
        if chain is None:
            chain = []
            chains.append(chain)
        known = {i for step in chain for i in (step.index, *before[step.index])}
        waits = tuple(i for i in direct if i not in known)
        chain.append(Block("call", index=j, waits=waits))
    parts = tuple(c[0] if len(c) == 1 else Block("series", tuple(c)) for c in chains)
    return Block("together", parts)
