"""Public keys: how they are named, and whether a signature is theirs.

Source: Josefsson and Liusvaara, RFC 8032, 2017.
"""

from __future__ import annotations

import hashlib

_WEAK = frozenset(
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
"""The points of small order, without their sign: for these one signature fits many contents."""


def fingerprint(public: bytes) -> str:
    """A name for a public key: the first 16 hex digits of its sha-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def is_weak(public: bytes) -> bool:
    """Whether a public key is one that anybody can sign for."""
    return public[:31] + bytes([public[31] & 0x7F]) in _WEAK if len(public) == 32 else True


def is_signed(public: bytes, signature: bytes, content: bytes) -> bool:
    """Whether `signature` is that of `content` by the key of these 32 bytes."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if is_weak(public):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True
