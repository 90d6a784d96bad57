"""How things and skills are called in PDDL, which knows no capitals and no brackets.

The way back needs no table: a name that PDDL could mistake for something else is written as the
hexadecimal digits of its letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kata.datasets.types import PREDICATES, PlanError
from kata.skills.contract.contract import Contract

THING, HAND = "thing_type", "hand_type"
"""The two types: whatever is in the scene, and what the robot holds things with."""

_PLAIN = re.compile(r"[a-z][a-z0-9_]*")
_CODED = "o__"
_OURS = (_CODED, "is_", "can_", "do_", "unknown_")
_TAKEN = frozenset(
    {*PREDICATES, THING, HAND, "and", "or", "not", "forall", "exists", "imply", "when", "object"}
    | {"number", "time", "define", "domain", "problem", "either", "action", "total", "minimize"}
    | {"increase", "decrease", "assign", "derived", "at", "over", "all", "start", "end", "init"}
    | {"goal", "metric", "maximize", "types", "constants", "predicates", "requirements", "effect"}
    | {"parameters", "precondition", "condition", "duration", "objects", "fluents", "typing"}
)


def coded(name: str) -> str:
    """A thing's name in PDDL; `plain` is its way back."""
    if _PLAIN.fullmatch(name) and not name.startswith(_OURS) and name not in _TAKEN:
        return name
    return _CODED + name.encode().hex()


def plain(name: str) -> str:
    """The name of a thing from PDDL. Raises PlanError for a code that is none."""
    if not name.startswith(_CODED):
        return name
    try:
        return bytes.fromhex(name.removeprefix(_CODED)).decode()
    except (ValueError, UnicodeDecodeError):
        raise PlanError("not a name", where="plan of PDDL", got=name[:80]) from None


def action_names(contracts: Sequence[Contract]) -> dict[str, Contract]:
    """Contracts by the names of their actions; versions are told apart where there are several."""
    out: dict[str, Contract] = {}
    for contract in contracts:
        several = len({c.version for c in contracts if c.name == contract.name}) > 1
        version = "__v" + contract.version.replace(".", "_") if several else ""
        out[f"do_{contract.name}{version}"] = contract
    return out
