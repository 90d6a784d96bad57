"""The public keys of others that this user trusts, and for what.

    KATA_HOME/keys/trusted/FINGERPRINT.json    key, name, since when, and whether its records count

Trusting a key means that packages signed with it may be loaded under the policy `trusted`. Whether
what it says of trials and promotions counts is asked separately: they were made on another robot.
"""

from __future__ import annotations

import datetime as dt
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.datasets.files import json_bytes, told, write_file
from kata.datasets.types import PackageError, SignatureError, UnknownNameError
from kata.skills.contract.reading import read_plain, shown, strict_json

from .keys import fingerprint, is_weak

FOLDER = "trusted"
_FORMAT, _MOST_BYTES = 1, 4096
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}")
_HEX = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key of another that counts.

    Attributes:
        public: its 32 bytes.
        name: what this user calls its owner.
        since: when it was trusted, ISO 8601.
        records: whether its records count as proof too.
    """

    public: bytes
    name: str
    since: str
    records: bool = False

    @property
    def fingerprint(self) -> str:
        """By which it is told and untrusted."""
        return fingerprint(self.public)


def add_trusted(folder: Path, public: bytes, name: str, *, records: bool = False) -> TrustedKey:
    """Trust a key, or change what it is trusted for; durable on return.

    Raises SignatureError for a key that proves nothing or a name that cannot be, StorageError.
    """
    if len(public) != 32 or is_weak(public):
        raise SignatureError(
            "a public key that proves nothing",
            where=public.hex(),
            expected="the key that kata library keygen shows",
            hint="anyone could sign for this one: ask for the real key",
        )
    if not _NAME.fullmatch(name):
        raise SignatureError(
            "whose key?",
            where=f"name={shown(name)}",
            expected="letters, digits, spaces and . _ @ + -, 64 at most",
            hint="kata library trust KEY name=alice",
        )
    since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    key = TrustedKey(public, name, since, records)
    body = {"format": _FORMAT, "key": public.hex(), "name": name, "since": since}
    write_file(folder / f"{key.fingerprint}.json", json_bytes({**body, "records": records}))
    return key


def remove_trusted(folder: Path, wanted: str) -> TrustedKey:
    """Trust a key no longer, named by its fingerprint or by its unique name.

    Raises UnknownNameError, or StorageError.
    """
    known = read_trusted(folder)
    found = [key for key in known if wanted in (key.fingerprint, key.public.hex(), key.name)]
    if len(found) != 1:
        names = [key.fingerprint for key in found or known]
        raise UnknownNameError("trusted key", wanted, names, where=str(folder))
    path = folder / f"{found[0].fingerprint}.json"
    with told(path):
        path.unlink()
    return found[0]


def read_trusted(folder: Path) -> tuple[TrustedKey, ...]:
    """Every key that is trusted, by name. Raises SignatureError for a file that is not sound."""
    try:
        paths = sorted(folder.glob("*.json"))
        loose = paths and folder.stat().st_mode & _OTHERS
    except OSError as error:
        raise SignatureError(
            "the trusted keys cannot be read", where=str(folder), got=str(error.strerror)
        ) from None
    if loose:
        raise _loose(folder)
    return tuple(sorted(map(_read, paths), key=lambda key: (key.name, key.public)))


def parse_public(text: str, *, where: str = "key") -> bytes:
    """The 32 bytes of a public key: hex, PEM, or any JSON of Kata that names the key.

    Raises SignatureError, also for a private key, which must not be given to anyone.
    """
    plain = text.strip()
    if "PRIVATE KEY" in plain:
        raise SignatureError(
            "a private key",
            where=where,
            expected="a public one",
            hint="never give it away; whoever has it signs as its owner: make a new one",
        )
    found = _of_pem(plain) if plain.startswith("-----BEGIN") else plain
    if plain.startswith("{"):
        try:
            data = strict_json(plain.encode(), where=where)
            found = str(data.get("key"))
        except (PackageError, UnicodeEncodeError):
            found = ""
    if not _HEX.fullmatch(found):
        raise SignatureError(
            "not a public key",
            where=where,
            expected="64 hex digits, a PEM public key of Ed25519, or a manifest.sig",
            got=shown(plain.splitlines()[0] if plain else "nothing"),
            hint="kata library keygen shows one's own",
        )
    return bytes.fromhex(found)


def _of_pem(text: str) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return ""
    return key.public_bytes_raw().hex() if isinstance(key, Ed25519PublicKey) else ""


def _read(path: Path) -> TrustedKey:
    if not path.is_symlink() and path.exists() and path.stat().st_mode & _OTHERS:
        raise _loose(path)
    try:
        data: dict[str, Any] = strict_json(read_plain(path, _MOST_BYTES), where=str(path))
        if data["format"] != _FORMAT or not isinstance(data["records"], bool):
            raise ValueError("another format")
        public = bytes.fromhex(data["key"])
        key = TrustedKey(public, str(data["name"]), str(data["since"]), data["records"])
        sound = len(public) == 32 and not is_weak(public) and path.stem == key.fingerprint
        if not sound or not _NAME.fullmatch(key.name):
            raise ValueError("key, name and file do not fit each other")
    except (PackageError, KeyError, TypeError, ValueError) as error:
        raise SignatureError(
            "not a trusted key",
            where=str(path),
            got=" ".join(str(error).split())[:200],
            hint="move the file away and trust the key again",
        ) from None
    return key


def _loose(path: Path) -> SignatureError:
    return SignatureError(
        "others may change whom this robot trusts",
        where=str(path),
        expected="nobody else may write there",
        got=f"{stat.S_IMODE(path.stat().st_mode):o}",
        hint=f"chmod go-w {path}",
    )
