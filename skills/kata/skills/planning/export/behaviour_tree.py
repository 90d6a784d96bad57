"""A plan as a behaviour tree of BehaviorTree.CPP, version 4, which Groot2 opens and edits.

A call is an action whose ports are the skill's parameters. `requires` is a condition before it;
`holds` guards it in a reactive sequence, so that it is ticked all the while. What comes one after
the other is a `Sequence`, what may run at the same time a `Parallel`; a call that waits for one in
another branch has a `WaitFor` before it. The tree ends with the goal as a condition.

Source: the XML schema of BehaviorTree.CPP 4 (behaviortree.dev/docs/learn-the-basics/xml_format).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from kata.datasets.types import DEFAULT_HAND, PlanError
from kata.skills.contract.call import HAND, Call
from kata.skills.contract.contract import Contract
from kata.skills.planning.plan import Plan

from .blocks import Block, blocks_of
from .tree import numbered

TREE = "plan"
HOLDS, WAIT, VERSION = "Holds", "WaitFor", "version"
CONDITION, CALLS = "condition", "calls"
"""Ports of the two nodes that come with every plan."""

_RESERVED = frozenset({"name", "ID", HAND, VERSION})


@dataclass(frozen=True, slots=True)
class Node:
    """An element: its name, attributes in their order, and what is inside."""

    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Node, ...] = ()
    text: str = ""

    def get(self, name: str) -> str:
        """An attribute; empty where it is not there."""
        return dict(self.attributes).get(name, "")


def tree_xml(plan: Plan, contracts: Sequence[Contract] = ()) -> str:
    """The behaviour tree; `contracts` are the skills that its editor offers.

    Raises PlanError for a skill whose parameters cannot be ports.
    """
    body = _node(blocks_of(plan), plan, contracts)
    steps = body.children if body.name == "Sequence" and not body.attributes else (body,)
    goal = Node(HOLDS, (("name", "goal"), (CONDITION, str(plan.goal))))
    main = Node("Sequence", (("name", "plan"),), (*steps, goal))
    known = {c.name: c for c in (*(call.contract for call in plan.calls), *contracts)}
    root = Node(
        "root",
        (("BTCPP_format", "4"), ("main_tree_to_execute", TREE)),
        (
            Node("BehaviorTree", (("ID", TREE),), (main,)),
            Node("TreeNodesModel", (), (*_models(known), *_own_models())),
        ),
    )
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + "\n".join(_written(root, 0)) + "\n"


def _node(block: Block, plan: Plan, contracts: Sequence[Contract]) -> Node:
    if block.kind == "call":
        return _call_node(block, plan, contracts)
    parts = tuple(_node(part, plan, contracts) for part in block.parts)
    if block.kind == "series":
        return Node("Sequence", (), parts)
    return Node("Parallel", (("success_count", "-1"), ("failure_count", "1")), parts)


def _call_node(block: Block, plan: Plan, contracts: Sequence[Contract]) -> Node:
    call = plan.calls[block.index]
    action = Node(call.contract.name, (("name", numbered(plan, block.index)), *_ports(call)))
    if len({c.version for c in contracts if c.name == call.contract.name}) > 1:
        version = (VERSION, call.contract.version)
        action = Node(action.name, (*action.attributes, version))
    if call.holds.kind != "true":
        guard = Node(HOLDS, (("name", "holds"), (CONDITION, str(call.holds))))
        action = Node("ReactiveSequence", (), (guard, action))
    steps = [action]
    if call.requires.kind != "true":
        steps.insert(0, Node(HOLDS, (("name", "requires"), (CONDITION, str(call.requires)))))
    if block.waits:
        waits = ";".join(str(i + 1) for i in block.waits)
        steps.insert(0, Node(WAIT, ((CALLS, waits),)))
    named = (("name", str(call)),)
    return steps[0] if len(steps) == 1 else Node("Sequence", named, tuple(steps))


def _ports(call: Call) -> tuple[tuple[str, str], ...]:
    clash = _RESERVED.intersection(call.arguments)
    if clash:
        raise PlanError(
            "a parameter has a name that nodes of behaviour trees have",
            where=str(call),
            expected=f"other names than {', '.join(sorted(_RESERVED))}",
            got=", ".join(sorted(clash)),
        )
    hand = ((HAND, call.hand),) if call.hand != DEFAULT_HAND else ()
    return (*call.arguments.items(), *hand)


def _models(contracts: dict[str, Contract]) -> list[Node]:
    """The skills as Groot2's palette shows them."""
    models = []
    for contract in sorted(contracts.values(), key=lambda contract: contract.name):
        ports = []
        for parameter in contract.parameters:
            told = " ".join(filter(None, (parameter.type, parameter.unit)))
            default = (("default", parameter.default),) if parameter.default else ()
            kind = (("name", parameter.name), ("type", "std::string"), *default)
            ports.append(Node("input_port", kind, text=told))
        if contract.one_handed:
            kind = (("name", HAND), ("type", "std::string"), ("default", DEFAULT_HAND))
            ports.append(Node("input_port", kind, text="which hand does it"))
        kind = (("name", VERSION), ("type", "std::string"), ("default", ""))
        ports.append(Node("input_port", kind, text="of the skill; empty for the one in use"))
        notes = Node("Metadata", (("summary", contract.summary),))
        inside = (*ports, Node("MetadataFields", (), (notes,)))
        models.append(Node("Action", (("ID", contract.name),), inside))
    return models


def _own_models() -> tuple[Node, ...]:
    text = ("type", "std::string")
    condition = Node("input_port", (("name", CONDITION), text), text="over the facts")
    calls = Node("input_port", (("name", CALLS), text), text="numbers of calls, such as 1;3")
    return (
        Node("Condition", (("ID", HOLDS),), (condition,)),
        Node("Action", (("ID", WAIT),), (calls,)),
    )


def _written(node: Node, depth: int) -> list[str]:
    space = "  " * depth
    attributes = "".join(f' {name}="{_attribute(value)}"' for name, value in node.attributes)
    if node.text:
        return [f"{space}<{node.name}{attributes}>{escape(node.text)}</{node.name}>"]
    if not node.children:
        return [f"{space}<{node.name}{attributes}/>"]
    inner = [line for child in node.children for line in _written(child, depth + 1)]
    return [f"{space}<{node.name}{attributes}>", *inner, f"{space}</{node.name}>"]


def _attribute(text: str) -> str:
    """Escaped; line ends and tabs too, which a reader would turn into blanks."""
    marks = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
    return "".join(marks.get(letter, letter) for letter in escape(text))
