"""The key that signs: made once, for its owner only, and refused loudly where it is not usable."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from kata.datasets.types import SignatureError, StorageError
from kata.skills.library.signing import Keyring, fingerprint, is_signed


@pytest.fixture
def keyring(tmp_path):
    return Keyring(tmp_path / "keys")


def pem(key, encryption=None):
    encryption = encryption or NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def put(keyring, content, mode=0o600):
    keyring.folder.mkdir(parents=True)
    keyring.path.write_bytes(content)
    keyring.path.chmod(mode)


def test_the_default_place(kata_home):
    assert Keyring().path == kata_home / "keys" / "own.pem"


def test_the_key_is_made_when_first_needed_and_kept(keyring):
    assert not keyring.trusts(bytes(32))
    assert not keyring.folder.exists()
    signature = keyring.sign(b"said")
    assert is_signed(keyring.public(), signature, b"said")
    assert Keyring(keyring.folder).public() == keyring.public()
    assert Keyring(keyring.folder).trusts(keyring.public())
    assert stat.S_IMODE(keyring.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keyring.folder.stat().st_mode) == 0o700
    assert [path.name for path in keyring.folder.iterdir()] == ["own.pem"]


def test_a_signature_holds_for_its_content_and_key_alone(keyring, tmp_path):
    signature = keyring.sign(b"said")
    other = Keyring(tmp_path / "other")
    assert not is_signed(keyring.public(), signature, b"unsaid")
    assert not is_signed(other.public(), signature, b"said")
    assert not is_signed(b"short", signature, b"said")
    assert not keyring.trusts(other.public())
    assert fingerprint(keyring.public()) != fingerprint(other.public())
    assert len(fingerprint(keyring.public())) == 16


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_key_that_others_may_read_is_refused(keyring, mode):
    put(keyring, pem(Ed25519PrivateKey.generate()), mode)
    with pytest.raises(SignatureError) as caught:
        keyring.sign(b"said")
    path = keyring.path
    assert str(caught.value) == (
        f"others may read or change the key that signs records (in {path})\n"
        "  expected: permissions 600\n"
        f"  got:      {mode:o}\n"
        f"  do:       chmod 600 {path}; if others may have read it, move it away: "
        "a new one is made"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        b"x" * 5000,
        pem(generate_private_key(SECP256R1())),
        pem(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"secret")),
        pem(Ed25519PrivateKey.generate())[:60],
    ],
    ids=["empty", "text", "long", "another kind", "passphrase", "half"],
)
def test_what_is_no_key_is_refused(keyring, content):
    put(keyring, content)
    with pytest.raises(SignatureError, match="not a key that signs records") as caught:
        keyring.public()
    assert "an Ed25519 private key, PEM, without a passphrase" in str(caught.value)
    assert "restore it from a copy" in caught.value.hint
    with pytest.raises(SignatureError):
        keyring.trusts(bytes(32))
    assert keyring.path.read_bytes() == content


def test_a_key_that_cannot_be_read_is_told(keyring):
    keyring.path.mkdir(parents=True, mode=0o700)
    with pytest.raises(SignatureError, match="cannot be read"):
        keyring.sign(b"said")


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="refused to write"):
        Keyring(tmp_path / "file" / "keys").sign(b"said")


def test_makers_at_once_agree_on_one_key(keyring):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Keyring(keyring.folder).public(), range(16)))
    assert len(set(made)) == 1
    assert [path.name for path in keyring.folder.iterdir()] == ["own.pem"]


def test_importing_the_library_loads_no_cryptography():
    code = "import sys, kata.skills.library.library; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
