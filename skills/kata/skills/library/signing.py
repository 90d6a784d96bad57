"""Signatures on records: one Ed25519 key a user, made when it is first needed.

    KATA_HOME/keys/own.pem     private key, PKCS #8 without a passphrase, readable by its owner only

A signature proves that a record was written with that key and not changed since. It is no shield
against whoever may read the key's file. Source: Josefsson and Liusvaara, RFC 8032, 2017.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.files import sync, told
from kata.datasets.types import SignatureError

from .places import default_keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

OWN = "own.pem"
"""The file of the key that signs; keys of others that are trusted get files of their own."""

_MOST_BYTES = 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_AGAIN = "restore it from a copy; without one move it away, then a new key is made, which is "
_AGAIN += "foreign to the records that the old one signed"


class Keyring:
    """The key that signs, and the keys whose signatures count: so far no other.

    Args:
        folder: where the keys lie, made at the first signature; without one, `default_keys()`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = default_keys() if folder is None else Path(folder)
        self._own: Ed25519PrivateKey | None = None

    @property
    def path(self) -> Path:
        """The file of the own key, whether it is there or not."""
        return self.folder / OWN

    def public(self) -> bytes:
        """The 32 bytes of the own public key, made if there is none.

        Raises SignatureError for a key that cannot be used, StorageError where the disk refuses.
        """
        return self._key().public_key().public_bytes_raw()

    def sign(self, content: bytes) -> bytes:
        """The 64 bytes of a signature. Raises as `public` does."""
        return self._key().sign(content)

    def trusts(self, public: bytes) -> bool:
        """Whether signatures of this public key count. Raises SignatureError; makes no key."""
        return (self._own is not None or self.path.exists()) and public == self.public()

    def _key(self) -> Ed25519PrivateKey:
        if self._own is None:
            if not self.path.exists():
                self._make()
            self._own = _load(self.path)
        return self._own

    def _make(self) -> None:
        """Make the key's file, unless another process is faster."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        made = Ed25519PrivateKey.generate()
        content = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        temporary = self.folder / f".{secrets.token_hex(8)}.tmp"
        with told(self.path):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                sync(temporary)
                with contextlib.suppress(FileExistsError):
                    os.link(temporary, self.path)
            finally:
                temporary.unlink(missing_ok=True)
            sync(self.folder)


def fingerprint(public: bytes) -> str:
    """A name for a public key: the first 16 hex digits of its sha-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def is_signed(public: bytes, signature: bytes, content: bytes) -> bool:
    """Whether `signature` is that of `content` by the key of these 32 bytes."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _load(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = path.stat()
        content = path.read_bytes() if found.st_size <= _MOST_BYTES else b""
    except OSError as error:
        raise SignatureError(
            "the key that signs records cannot be read",
            where=str(path),
            got=str(error.strerror),
            hint=f"make it readable for you alone: chmod 600 {path}",
        ) from None
    if found.st_mode & _OTHERS:
        raise SignatureError(
            "others may read or change the key that signs records",
            where=str(path),
            expected="permissions 600",
            got=f"{stat.S_IMODE(found.st_mode):o}",
            hint=f"chmod 600 {path}; if others may have read it, move it away: a new one is made",
        )
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(path, str(error).splitlines()[0]) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(path, f"a key of another kind, {type(key).__name__}")
    return key


def _unusable(path: Path, got: str) -> SignatureError:
    return SignatureError(
        "not a key that signs records",
        where=str(path),
        expected="an Ed25519 private key, PEM, without a passphrase",
        got=got,
        hint=_AGAIN,
    )
