"""The signature beside a package's manifest: who vouches for it. Form only; `library.trust` judges.

`manifest.sig` is Ed25519 over the bytes of `manifest.json`, which holds the sha-256 of every other
file. It is outside of the identity: another signature makes no other skill.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kata.datasets.files import json_bytes
from kata.datasets.types import PackageError

from .reading import read_plain, strict_json

SIGNATURE = "manifest.sig"
_FORMAT, _MOST_BYTES = 1, 4 << 10


@dataclass(frozen=True, slots=True)
class Seal:
    """A signature that was found, not yet checked.

    Attributes:
        key: the 32 bytes of the signer's public key.
        signature: its 64 bytes.
    """

    key: bytes
    signature: bytes

    def to_bytes(self) -> bytes:
        """The content of `manifest.sig`."""
        told = {"format": _FORMAT, "key": self.key.hex(), "signature": self.signature.hex()}
        return json_bytes(told)


def read_seal(folder: Path) -> Seal | None:
    """The signature of a package; None without one. Raises PackageError for another form."""
    path = folder / SIGNATURE
    if not path.is_symlink() and not path.exists():
        return None
    data = strict_json(read_plain(path, _MOST_BYTES), where=str(path))
    try:
        if set(data) != {"format", "key", "signature"} or data["format"] != _FORMAT:
            raise ValueError("other fields")
        seal = Seal(bytes.fromhex(data["key"]), bytes.fromhex(data["signature"]))
        if (len(seal.key), len(seal.signature)) != (32, 64):
            raise ValueError("other lengths")
    except (TypeError, ValueError) as error:
        raise PackageError(
            "not a signature",
            where=str(path),
            expected=f"format {_FORMAT}, key of 32 bytes and signature of 64 in hex",
            got=str(error)[:200],
            hint="get the package again, or sign it yourself: kata library sign",
        ) from None
    return seal
