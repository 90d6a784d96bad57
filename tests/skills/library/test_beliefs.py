"""What is believed of pins and states: what a key that counts has signed, and nothing else."""

import json
import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kata.datasets.files import json_bytes
from kata.datasets.types import PackageError, SignatureError
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted
from kata.skills.library import chain
from kata.skills.library.audit import require_clean
from kata.skills.library.entries import read_own_contract, survey_files
from kata.skills.library.library import Library
from kata.skills.library.pins import Pin, add_pin
from kata.skills.library.records import add_state
from kata.skills.library.signing import Keyring
from kata.skills.library.trust import Trust, make_package, sign_package

CONTRACTS = read_contracts(Path(__file__).resolve().parents[3] / "configs" / "skill")
PICK, PLACE = (next(c for c in CONTRACTS if c.name == name) for name in ("pick", "place"))


@pytest.fixture
def own(tmp_path):
    ring = Keyring(tmp_path / "own")
    ring.public()
    return ring


@pytest.fixture
def alice(tmp_path, own):
    """The key of another, whose packages are trusted and whose records are not."""
    ring = Keyring(tmp_path / "alice")
    own.trust(ring.public(), "alice")
    return ring


@pytest.fixture
def library(tmp_path, own):
    return Library(tmp_path / "library", own, Trust.of(own, "trusted"))


@pytest.fixture
def add(library, tmp_path, own):
    def one(version, contract=PICK, state="draft", ring=own):
        contract = replace(contract, version=version)
        made = make_package(tmp_path / "made", contract, scripted(contract.name), keyring=ring)
        return library.add(made, state)

    return one


def promote(library, entry, ring, number):
    told = {"number": number, "version": entry.version, "ground": "first"}
    add_state(library.record_root, entry.identity, "promoted", "good", ring, promotion=told)


def unsigned(root, name, number, kind, data):
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    body = {"format": 1, "skill": name, "kind": kind, "data": data}
    (folder / f"{number:06d}-{kind}.json").write_bytes(json_bytes(body))


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_a_pin_that_nobody_signed_who_counts_pins_nothing_and_is_named(
    library, add, alice, pinned, signed
):
    old, middle, new = add("1.0.0"), add("1.1.0"), add("1.2.0")
    if pinned:
        library.pin(str(middle))
    data = {"version": old.version, "identity": old.identity, "reason": ""}
    if signed:
        add_pin(library.root, Pin("pick", **data), alice)
    else:
        unsigned(library.root / "pins", "pick", 1 + pinned, "pin", data)
    used = middle if pinned else new
    assert library.best("pick") == used
    assert [skill.contract.version for skill in library.skills()] == [used.version]
    assert library.pins() == ({"pick": library.pin(str(middle))} if pinned else {})
    for found in (library.verify(), library.verify("pick")):
        (problem,) = (finding.problem for finding in found if finding.problem)
        assert problem.startswith(f"pins: 00000{1 + pinned}-pin.json is ")


def test_a_promotion_written_by_hand_makes_a_candidate(library, add):
    entry, new = add("1.0.0"), add("1.1.0")
    folder = library.record_root / entry.identity
    (folder / "000001-state.json").unlink()
    data = {"state": "promoted", "reason": "", "promotion": {"number": 9}}
    unsigned(library.record_root, entry.identity, 1, "state", data)
    assert (library.show(str(entry)).state, library.show(str(entry)).promotion) == ("candidate", 0)
    assert library.in_use("pick") is None
    library.set_state(new, "candidate", "measured")
    assert library.best("pick") == library.show(str(new))


@pytest.mark.parametrize("state", ["promoted", "retired", "candidate"])
def test_what_a_stranger_says_of_a_version_changes_nothing(library, add, alice, own, state):
    old, new = add("1.0.0"), add("1.1.0")
    before = library.list()
    told = {"promotion": {"number": 1}} if state == "promoted" else {}
    add_state(library.record_root, old.identity, state, "mine", alice, **told)
    assert library.list() == before
    assert library.best("pick") == new
    assert library.used() == (new,)
    assert library.in_use("pick") is None
    assert "is signed by a foreign key" in library.faults(old.identity)[0]
    # From then on it counts, and the index that was kept does not say otherwise.
    own.trust(alice.public(), "alice", records=True)
    assert library.show(str(old)).state == state
    assert library.list() == survey_files(library.root, own)[0] != before


