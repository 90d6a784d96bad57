"""What the planner knows of a library: above all, which version may stand in for the one in use."""

from dataclasses import replace

import pytest

from kata.datasets.types import Condition
from kata.launch.knowledge import known_of
from kata.skills.contract.package import scripted
from kata.skills.library.library import Library
from kata.skills.library.records import add_state
from kata.skills.library.signing import Keyring
from kata.skills.library.trust import make_package
from kata.skills.testing import CONTRACTS

PICK = CONTRACTS["pick"]
RATE = {"robot": "panda", "start": "nominal", "rate": 0.9}


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library")


@pytest.fixture
def add(library, tmp_path):
    """Adds a version of `pick` that was measured, as a candidate."""

    def one(version, keyring=None, **more):
        contract = replace(PICK, version=version, **more)
        made = make_package(tmp_path / "made", contract, scripted("pick"), keyring=keyring)
        entry = library.add(made, "candidate")
        library.record(entry, "evidence", RATE)
        return entry

    return one


def spares(library):
    return [contract.version for contract in known_of(library, "panda").spares]


def test_the_newest_other_version_of_the_same_terms_stands_in(library, add):
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        add(version)
    assert spares(library) == ["1.1.0"]
    assert known_of(library, "panda").success == {"pick": 0.9, "pick@1.1.0": 0.9}


@pytest.mark.parametrize(
    "other",
    [
        {"requires": Condition.parse("open(drawer)")},
        {"achieves": Condition.parse("open(drawer)")},
        {"holds": Condition.parse("open(drawer)")},
        {"embodiment": replace(PICK.embodiment, arms=2)},
    ],
)
def test_a_version_of_other_terms_or_for_another_body_stands_in_for_nothing(library, add, other):
    add("1.0.0")
    add("1.1.0", **other)
    add("1.2.0")
    assert spares(library) == ["1.0.0"]


def test_what_cannot_be_loaded_is_passed_over(library, add, tmp_path):
    add("1.0.0")
    add("1.1.0", Keyring(tmp_path / "alice"))
    (add("1.2.0").folder / "policy.json").write_text("{}")
    add("1.3.0")
    known = known_of(library, "panda")
    assert [contract.version for contract in known.contracts] == ["1.3.0"]
    assert spares(library) == ["1.0.0"]


def test_a_state_that_a_stranger_gave_makes_no_spare(library, add, tmp_path):
    draft = library.add(make_package(tmp_path / "made", PICK, scripted("pick")))
    library.record(draft, "evidence", RATE)
    alice = Keyring(tmp_path / "alice")
    add_state(library.record_root, draft.identity, "promoted", "", alice, promotion={"number": 1})
    add("9.0.0")
    assert spares(library) == []
    library.set_state(draft, "candidate", "measured")
    assert spares(library) == [PICK.version]
