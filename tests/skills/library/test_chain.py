"""Signed records: whatever is changed, moved, taken out or put in is named."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kata.datasets.files import json_bytes
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted, write_package
from kata.skills.library.chain import check, sound_records
from kata.skills.library.library import Library
from kata.skills.library.records import add_record, read_records
from kata.skills.library.signing import Keyring, fingerprint, is_signed

CONTRACTS = read_contracts(Path(__file__).resolve().parents[3] / "configs" / "skill")
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")
SKILL = "ab" * 32


@pytest.fixture
def keyring(tmp_path):
    return Keyring(tmp_path / "keys")


@pytest.fixture
def chain(tmp_path, keyring):
    """The folder of four records."""
    for number in range(1, 5):
        add_record(tmp_path, SKILL, "evidence", {"about": number}, keyring)
    return tmp_path / SKILL


def faults(chain, keyring):
    links = check(chain.parent, SKILL, keyring)
    return {link.path.name[:6]: link.fault for link in links if link.fault}


def test_a_record_says_who_when_and_what_came_before(chain, keyring):
    bodies = [json.loads(path.read_bytes()) for path in sorted(chain.iterdir())]
    assert [body["number"] for body in bodies] == [1, 2, 3, 4]
    assert set(bodies[0]) == {
        *("format", "skill", "number", "kind", "when", "before", "key", "data", "signature"),
    }
    records = list(read_records(chain.parent, SKILL))
    assert [body["before"] for body in bodies] == ["", *(r.digest for r in records[:-1])]
    assert {record.by for record in records} == {fingerprint(keyring.public())}
    assert records[0].when.endswith("+00:00")
    assert faults(chain, keyring) == {}
    assert len(sound_records(chain.parent, SKILL, keyring)) == 4
    signature = bytes.fromhex(bodies[3].pop("signature"))
    assert is_signed(keyring.public(), signature, json_bytes(bodies[3]))


def test_a_changed_record_is_named(chain, keyring):
    path = chain / "000002-evidence.json"
    path.write_text(path.read_text().replace('"about": 2', '"about": 7'))
    assert faults(chain, keyring) == {"000002": "was changed after it was signed"}
    assert [r.data["about"] for r in sound_records(chain.parent, SKILL, keyring)] == [1, 3, 4]


def test_other_bytes_of_the_same_meaning_are_a_change(chain, keyring):
    path = chain / "000004-evidence.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert faults(chain, keyring) == {"000004": "was changed after it was signed"}


def test_a_removed_record_is_named(chain, keyring):
    (chain / "000002-evidence.json").unlink()
    assert faults(chain, keyring) == {"000003": "follows record 000002, which was removed"}
    (chain / "000001-evidence.json").unlink()
    assert faults(chain, keyring) == {"000003": "follows record 000001, which was removed"}


def test_records_that_changed_places_are_named(chain, keyring):
    one, two = chain / "000002-evidence.json", chain / "000003-evidence.json"
    one.rename(chain / "x")
    two.rename(one)
    (chain / "x").rename(two)
    assert faults(chain, keyring) == {
        "000002": "was moved: it was signed as 000003-evidence",
        "000003": "was moved: it was signed as 000002-evidence",
    }


def test_a_replaced_record_is_named_though_its_signature_is_good(chain, keyring, tmp_path):
    # Signed with the same key in another chain: only the hash of the next record tells.
    for number in (1, 7):
        add_record(tmp_path / "else", SKILL, "evidence", {"about": number}, keyring)
    shutil.copy(tmp_path / "else" / SKILL / "000002-evidence.json", chain)
    found = faults(chain, keyring)
    assert found["000002"] == "was signed after another 000001-evidence.json, which was replaced"


def test_a_record_of_another_key_is_named(chain, tmp_path, keyring):
    other = Keyring(tmp_path / "others")
    add_record(chain.parent, SKILL, "state", {"state": "promoted"}, other)
    told = f"is signed by a foreign key, {fingerprint(other.public())}"
    assert faults(chain, keyring) == {"000005": told}
    assert len(sound_records(chain.parent, SKILL, keyring)) == 4


def test_a_record_about_another_skill_is_named(chain, keyring):
    add_record(chain.parent, "cd" * 32, "evidence", {}, keyring)
    foreign = chain.parent / ("cd" * 32) / "000001-evidence.json"
    foreign.rename(chain / "000005-evidence.json")
    assert faults(chain, keyring) == {"000005": f"is about another skill, {'cd' * 6}"}


def test_what_is_no_record_is_named(chain, keyring):
    for number, text in enumerate(("{", "[]", '{"format": 9}', '{"format": 2}'), 5):
        (chain / f"{number:06d}-state.json").write_text(text)
    found = faults(chain, keyring)
    assert found["000005"] == found["000006"] == found["000007"] == "cannot be read"
    assert set(found) == {"000005", "000006", "000007", "000008"}


def test_records_from_before_signatures_are_readable_and_no_proof(tmp_path, keyring):
    folder = tmp_path / SKILL
    folder.mkdir()
    old = {"format": 1, "skill": SKILL, "kind": "state", "data": {"state": "promoted"}}
    (folder / "000001-state.json").write_bytes(json_bytes(old))
    add_record(tmp_path, SKILL, "evidence", {}, keyring)
    assert faults(folder, keyring) == {}
    assert [link.signed for link in check(tmp_path, SKILL, keyring)] == [False, True]
    assert [record.kind for record in sound_records(tmp_path, SKILL, keyring)] == ["evidence"]
    assert [record.by == "" for record in read_records(tmp_path, SKILL)] == [True, False]
    (folder / "000003-state.json").write_bytes(json_bytes(old))
    assert faults(folder, keyring) == {"000003": "is unsigned, after signed ones"}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_byte_can_be_changed_unnoticed(tmp_path, keyring, data):
    root = tmp_path / "one"
    if not root.exists():
        add_record(root, SKILL, "evidence", {"rate": 0.95, "text": "é"}, keyring)
    path = root / SKILL / "000001-evidence.json"
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    path.write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
    try:
        assert faults(root / SKILL, keyring)
    finally:
        path.write_bytes(content)


def test_the_library_names_what_is_wrong_with_its_records(tmp_path, keyring):
    library = Library(tmp_path / "library", keyring)
    for version in ("1.0.0", "1.1.0"):
        contract = replace(PICK, version=version)
        library.add(write_package(tmp_path / "made", contract, scripted("pick")))
    entry = library.show("pick@1.0.0")
    library.set_state(entry, "candidate", "measured")
    path = library.record_root / entry.identity / "000001-state.json"
    path.write_text(path.read_text().replace("draft", "promoted"))
    problems = [finding.problem for finding in library.verify()]
    assert problems == ["records: 000001-state.json was changed after it was signed", ""]
    shutil.rmtree(entry.folder)
    assert [finding.problem for finding in library.verify()] == ["", problems[0]]
    stranger = Library(tmp_path / "library", Keyring(tmp_path / "stranger"))
    assert "is signed by a foreign key" in stranger.verify("pick@1.1.0")[0].problem


ADDER = """
import sys
from pathlib import Path
from kata.skills.library.records import add_record
from kata.skills.library.signing import Keyring

root, skill, kind = sys.argv[1:]
for number in range(25):
    add_record(Path(root), skill, kind, {"about": number}, Keyring(Path(root) / "keys"))
"""


def test_processes_may_add_records_at_once(tmp_path):
    adders = [
        subprocess.Popen([sys.executable, "-c", ADDER, str(tmp_path), SKILL, kind])
        for kind in ("evidence", "state")
    ]
    assert [adder.wait(60) for adder in adders] == [0, 0]
    keyring = Keyring(tmp_path / "keys")
    assert faults(tmp_path / SKILL, keyring) == {}
    records = list(read_records(tmp_path, SKILL))
    assert [int(record.path.name[:6]) for record in records] == list(range(1, 51))
    for kind in ("evidence", "state"):
        told = [record.data["about"] for record in records if record.kind == kind]
        assert told == list(range(25))