def test_a_stranger_s_promotion_is_not_rolled_back_to(library, add, alice, own):
    first, second, third = (add(f"1.{number}.0") for number in range(3))
    promote(library, first, own, 1)
    promote(library, third, own, 2)
    promote(library, second, alice, 3)
    assert library.in_use("pick").version == "1.2.0"
    back, last = library.roll_back("pick", "worse")
    assert (back.version, last.version) == ("1.0.0", "1.2.0")
    with pytest.raises(PackageError, match="no version to go back to"):
        library.roll_back("pick", "again")


def test_a_state_that_was_changed_leaves_the_one_before(library, add):
    entry = library.set_state(add("1.0.0"), "candidate", "measured")
    library.set_state(entry, "retired", "old")
    path = library.record_root / entry.identity / "000003-state.json"
    path.write_text(path.read_text().replace("retired", "promoted"))
    assert library.show(str(entry)).state == "candidate"
    assert "was changed after it was signed" in library.verify("pick")[0].problem
    # What is said from now on counts again.
    assert library.set_state(entry, "retired", "old").state == "retired"


def test_a_listing_checks_no_signature_again(library, add, monkeypatch):
    for number in range(4):
        add(f"1.{number}.0")
    for _ in range(3):
        time.sleep(0.02)
        before = library.list()
    checked = []
    monkeypatch.setattr(chain, "is_signed", lambda *args: checked.append(args))
    assert library.list() == before
    assert library.used() == before[-1:]
    assert checked == []
    library.best("pick")
    assert len(checked) == 4, "what chooses a version asks the signatures themselves"


def test_one_that_is_altered_is_left_out_and_told(library, add, caplog):
    old, new = add("1.0.0"), add("1.1.0")
    add("1.0.0", PLACE)
    (new.folder / "policy.json").write_text("{}")
    with caplog.at_level(logging.WARNING, "kata.skills.library"):
        assert [skill.contract.name for skill in library.skills()] == ["place"]
    assert "pick@1.1.0 is left out: not the package" in caplog.text
    assert "altered policy.json" in caplog.text
    with pytest.raises(PackageError, match=r"altered policy\.json"):
        library.get("pick")
    assert library.get(str(old)).contract.version == "1.0.0"


def test_where_none_is_left_the_reason_is_raised(library, add):
    (add("1.0.0").folder / "policy.json").write_text("{}")
    with pytest.raises(PackageError, match=r"altered policy\.json"):
        library.skills()


def test_a_pin_to_nothing_stops_only_its_skill(library, add, own, caplog):
    add("1.0.0")
    place = add("1.0.0", PLACE)
    add_pin(library.root, Pin("pick", "7.0.0", "ab" * 32), own)
    with caplog.at_level(logging.WARNING, "kata.skills.library"):
        assert library.used() == (place,)
    assert "pick is left out: the pinned version" in caplog.text


def test_what_is_listed_of_a_contract_is_what_its_identity_says(add, tmp_path):
    entry = add("1.0.0")
    assert read_own_contract(entry.folder, entry.identity) == replace(PICK, version="1.0.0")
    terms = entry.folder / "skill.yaml"
    content = terms.read_bytes()
    terms.write_bytes(content.replace(b"Grasp", b"Greet"))
    with pytest.raises(PackageError, match=r"altered skill\.yaml"):
        read_own_contract(entry.folder, entry.identity)
    manifest = entry.folder / "manifest.json"
    data = json.loads(manifest.read_text())
    data["files"] = {"policy.json": 3}
    manifest.write_text(json.dumps(data))
    terms.write_bytes(content)
    with pytest.raises(PackageError, match=r"altered skill\.yaml"):
        read_own_contract(entry.folder, entry.identity)
    terms.write_bytes(b"#" * (65 << 10))
    with pytest.raises(PackageError):
        read_own_contract(entry.folder, entry.identity)


def test_only_what_was_audited_is_signed(tmp_path, own, alice):
    package = make_package(tmp_path / "made", PICK, scripted("pick"), keyring=alice)
    other = make_package(
        tmp_path / "other", replace(PICK, cost=1.0), scripted("pick"), keyring=alice
    )
    seal = (package / "manifest.sig").read_bytes()
    audited = require_clean(package)
    with pytest.raises(PackageError, match="changed after it was audited"):
        sign_package(other, own, audited)
    kept = {path.name: path.read_bytes() for path in package.iterdir()}
    for path in other.iterdir():
        (package / path.name).write_bytes(path.read_bytes())
    with pytest.raises(PackageError, match="changed after it was audited"):
        sign_package(package, own, audited)
    with pytest.raises(SignatureError):
        Trust.of(own, "own").open(package)
    for name, content in kept.items():
        (package / name).write_bytes(content)
    assert (package / "manifest.sig").read_bytes() == seal
    sign_package(package, own, audited)
    assert Trust.of(own, "own").open(package).contract == PICK
