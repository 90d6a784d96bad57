"""XML as plain nodes, read from people who may mean no good: no DTD, no entity, small, shallow."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn
from xml.parsers import expat

from kata.datasets.types import PlanError

from .behaviour_tree import Node

MOST_BYTES, MOST_NODES, MOST_DEPTH, MOST_ATTRIBUTES = 2_000_000, 10_000, 60, 200
_WHERE = "plan.xml"


def read_nodes(text: str) -> Node:
    """The root element. Raises PlanError for what is no XML, too big, or more than elements."""
    data = text.encode("utf-8", "surrogateescape")
    if len(data) > MOST_BYTES:
        raise PlanError("too long", where=_WHERE, expected=f"{MOST_BYTES} bytes at most")
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    # An entity could be of any size, or a file: nothing that declares one is gone on with.
    parser.StartDoctypeDeclHandler = _forbidden("a document type")
    parser.EntityDeclHandler = _forbidden("an entity")
    parser.ProcessingInstructionHandler = _forbidden("a processing instruction")
    parser.ExternalEntityRefHandler = _forbidden("an entity")
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise PlanError("not XML", where=_WHERE, got=str(error)) from None
    assert reader.root is not None
    return reader.root


class _Open:
    """An element that has begun."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name, self.attributes = name, tuple(attributes.items())
        self.children: list[Node] = []


class _Reader:
    """Collects elements; text between them is left out."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[_Open] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_NODES or len(attributes) > MOST_ATTRIBUTES:
            raise PlanError("too many nodes", where=_WHERE, expected=f"{MOST_NODES} at most")
        if len(self._open) >= MOST_DEPTH:
            raise PlanError("too deep", where=_WHERE, expected=f"{MOST_DEPTH} levels at most")
        self._open.append(_Open(name, attributes))

    def end(self, _name: str) -> None:
        done = self._open.pop()
        node = Node(done.name, done.attributes, tuple(done.children))
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node


def _forbidden(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: object) -> NoReturn:
        raise PlanError(f"{what} in a plan", where=_WHERE, expected="elements and attributes only")

    return refuse
