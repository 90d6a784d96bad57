"""States by their table, and pins: what is used, and what is refused."""

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from kata.datasets.types import PackageError, UnknownNameError
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted
from kata.skills.library.library import Library
from kata.skills.library.records import STATES
from kata.skills.library.states import TRANSITIONS, require_legal
from kata.skills.library.trust import make_package

CONTRACTS = read_contracts(Path(__file__).resolve().parents[3] / "configs" / "skill")
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")
WAY_TO = {
    "draft": ["draft"],
    "candidate": ["candidate"],
    "promoted": ["draft", "promoted"],
    "retired": ["candidate", "retired"],
}


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library")


@pytest.fixture
def add(library, tmp_path):
    """Adds `pick` in a version and a state."""

    def one(version, state="draft"):
        package = make_package(tmp_path / "made", replace(PICK, version=version), scripted("pick"))
        first, *rest = WAY_TO[state]
        entry = library.add(package, first)
        for each in rest:
            entry = library.set_state(entry, each, "test")
        return entry

    return one


def test_every_state_is_in_the_table_and_can_be_reached():
    assert set(TRANSITIONS) == {"", *STATES}
    reached = {""}
    for _ in STATES:
        reached |= set().union(*(TRANSITIONS[state] for state in reached))
    assert reached == {"", *STATES}
    assert all(TRANSITIONS.values()), "no state is a dead end"


@pytest.mark.parametrize(("before", "after"), list(itertools.product(STATES, STATES)))
def test_a_library_takes_the_steps_of_the_table_and_no_others(library, add, before, after):
    entry = add("1.0.0", before)
    count = len(library.records(entry))
    if after in TRANSITIONS[before]:
        assert library.set_state(entry, after, "test").state == after
        assert library.records(entry)[-1].data == {"state": after, "reason": "test"}
    else:
        with pytest.raises(PackageError, match=f"{before} cannot become {after}"):
            library.set_state(entry, after, "test")
        assert len(library.records(entry)) == count
        assert library.show("pick@1.0.0").state == before


@pytest.mark.parametrize("state", ["promoted", "retired"])
def test_nothing_begins_as_promoted_or_retired(library, add, tmp_path, state):
    package = make_package(tmp_path / "made", PICK, scripted("pick"))
    with pytest.raises(PackageError, match=f"new cannot become {state}"):
        library.add(package, state)
    assert library.list() == ()


def test_a_retired_version_is_told_how_it_comes_back():
    with pytest.raises(PackageError, match="kata library restore"):
        require_legal("retired", "draft", "pick@1.0.0")


def test_a_pinned_version_is_used_whatever_is_promoted(library, add):
    for version, state in (("1.0.0", "candidate"), ("1.1.0", "promoted"), ("1.2.0", "draft")):
        add(version, state)
    assert library.best("pick").version == "1.1.0"
    pin = library.pin("pick@1.2.0", "trying it")
    assert (str(pin), pin.reason) == ("pick@1.2.0", "trying it")
    assert library.best("pick").version == library.show("pick").version == "1.2.0"
    assert [skill.contract.version for skill in library.skills()] == ["1.2.0"]
    assert library.in_use("pick").version == "1.1.0", "what is promoted stays so"
    library.pin("pick@1.0.0")
    assert library.pins() == {"pick": library.pin("pick@1.0.0")}
    assert library.best("pick").version == "1.0.0"
    assert library.unpin("pick").version == "1.0.0"
    assert library.pins() == {}
    assert library.best("pick").version == "1.1.0"
    with pytest.raises(PackageError, match="no version of 'pick' is pinned"):
        library.unpin("pick")
    files = sorted(path.name for path in (library.root / "pins" / "pick").iterdir())
    assert files == [f"00000{number}-pin.json" for number in (1, 2, 3)]
    assert [finding.problem for finding in library.verify("pick")] == ["", "", ""]


def test_what_cannot_be_used_cannot_be_pinned(library, add):
    retired, broken = add("1.0.0", "retired"), add("1.1.0")
    (broken.folder / "policy.json").write_text("{}")
    with pytest.raises(PackageError, match=r"pick@1\.0\.0 is retired"):
        library.pin(str(retired))
    with pytest.raises(PackageError, match="not sound"):
        library.pin(str(broken))
    with pytest.raises(UnknownNameError):
        library.pin("pick@9.0.0")
    with pytest.raises(UnknownNameError):
        library.pin("../pick@1.0.0")
    assert not (library.root / "pins").exists()


def test_a_pinned_version_stays_in_use_until_it_is_unpinned(library, add):
    add("1.0.0", "promoted")
    entry = add("1.1.0", "promoted")
    library.pin(str(entry))
    with pytest.raises(PackageError, match="kata library unpin pick"):
        library.set_state(entry, "retired", "test")
    with pytest.raises(PackageError, match="kata library unpin pick"):
        library.roll_back("pick", "test")
    shutil.rmtree(entry.folder)
    with pytest.raises(PackageError, match="it is not there"):
        library.best("pick")
    with pytest.raises(PackageError, match="it is not there"):
        library.skills()
    library.unpin("pick")
    assert library.best("pick").version == "1.0.0"


def test_a_changed_or_unreadable_pin_is_named(library, add):
    entry = add("1.0.0")
    add("1.1.0")
    library.pin(str(entry))
    path = library.root / "pins" / "pick" / "000001-pin.json"
    content = path.read_text()
    path.write_text(content.replace("1.0.0", "1.1.0"))
    (finding,) = (each for each in library.verify("pick") if each.problem)
    assert finding.problem == "pins: 000001-pin.json was changed after it was signed"
    assert finding in library.verify()
    for broken in ("{", json.dumps({**json.loads(content), "data": {"version": 1}})):
        path.write_text(broken)
        assert library.best("pick").version == "1.1.0", "it pins nothing"
        assert any("000001-pin.json" in each.problem for each in library.verify("pick"))


def test_what_is_told_with_a_package_is_recorded_once(library, tmp_path):
    package = make_package(tmp_path / "made", PICK, scripted("pick"))
    told = {"source": {"source": "here", "revision": ""}}
    for _ in range(2):
        entry = library.add(package, told=told)
    assert [record.kind for record in library.records(entry)] == ["state", "source"]
    library.add(package, told={"source": {"source": "there", "revision": ""}})
    sources = [record.data["source"] for record in library.records(entry, "source")]
    assert sources == ["here", "there"]
    assert library.faults(entry.identity) == ()


def test_what_killed_processes_left_is_swept_and_nothing_else(library, add):
    entry = add("1.0.0")
    left = [library.root / "skills" / ".pick-2.0.0.abcd.tmp", library.root / ".install.ab.tmp"]
    for folder in left:
        folder.mkdir()
        (folder / "skill.yaml").write_text("half")
    with library.staging(library.root / "install") as alive:
        assert library.sweep() == 2
        assert alive.is_dir()
    assert not any(folder.exists() for folder in left)
    assert library.list() == (entry,)
    assert library.sweep() == 0
