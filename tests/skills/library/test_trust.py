"""Whose packages load: policies, signatures that are not, what is changed in between."""

import logging
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kata.datasets.files import write_file
from kata.datasets.types import PackageError, SignatureError, StorageError, UnknownNameError
from kata.skills.contract import package as package_module
from kata.skills.contract import skill as skill_module
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted, verify, write_package
from kata.skills.contract.seal import SIGNATURE, Seal, read_seal
from kata.skills.library import trust as trust_module
from kata.skills.library.keys import fingerprint, is_signed, is_weak
from kata.skills.library.library import Library
from kata.skills.library.records import add_state
from kata.skills.library.signing import Keyring
from kata.skills.library.sources.install import install
from kata.skills.library.trust import Trust, make_package, sign_package

CONTRACTS = read_contracts(Path(__file__).resolve().parents[3] / "configs" / "skill")
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")


@pytest.fixture(autouse=True)
def forget_warnings(monkeypatch):
    monkeypatch.setattr(trust_module, "_TOLD", set())


@pytest.fixture
def own(tmp_path):
    ring = Keyring(tmp_path / "own")
    ring.public()
    return ring


@pytest.fixture
def alice(tmp_path):
    return Keyring(tmp_path / "alice")


def package_of(tmp_path, ring, name="made"):
    return make_package(tmp_path / name, PICK, scripted("pick"), keyring=ring)


def test_what_the_own_key_signed_loads(tmp_path, own):
    package = package_of(tmp_path, own)
    skill = Trust.of(own).open(package)
    assert skill.contract == PICK
    assert str(Trust.of(own).judge(verify(package))) == (
        f"it is signed by your own key {fingerprint(own.public())}"
    )


STANDINGS = ("own", "trusted", "foreign", "unsigned", "forged")
LOADS = {
    ("own", False): {"own"},
    ("trusted", False): {"own", "trusted"},
    ("own", True): {"own", "trusted", "foreign", "unsigned"},
    ("trusted", True): {"own", "trusted", "foreign", "unsigned"},
}


@pytest.mark.parametrize("standing", STANDINGS)
@pytest.mark.parametrize(("policy", "allow_unsigned"), LOADS)
def test_every_policy_meets_every_signature(
    tmp_path, own, alice, standing, policy, allow_unsigned, caplog
):
    stranger = Keyring(tmp_path / "stranger")
    own.trust(alice.public(), "alice")
    signers = {"own": own, "trusted": alice, "foreign": stranger, "forged": own}
    if standing == "unsigned":
        package = write_package(tmp_path / "made", PICK, scripted("pick"))
    else:
        package = package_of(tmp_path, signers[standing])
    if standing == "forged":
        seal = read_seal(package)
        flipped = bytes([seal.signature[0] ^ 1]) + seal.signature[1:]
        (package / SIGNATURE).write_bytes(Seal(seal.key, flipped).to_bytes())
    trust = Trust.of(own, policy, allow_unsigned=allow_unsigned)
    verdict = trust.judge(verify(package))
    assert verdict.standing == standing
    with caplog.at_level(logging.WARNING, "kata.skills.library"):
        if standing in LOADS[policy, allow_unsigned]:
            assert trust.open(package).identity == verify(package).identity
        else:
            with pytest.raises(SignatureError, match="a package that this robot does not trust"):
                trust.open(package)
    waived = allow_unsigned and standing in LOADS["own", True] - LOADS[policy, False]
    told = [record.message for record in caplog.records]
    assert bool(told) == waived
    if waived:
        assert told == [f"pick@1.0.0 is loaded by allow_unsigned=true although {verdict}"]


def test_the_message_says_how_to_sign(tmp_path, own):
    package = write_package(tmp_path, PICK, scripted("pick"))
    with pytest.raises(SignatureError) as caught:
        Trust.of(own).open(package)
    assert str(caught.value) == (
        "a package that this robot does not trust (in pick@1.0.0)\n"
        "  expected: a package that your own key signed (trust=own)\n"
        "  got:      it is not signed\n"
        "  do:       if it is yours, or kata library audit pick@1.0.0 finds nothing, vouch for it: "
        "kata library sign pick@1.0.0; allow_unsigned=true loads it once, and is logged"
    )


def test_an_unknown_policy_is_answered_with_the_nearest(own):
    with pytest.raises(UnknownNameError, match="did you mean 'trusted'"):
        Trust.of(own, "trust")


