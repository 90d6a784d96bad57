"""The hand-written skills, queries and scenes that search is measured by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from kata.datasets.types import Atom, AtomTable, Facts
from kata.skills.contract.contract import Contract
from kata.skills.contract.files import read_contracts

DATA = Path(__file__).parents[3] / "data" / "search"
HANDS = ("left", "right")
_SHUT = {"hinged", "drawer", "sliding", "capped", "lidded"}
_OPEN = {"container", "valve", "vessel", "tube", "rack"}


@dataclass(frozen=True)
class Case:
    """A query with the skill that is meant, and the facts of its scene."""

    text: str
    skill: str
    facts: Facts
    pair: bool
    held_out: bool


@pytest.fixture
def written() -> tuple[Contract, ...]:
    """The hand-written skills."""
    return skills()


@pytest.fixture
def default_contracts() -> tuple[Contract, ...]:
    """The contracts that come with Kata."""
    return read_contracts(Path(__file__).parents[4] / "configs" / "skill")


@pytest.fixture
def queries() -> tuple[Case, ...]:
    """The hundred queries."""
    return cases()


@pytest.fixture
def scene() -> Callable[[Mapping[str, str], str], Facts]:
    """Makes the facts of a scene."""
    return facts


@cache
def skills() -> tuple[Contract, ...]:
    """The hand-written skills."""
    data = yaml.safe_load((DATA / "skills.yaml").read_text())
    return tuple(Contract.from_data(data["common"] | each) for each in data["skills"])


@cache
def cases() -> tuple[Case, ...]:
    """The hundred queries, singles before pairs."""
    data = yaml.safe_load((DATA / "queries.yaml").read_text())
    return tuple(_cases(data))


def _cases(data: Mapping[str, Any]) -> Iterator[Case]:
    for place, (text, skill, scene, true) in enumerate(data["queries"]):
        yield Case(text, skill, facts(data["scenes"][scene], true), False, bool(place % 2))
    for place, pair in enumerate(data["pairs"]):
        for skill, scene, true, *more in pair["cases"]:
            names = data["scenes"][scene] | (more[0] if more else {})
            yield Case(pair["sentence"], skill, facts(names, true), True, bool(place % 2))


def facts(names: Mapping[str, str], true: str) -> Facts:
    """Facts of a scene by the rules that stand above the queries."""
    types = {name: frozenset(tags.split()) for name, tags in names.items()}
    said = [text.strip() for text in true.split(";") if text.strip()]
    said = [text.replace("holding(", f"holding({HANDS[0]}, ") for text in said]
    far = {text[4:-1] for text in said if text.startswith("far(")}
    held = {text[5:-1] for text in said if text.startswith("held(")}
    atoms = {Atom.parse(text) for text in said if not text.startswith(("far(", "held("))}
    placed = {a.arguments[0] for a in atoms if a.predicate in ("on", "in")} | held
    placed |= {a.arguments[1] for a in atoms if a.predicate == "holding"}
    surface = next((name for name, tags in types.items() if "surface" in tags), "")
    for name, tags in types.items():
        opened = Atom("open", (name,)) in atoms
        if tags & _SHUT and not opened:
            atoms.add(Atom("closed", (name,)))
        elif tags & _OPEN:
            atoms.add(Atom("open", (name,)))
        if "object" in tags and name not in placed and surface:
            atoms.add(Atom("on", (name, surface)))
        atoms |= {Atom("reachable", (hand, name)) for hand in HANDS if name not in far}
    under = {a.arguments[1] for a in atoms if a.predicate in ("on", "in")}
    atoms |= {Atom("clear", (name,)) for name in types if name not in under}
    busy = {a.arguments[0] for a in atoms if a.predicate == "holding"}
    atoms |= {Atom("gripper_empty", (hand,)) for hand in HANDS if hand not in busy}
    # The table must name both hands, also where one of them holds something.
    empty = [Atom("gripper_empty", (hand,)) for hand in busy]
    table = AtomTable((*sorted(atoms), *empty), types)
    truth = np.array([1] * len(atoms) + [0] * len(empty), np.int8)
    return Facts(table, truth, np.where(truth == 1, 1.0, -1.0), 0.0)
