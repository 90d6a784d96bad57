"""The formats of plans by name: which can be written, and which are read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kata.datasets.types import UnknownNameError
from kata.skills.contract.contract import Contract
from kata.skills.planning.plan import Plan

from .behaviour_tree import tree_xml
from .behaviour_tree_reading import plan_of_xml
from .data import plan_of_text, plan_text
from .dot import dot_text
from .svg import plan_svg
from .tree import tree_text

_Writer = Callable[[Plan, Sequence[Contract]], str]

FORMATS: Mapping[str, _Writer] = {
    "xml": tree_xml,
    "json": plan_text,
    "dot": lambda plan, _: dot_text(plan),
    "svg": lambda plan, _: plan_svg(plan),
    "text": lambda plan, _: tree_text(plan),
}
"""Writers by name; `xml` is a behaviour tree for Groot2, and like `json` it is read back."""


def write_plan(plan: Plan, name: str, contracts: Sequence[Contract] = ()) -> str:
    """The plan in a format. Raises UnknownNameError for another one."""
    if name not in FORMATS:
        raise UnknownNameError("format", name, FORMATS, where="format")
    return FORMATS[name](plan, contracts)


def read_plan(text: str, contracts: Sequence[Contract]) -> Plan:
    """The plan of a text that `write_plan` wrote as xml or json, or that was made of one.

    Raises PlanError naming what is wrong. Whether the plan is sound is for `check_plan`.
    """
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        return plan_of_xml(text.lstrip("\ufeff \t\r\n"), contracts)
    return plan_of_text(text, contracts)