def test_trust_travels_to_workers_and_makes_no_key(tmp_path, own, alice):
    own.trust(alice.public(), "alice")
    trust = Trust.of(own, "trusted")
    assert pickle.dumps(trust) == pickle.dumps(Trust.of(own, "trusted"))
    empty = Keyring(tmp_path / "none")
    assert Trust.of(empty).own is None
    assert not empty.folder.exists()


def test_a_changed_manifest_breaks_the_signature(tmp_path, own):
    package = package_of(tmp_path, own)
    manifest = package / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"\n}", b"\n }"))
    assert Trust.of(own).judge(verify(package)).standing == "forged"


def test_a_signature_is_outside_of_the_identity(tmp_path, own, alice):
    packages = [package_of(tmp_path, ring, name) for ring, name in ((own, "a"), (alice, "b"))]
    reports = [verify(package) for package in packages]
    assert reports[0].identity == reports[1].identity
    assert reports[0].seal != reports[1].seal


def test_signing_again_changes_nothing_and_another_key_takes_its_place(tmp_path, own, alice):
    package = package_of(tmp_path, alice)
    before = (package / SIGNATURE).stat().st_mtime_ns
    sign_package(package, alice)
    assert (package / SIGNATURE).stat().st_mtime_ns == before
    assert sign_package(package, own) == fingerprint(own.public())
    assert read_seal(package).key == own.public()


def test_what_is_unsound_is_not_signed(tmp_path, own):
    package = write_package(tmp_path, PICK, scripted("pick"))
    (package / "policy.json").write_text("{}")
    with pytest.raises(PackageError, match=r"altered policy\.json"):
        sign_package(package, own)
    assert not (package / SIGNATURE).exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b'{"format": 1, "key": "00", "signature": "00"}',
        b'{"format": 1, "key": 3, "signature": 4}',
        b'{"format": 1, "key": "zz", "signature": ""}',
        b"x" * 5000,
    ],
)
def test_a_signature_of_another_form_is_refused(tmp_path, own, content):
    package = package_of(tmp_path, own)
    (package / SIGNATURE).write_bytes(content)
    with pytest.raises(PackageError):
        Trust.of(own, allow_unsigned=True).open(package)


def test_a_key_that_anybody_can_sign_for_proves_nothing(tmp_path, own):
    # The neutral point: with it R = the neutral point and S = 0 fit every content.
    weak, signature = bytes([1]) + bytes(31), bytes([1]) + bytes(63)
    assert is_weak(weak)
    assert not is_signed(weak, signature, b"anything")
    package = write_package(tmp_path, PICK, scripted("pick"))
    (package / SIGNATURE).write_bytes(Seal(weak, signature).to_bytes())
    assert Trust.of(own).judge(verify(package)).standing == "forged"
    with pytest.raises(SignatureError, match="proves nothing"):
        own.trust(weak, "mallory")


def test_what_is_changed_between_check_and_load_is_found(tmp_path, own):
    package = package_of(tmp_path, own)
    skill = Trust.of(own).open(package)
    other = package_of(tmp_path, own, "other")
    write_file(package / "policy.json", (other / "policy.json").read_bytes().replace(b"k", b"c"))
    with pytest.raises(PackageError, match="changed after it was verified"):
        _ = skill.scripted


def learned(folder):
    from kata.policies.fakes import fake_policy

    fake_policy("regression").save(folder)


def test_weights_that_are_changed_between_check_and_load_are_found(tmp_path, own):
    package = make_package(tmp_path, PICK, learned, keyring=own)
    skill = Trust.of(own).open(package)
    assert skill.load_policy() is not None
    weights = package / "policy.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(PackageError, match="changed after it was verified"):
        skill.load_policy()


def test_what_is_loaded_is_a_copy_that_nobody_else_writes_to(tmp_path, own, monkeypatch):
    package = make_package(tmp_path, PICK, learned, keyring=own)
    skill = Trust.of(own).open(package)
    seen = []

    def read(folder):
        seen.append((Path(folder), sorted(path.name for path in Path(folder).iterdir())))
        raise PackageError("damaged", where=f"{folder}/policy.json")

    monkeypatch.setattr("kata.policies.load_policy", read)
    with pytest.raises(PackageError, match=str(package)) as caught:
        skill.load_policy()
    assert caught.value.where == f"{package}/policy.json"
    ((folder, names),) = seen
    assert names == ["policy.json", "policy.safetensors"]
    assert folder != package
    assert not folder.exists()


