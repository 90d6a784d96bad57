"""The keys of others: how they are given, kept, taken away, and what is refused."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import SignatureError, UnknownNameError
from kata.skills.library.chain import check, sound_records
from kata.skills.library.keys import fingerprint
from kata.skills.library.records import add_record
from kata.skills.library.signing import Keyring
from kata.skills.library.trusted import parse_public

SKILL = "ab" * 32


@pytest.fixture
def ring(tmp_path):
    return Keyring(tmp_path / "keys")


@pytest.fixture
def public(tmp_path):
    return Keyring(tmp_path / "alice").public()


def test_a_key_is_made_once(ring):
    public = ring.make()
    assert ring.public() == public
    with pytest.raises(SignatureError, match="there is a key already") as caught:
        ring.make()
    assert fingerprint(public) in caught.value.got
    assert Keyring(ring.folder).public() == public


def test_a_key_is_trusted_in_a_file_of_its_own_and_untrusted(ring, public):
    key = ring.trust(public, "alice")
    path = ring.trusted_folder / f"{key.fingerprint}.json"
    assert json.loads(path.read_text())["records"] is False
    assert ring.trusted() == (key,)
    for word in (key.fingerprint, public.hex(), "alice"):
        assert ring.untrust(word) == key
        assert ring.trusted() == ()
        ring.trust(public, "alice")
        (key,) = ring.trusted()
    assert [path.name for path in ring.trusted_folder.iterdir()] == [path.name]


def test_an_unknown_or_ambiguous_key_is_not_untrusted(ring, public, tmp_path):
    ring.trust(public, "alice")
    ring.trust(Keyring(tmp_path / "b").public(), "alice")
    with pytest.raises(UnknownNameError):
        ring.untrust("alice")
    with pytest.raises(UnknownNameError):
        ring.untrust("bob")
    assert len(ring.trusted()) == 2


def test_the_own_key_needs_no_trust(ring):
    with pytest.raises(SignatureError, match="your own key"):
        ring.trust(ring.public(), "me")


def test_records_of_another_count_only_if_that_is_said(ring, tmp_path):
    alice = Keyring(tmp_path / "alice")
    add_record(tmp_path, SKILL, "evidence", {"rate": 1.0}, alice)
    for records, count in ((False, 0), (True, 1), (False, 0)):
        ring.trust(alice.public(), "alice", records=records)
        assert len(sound_records(tmp_path, SKILL, ring)) == count
    ring.trust(alice.public(), "alice", records=True)
    assert [link.fault for link in check(tmp_path, SKILL, ring)] == [""]
    ring.untrust("alice")
    assert "a foreign key" in check(tmp_path, SKILL, ring)[0].fault


def test_an_own_key_that_was_lost_can_be_followed_by_a_new_one(ring, tmp_path):
    add_record(tmp_path, SKILL, "evidence", {"rate": 1.0}, ring)
    old = ring.public()
    ring.path.unlink()
    new = Keyring(ring.folder)
    assert sound_records(tmp_path, SKILL, new) == ()
    new.trust(old, "my first key", records=True)
    add_record(tmp_path, SKILL, "evidence", {"rate": 0.9}, new)
    assert len(sound_records(tmp_path, SKILL, new)) == 2


@pytest.mark.parametrize("name", ["", "a" * 65, "ali\nce", "\u202eecila", "-x", "a/b"])
def test_names_that_cannot_be_are_refused(ring, public, name):
    with pytest.raises(SignatureError, match="whose key"):
        ring.trust(public, name)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_text('{"format": 1}'),
        lambda path: path.write_text(path.read_text().replace("true", '"no"')),
        lambda path: path.write_text(path.read_text().replace("alice", "\u202e")),
        lambda path: path.rename(path.with_name("0123456789abcdef.json")),
        lambda path: path.chmod(0o666),
        lambda path: path.parent.chmod(0o777),
    ],
    ids=["half", "empty", "no choice", "name", "moved", "writable", "folder"],
)
def test_a_file_that_is_not_sound_is_told_and_trusts_nobody(ring, public, spoil):
    key = ring.trust(public, "alice", records=True)
    spoil(ring.trusted_folder / f"{key.fingerprint}.json")
    with pytest.raises(SignatureError):
        ring.trusts(public)


def test_a_linked_key_is_refused(ring, public, tmp_path):
    key = ring.trust(public, "alice")
    path = ring.trusted_folder / f"{key.fingerprint}.json"
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(SignatureError, match="not a trusted key"):
        ring.trusted()


def test_a_key_is_read_from_hex_pem_and_a_signature(public):
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes_raw()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert parse_public(f"  {raw.hex().upper()}\n") == raw
    assert parse_public(pem.decode()) == raw
    assert parse_public(json.dumps({"format": 1, "key": raw.hex(), "signature": ""})) == raw


def test_a_private_key_is_refused_loudly():
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(SignatureError, match="a private key"):
        parse_public(pem.decode())


@given(st.text(max_size=200))
def test_no_other_text_is_a_key(text):
    with pytest.raises(SignatureError) as caught:
        parse_public(text)
    assert all(line.isprintable() for line in str(caught.value).splitlines())
