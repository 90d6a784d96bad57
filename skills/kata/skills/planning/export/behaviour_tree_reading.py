"""A plan of a behaviour tree: what we write, and what people make of it in Groot2.

`Sequence`, `Parallel`, `ReactiveSequence` as a guard, `Holds`, `WaitFor` and the skills are read;
every other node is refused, because a plan says which calls are done in which order and no more.
Conditions before a call must be those of its contract: a tree cannot change what a skill requires.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kata.datasets.types import DEFAULT_HAND, Condition, KataError, PlanError
from kata.skills.contract.call import HAND, Call
from kata.skills.contract.contract import Contract
from kata.skills.planning.ordering import order_of, span_s
from kata.skills.planning.plan import Plan

from .behaviour_tree import CALLS, CONDITION, HOLDS, VERSION, WAIT, Node
from .blocks import Block
from .data import MOST_CALLS, contract_of, read_goal
from .xml_nodes import read_nodes

_WHERE = "plan.xml"
_NUMBER = re.compile(r"\s*(\d{1,6})\.")
_NOTES = frozenset({"name", "_description", "_uid"})
"""Attributes that say nothing about what is done."""

_KINDS = ("Action", "Condition", "Control", "Decorator")


def plan_of_xml(text: str, contracts: Sequence[Contract]) -> Plan:
    """The plan of a behaviour tree. Raises PlanError naming what is wrong; it is not checked here.

    Calls are listed by the numbers that their names begin with, as far as these fit their order.
    """
    main = _main(read_nodes(text))
    reader = _Reader(contracts)
    whole = Node("Sequence", (), (main,)) if main.name != "Sequence" else main
    block = reader.sequence(whole, top=True)
    listed = reader.listed()
    place = {leaf: new for new, leaf in enumerate(listed)}
    pairs = [*block.before(), *reader.waited()]
    after = order_of(len(listed), [(place[i], place[j]) for i, j in pairs])
    calls = tuple(reader.calls[leaf] for leaf in listed)
    late = any(i >= j for j, direct in enumerate(after) for i in direct)
    plan = Plan(reader.goal, calls, after, 0.0)
    return replace(_by_order(plan) if late else plan, cost=span_s(plan))


def _main(root: Node) -> Node:
    if root.name != "root" or root.get("BTCPP_format") != "4":
        raise PlanError(
            "not a behaviour tree",
            where=_WHERE,
            expected='<root BTCPP_format="4">',
            got=f"<{root.name[:40]}> of format {root.get('BTCPP_format')[:10] or 'none'}",
        )
    trees = [node for node in root.children if node.name == "BehaviorTree"]
    strange = [n.name for n in root.children if n.name not in ("BehaviorTree", "TreeNodesModel")]
    if len(trees) != 1 or strange:
        raise PlanError(
            "not one tree",
            where=_WHERE,
            expected="one BehaviorTree, and TreeNodesModel",
            got=", ".join([*strange[:5], f"{len(trees)} trees"]),
        )
    wanted = root.get("main_tree_to_execute")
    if wanted and wanted != trees[0].get("ID"):
        raise PlanError("no such tree", where=_WHERE, expected=wanted, got=trees[0].get("ID"))
    if len(trees[0].children) != 1:
        raise PlanError("no single node at the top of the tree", where=_WHERE)
    return _compact(trees[0].children[0])


def _compact(node: Node) -> Node:
    """`<Action ID="pick" .../>` as `<pick .../>`, which says the same."""
    if node.name in _KINDS and node.get("ID"):
        rest = tuple(pair for pair in node.attributes if pair[0] != "ID")
        return Node(node.get("ID"), rest, node.children)
    return node


@dataclass(slots=True)
class _Reader:
    """Goes through the nodes; calls get numbers in the order of the document, from 0."""

    contracts: Sequence[Contract]
    calls: list[Call] = field(default_factory=list)
    goal: Condition = field(default_factory=lambda: Condition("true"))
    _named: list[int] = field(default_factory=list)
    _waits: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    def block(self, node: Node) -> Block:
        """What a node stands for."""
        if node.name == "Sequence":
            return self.sequence(node)
        if node.name == "Parallel":
            return self._parallel(node)
        if node.name == "ReactiveSequence":
            return self._guarded(node)
        if node.name in (HOLDS, WAIT):
            raise _wrong(node, "stands alone", "before a call, in its Sequence")
        return self._call(node)

    def sequence(self, node: Node, *, top: bool = False) -> Block:
        """One after the other; at the `top`, a condition at the end is the goal."""
        _check(node, ())
        parts: list[Block] = []
        conditions: list[Condition] = []
        waits = ""
        for child in map(_compact, node.children):
            if child.name == HOLDS:
                conditions.append(_condition(child))
            elif child.name == WAIT:
                _check(child, (CALLS,))
                waits = ";".join(filter(None, (waits, child.get(CALLS))))
            else:
                first = len(self.calls)
                parts.append(self.block(child))
                self._belong(child, conditions, first)
                if waits:
                    self._waits.append((waits, tuple(range(first, len(self.calls)))))
                conditions, waits = [], ""
        if top and len(conditions) == 1 and not waits:
            self.goal = conditions[0]
        elif conditions or waits:
            raise _wrong(node, "ends with a condition that belongs to no call", "a call after it")
        return Block("series", tuple(parts))

    def listed(self) -> list[int]:
        """Calls by the numbers of their names, where all have one; else as they stand."""
        order = list(range(len(self.calls)))
        if len(set(self._named)) == len(order) and -1 not in self._named:
            order.sort(key=lambda leaf: self._named[leaf])
        return order

    def waited(self) -> list[tuple[int, int]]:
        """Pairs of calls of which the second waits for the first by its number."""
        leaves = {number: leaf for leaf, number in enumerate(self._named) if number >= 0}
        pairs = []
        for text, waiting in self._waits:
            for word in text.split(";"):
                number = int(word) if word.strip().isdecimal() and len(word) < 7 else -1
                if number not in leaves or self._named.count(number) != 1:
                    raise PlanError(
                        "waits for a call that is not there",
                        where=f"{_WHERE}, {WAIT}",
                        expected="the number that a call's name begins with",
                        got=word[:40],
                    )
                pairs += [(leaves[number], leaf) for leaf in waiting]
        return pairs

    def _parallel(self, node: Node) -> Block:
        _check(node, ("success_count", "failure_count"))
        counts = node.get("success_count"), node.get("failure_count")
        everyone = ("", "-1", str(len(node.children)))
        if counts[0] not in everyone or counts[1] not in ("", "1"):
            raise _wrong(node, "is content with less", "success_count -1, failure_count 1")
        return Block("together", tuple(self.block(_compact(child)) for child in node.children))

    def _guarded(self, node: Node) -> Block:
        _check(node, ())
        inner = [_compact(child) for child in node.children]
        if len(inner) != 2 or inner[0].name != HOLDS:
            raise _wrong(node, "guards nothing", f"{HOLDS}, then a skill")
        first = len(self.calls)
        block = self._call(inner[1])
        self._belong(inner[1], [_condition(inner[0])], first)
        return block

    def _belong(self, node: Node, conditions: Sequence[Condition], first: int) -> None:
        """Raise PlanError unless the conditions are those of the one call behind them."""
        for condition in conditions:
            calls = self.calls[first:]
            own = (calls[0].requires, calls[0].holds) if len(calls) == 1 else ()
            if condition not in own:
                raise _wrong(
                    node,
                    f"stands behind {str(condition)[:80]}",
                    "a condition of the call's own contract, before that call",
                )

    def _call(self, node: Node) -> Block:
        where = f"{_WHERE}, {node.name[:60]}"
        if node.name[:1].isupper():
            known = ("Sequence", "Parallel", "ReactiveSequence", HOLDS, WAIT)
            raise PlanError(
                f"no node of a plan: '{node.name[:60]}'",
                where=_WHERE,
                expected=f"{', '.join(known)} or a skill",
            )
        contract = contract_of(node.name, node.get(VERSION), self.contracts, where)
        if node.children:
            raise _wrong(node, "has nodes inside", "a skill without any")
        given = {k: v for k, v in node.attributes if k not in _NOTES and k != VERSION}
        hand = given.pop(HAND, DEFAULT_HAND) if contract.one_handed else DEFAULT_HAND
        try:
            call = Call.of(contract, given, hand or DEFAULT_HAND)
        except KataError as error:
            raise PlanError(
                error.what, where=where, expected=error.expected, got=error.got
            ) from None
        if len(self.calls) >= MOST_CALLS:
            raise PlanError("too many calls", where=_WHERE, expected=f"{MOST_CALLS} at most")
        self.calls.append(call)
        number = _NUMBER.match(node.get("name"))
        self._named.append(int(number[1]) if number else -1)
        return Block("call", index=len(self.calls) - 1)


def _condition(node: Node) -> Condition:
    _check(node, (CONDITION,))
    return read_goal(node.get(CONDITION), f"{_WHERE}, {HOLDS}")


def _check(node: Node, known: Sequence[str]) -> None:
    """Raise PlanError for attributes that would change what is done, as scripts of nodes do."""
    strange = [name for name, _ in node.attributes if name not in (*_NOTES, *known)]
    if strange:
        raise _wrong(node, f"has {', '.join(strange[:5])[:80]}", ", ".join(known) or "a name alone")
    if node.name in (HOLDS, WAIT) and node.children:
        raise _wrong(node, "has nodes inside", "none")


def _wrong(node: Node, what: str, expected: str) -> PlanError:
    shown = node.get("name") or node.name
    return PlanError(f"'{shown[:60]}' {what}", where=_WHERE, expected=expected)


def _by_order(plan: Plan) -> Plan:
    """The same plan, listed so that no call stands before one that it waits for."""
    before = {j: set(direct) for j, direct in enumerate(plan.after)}
    order: list[int] = []
    while len(order) < len(plan.calls):
        order.append(next(j for j in before if j not in order and before[j] <= set(order)))
    place = {old: new for new, old in enumerate(order)}
    pairs = [(place[i], place[j]) for j, direct in enumerate(plan.after) for i in direct]
    calls = tuple(plan.calls[i] for i in order)
    return Plan(plan.goal, calls, order_of(len(calls), pairs), plan.cost)