def test_there_is_one_way_to_a_skill_and_one_to_its_policy():
    # Whoever makes a Skill, or reads a package's policy, in another place goes round the trust.
    root = Path(skill_module.__file__).resolve().parents[4]
    sources = [
        path
        for area in ("skills/kata", "launch/kata", "sim/kata", "hardware/kata")
        for path in (root / area).rglob("*.py")
    ]
    texts = {path: path.read_text() for path in sources}
    makers = {path.name for path, text in texts.items() if " Skill(" in text or "(Skill(" in text}
    loaders = {path.name for path, text in texts.items() if "= load_policy(" in text}
    assert makers == {"package.py"}
    assert loaders <= {"skill.py"} | {path.name for path in texts if "/bench/" in str(path)}


def test_the_library_leaves_out_what_is_not_trusted_and_says_so(tmp_path, own, alice, caplog):
    library = Library(tmp_path / "library", own)
    place = next(contract for contract in CONTRACTS if contract.name == "place")
    library.add(package_of(tmp_path, own))
    library.add(make_package(tmp_path / "made", place, scripted("place"), keyring=alice))
    with caplog.at_level(logging.WARNING, "kata.skills.library"):
        assert [skill.contract.name for skill in library.skills()] == ["pick"]
    assert caplog.records[0].message.startswith(
        f"place@1.0.0 is left out: it is signed by a foreign key {fingerprint(alice.public())}"
    )
    with pytest.raises(SignatureError):
        library.get("place")
    own.trust(alice.public(), "alice")
    trusting = Library(library.root, own, Trust.of(own, "trusted"))
    assert [skill.contract.name for skill in trusting.skills()] == ["pick", "place"]
    assert library.look("place").contract == place


def test_where_nothing_is_trusted_the_reason_is_told(tmp_path, own):
    library = Library(tmp_path / "library", own)
    library.add(write_package(tmp_path, PICK, scripted("pick")))
    with pytest.raises(SignatureError, match="kata library sign pick@1"):
        library.skills()


def test_a_signature_that_comes_later_is_taken_in(tmp_path, own):
    library = Library(tmp_path / "library", own)
    package = write_package(tmp_path, PICK, scripted("pick"))
    library.add(package)
    sign_package(package, own)
    library.add(package)
    assert library.get("pick").contract == PICK


def test_the_promotion_of_a_foreign_key_puts_nothing_in_use(tmp_path, own, alice):
    library = Library(tmp_path / "library", own)
    old, new = (replace(PICK, version=version) for version in ("1.0.0", "1.1.0"))
    entries = [
        library.add(make_package(tmp_path / "made", each, scripted("pick"), keyring=own))
        for each in (old, new)
    ]
    library.set_state(entries[1], "candidate", "measured")
    identity = entries[0].identity
    add_state(library.record_root, identity, "promoted", "mine", alice, promotion={"number": 1})
    assert library.best("pick").version == "1.1.0"
    own.trust(alice.public(), "alice")
    assert library.best("pick").version == "1.1.0"
    own.trust(alice.public(), "alice", records=True)
    assert library.best("pick").version == "1.0.0"


def test_a_disk_that_refuses_is_told(tmp_path, own, monkeypatch):
    package = write_package(tmp_path, PICK, scripted("pick"))

    def full(*_):
        raise StorageError("the disk refused to write")

    monkeypatch.setattr(trust_module, "write_file", full)
    with pytest.raises(StorageError):
        sign_package(package, own)


def test_judging_loads_no_cryptography_until_there_is_a_signature():
    code = "import sys, kata.skills.library.trust; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_parsed_before_its_bounds_are_known(tmp_path, own, monkeypatch):
    package = package_of(tmp_path, own)
    terms = package / "skill.yaml"
    terms.write_bytes(terms.read_bytes() + b"deep: " + b"[" * 40 + b"]" * 40 + b"\n")

    def parse(*_, **__):
        raise AssertionError("parsed")

    monkeypatch.setattr(package_module, "parse_contract", parse)
    monkeypatch.setattr(package_module, "_manifest_bytes", parse)
    with pytest.raises(PackageError, match="deep or endless YAML"):
        Trust.of(own).open(package)
    with pytest.raises(PackageError, match="deep or endless YAML"):
        install(Library(tmp_path / "library", own), str(package))
