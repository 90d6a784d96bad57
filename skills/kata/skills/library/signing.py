"""The keys of a user: one Ed25519 key of the own, made when it is first needed, and trusted ones.

    KATA_HOME/keys/own.pem     private key, PKCS #8 without a passphrase, readable by its owner only
    KATA_HOME/keys/trusted/    public keys of others, see `trusted`

A signature on a record or a package proves that it was made with that key and not changed since. It
is no shield against whoever may read the key's file. Source: Josefsson and Liusvaara, RFC 8032,
2017. What is signed is either the bytes of a manifest or those of a record; neither can be taken
for the other, because a manifest has no `skill` and a record no `files`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.files import sync, told
from kata.datasets.types import SignatureError

from .keys import fingerprint, is_signed
from .places import default_keys
from .trusted import FOLDER, TrustedKey, add_trusted, read_trusted, remove_trusted

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["OWN", "Keyring", "fingerprint", "is_signed"]

OWN = "own.pem"
"""The file of the key that signs; keys of others that are trusted get files of their own."""

_MOST_BYTES = 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_AGAIN = "restore it from a copy; without one move it away, then a new key is made, which is "
_AGAIN += "foreign to the records that the old one signed"


class Keyring:
    """The key that signs, and the keys of others that are trusted.

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

    @property
    def trusted_folder(self) -> Path:
        """Where the trusted keys lie."""
        return self.folder / FOLDER

    def make(self) -> bytes:
        """Make the own key where there is none; its public half. Raises SignatureError if so."""
        if self.path.exists():
            raise SignatureError(
                "there is a key already",
                where=str(self.path),
                got=f"key {fingerprint(self.public())}",
                hint="what it signed counts only while it is there: keep it. To begin anew, move "
                "the file away, trust the old public key, and sign again",
            )
        return self.public()

    def own(self) -> bytes | None:
        """The 32 bytes of the own public key; None while there is none. Raises as `public`."""
        return self.public() if self._own is not None or self.path.exists() else None

    def public(self) -> bytes:
        """The 32 bytes of the own public key, made if there is none.

        Raises SignatureError for a key that cannot be used, StorageError where the disk refuses.
        """
        return self._key().public_key().public_bytes_raw()

    def sign(self, content: bytes) -> bytes:
        """The 64 bytes of a signature. Raises as `public` does."""
        return self._key().sign(content)

    def trusts(self, public: bytes) -> bool:
        """Whether records signed with this public key count: the own, or one trusted for them.

        Raises SignatureError for keys that cannot be used; makes no key.
        """
        return public == self.own() or any(
            key.public == public for key in self.trusted() if key.records
        )

    def trusted(self) -> tuple[TrustedKey, ...]:
        """The keys of others that are trusted, by name. Raises SignatureError."""
        return read_trusted(self.trusted_folder)

    def trust(self, public: bytes, name: str, *, records: bool = False) -> TrustedKey:
        """Trust the packages signed with a key, and its records too if so said; durable.

        Raises SignatureError or StorageError.
        """
        if public == self.own():
            raise SignatureError("your own key", where=public.hex(), hint="it is trusted anyway")
        with told(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.trusted_folder.mkdir(mode=0o700, exist_ok=True)
        return add_trusted(self.trusted_folder, public, name, records=records)

    def untrust(self, wanted: str) -> TrustedKey:
        """Trust a key no longer. Raises UnknownNameError, SignatureError or StorageError."""
        return remove_trusted(self.trusted_folder, wanted)

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
