"""Demonstrations of the default skills, as their contracts say that they go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from kata.datasets.types import Facts
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.files import read_contracts
from kata.skills.contract.testing_scene import facts_for
from kata.skills.planning.effects import after
from kata.skills.planning.missing import Demonstration

CONFIGS = Path(__file__).parents[4] / "configs" / "skill"
ROOT = Path("shown")

STARTS: dict[str, Sequence[tuple[tuple[str, ...], Facts]]] = {
    "open": [(("drawer",), facts_for()), (("drawer",), facts_for({"red_cube": "bin"}))],
    "close": [(("drawer",), facts_for(true=["open(drawer)"]))],
    "pick": [
        (("red_cube",), facts_for()),
        (("blue_cube",), facts_for({"blue_cube": "shelf"})),
        (("green_cube",), facts_for({"green_cube": "bin"})),
        (("red_cube",), facts_for({"red_cube": "yellow_cube"})),
    ],
    "place": [
        (("red_cube", "shelf"), facts_for({"red_cube": "hand"})),
        (("blue_cube", "table"), facts_for({"blue_cube": "hand"})),
    ],
    "place_in": [
        (("red_cube", "bin"), facts_for({"red_cube": "hand"})),
        (("blue_cube", "drawer"), facts_for({"blue_cube": "hand"}, true=["open(drawer)"])),
    ],
    "press": [(("button",), facts_for())],
    "push": [
        (("red_cube", "blue_cube"), facts_for()),
        (("green_cube", "red_cube"), facts_for({"blue_cube": "bin"})),
    ],
    "stack": [
        (("red_cube", "blue_cube"), facts_for({"red_cube": "hand"})),
        (("green_cube", "yellow_cube"), facts_for({"green_cube": "hand"})),
    ],
}
"""By skill, what its demonstrations were called with and how the scene was then."""


def shown(contract: Contract, number: int, values: Sequence[str], facts: Facts) -> Demonstration:
    """A demonstration that goes as the contract says."""
    call = Call(contract, tuple(values))
    end = after(call, facts)
    flips = {a: bool(end.value(a)) for a in end if end.value(a) is not facts.value(a)}
    return Demonstration(
        ROOT / contract.name,
        number,
        contract.name,
        call.arguments,
        str(call),
        facts.true_atoms(),
        flips,
        facts.table.types,
        3.0 + number,
    )


@pytest.fixture(scope="session")
def known() -> dict[str, Contract]:
    """The default skills of one arm, by name."""
    return {c.name: c for c in read_contracts(CONFIGS) if c.name in STARTS}


@pytest.fixture(scope="session")
def show(known) -> Callable[[Iterable[str]], tuple[Demonstration, ...]]:
    """Demonstrations of these skills."""

    def make(names: Iterable[str]) -> tuple[Demonstration, ...]:
        return tuple(
            shown(known[name], number, values, facts)
            for name in names
            for number, (values, facts) in enumerate(STARTS[name])
        )

    return make
