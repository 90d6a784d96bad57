"""The check of a skill's records: is each one signed, unchanged, in its place, and none missing?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.datasets.files import json_bytes
from kata.skills.contract.storage import numbered

from .records import SIGNED, UNSIGNED, Record, read_record
from .signing import Keyring, fingerprint, is_signed


@dataclass(frozen=True, slots=True)
class Link:
    """One record of a chain, checked.

    Attributes:
        path: the file.
        fault: what is wrong with it; empty if it is sound.
        signed: by a key that counts, and sound.
    """

    path: Path
    fault: str = ""
    signed: bool = False

    def __str__(self) -> str:
        return f"{self.path.name} {self.fault}" if self.fault else self.path.name


def check(root: Path, identity: str, keyring: Keyring) -> tuple[Link, ...]:
    """Every record of a skill with what is wrong with it, oldest first.

    Raises SignatureError for an own key that cannot be used.
    """
    return tuple(_links(sorted(numbered(root / identity)), identity, keyring))


def sound_records(root: Path, identity: str, keyring: Keyring) -> tuple[Record, ...]:
    """The records that count as proof: signed by a key that counts, unchanged, in their place."""
    links = check(root, identity, keyring)
    return tuple(read_record(link.path, identity) for link in links if link.signed)


def state_counts(root: Path, identity: str, keyring: Keyring) -> bool:
    """Whether the last state recorded is what somebody said whose word counts.

    One of a foreign key, and one that was changed or moved, does not count; one from before records
    were signed does. Raises SignatureError for keys that cannot be used.
    """
    states = [link for link in check(root, identity, keyring) if link.path.stem[7:] == "state"]
    return not states or not states[-1].fault


def _links(paths: list[Path], identity: str, keyring: Keyring) -> Iterator[Link]:
    before, begun = Link(Path()), False
    number, digest = 0, ""
    for path in paths:
        body, content = _read(path)
        fault = _own_fault(path, body, content, identity, keyring)
        if not fault and body["format"] == UNSIGNED and begun:
            fault = "is unsigned, after signed ones"
        elif not fault and body["format"] == SIGNED:
            fault = _place_fault(path, body, number, before, digest)
        begun = begun or body.get("format") == SIGNED
        before = Link(path, fault, signed=not fault and body.get("format") == SIGNED)
        number, digest = int(path.name[:6]), hashlib.sha256(content).hexdigest()
        yield before


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    """Body and bytes; no body where there is no JSON object."""
    try:
        content = path.read_bytes()
    except OSError:
        return {}, b""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}, content
    return body if isinstance(body, dict) else {}, content


def _own_fault(
    path: Path, body: dict[str, Any], content: bytes, identity: str, keyring: Keyring
) -> str:
    """What is wrong with a record, whatever stands before it."""
    if body.get("format") not in (UNSIGNED, SIGNED) or not isinstance(body.get("data"), dict):
        return "cannot be read"
    if body.get("skill") != identity:
        return f"is about another skill, {str(body.get('skill'))[:12]}"
    if body["format"] == UNSIGNED:
        return "" if path.stem[7:] == body.get("kind") else "was renamed"
    try:
        public, signature = bytes.fromhex(body["key"]), bytes.fromhex(body["signature"])
        signed = json_bytes({key: body[key] for key in body if key != "signature"})
    except (KeyError, TypeError, ValueError):
        return "cannot be read"
    # Other bytes that mean the same would break the hash that the next record holds.
    if content != json_bytes(body) or not is_signed(public, signature, signed):
        return "was changed after it was signed"
    if not keyring.trusts(public):
        return f"is signed by a foreign key, {fingerprint(public)}"
    if path.name != f"{body.get('number'):06d}-{body.get('kind')}.json":
        return f"was moved: it was signed as {body.get('number'):06d}-{body.get('kind')}"
    return ""


def _place_fault(path: Path, body: dict[str, Any], number: int, before: Link, digest: str) -> str:
    """What is wrong with where a record stands: before it was another one, or one more."""
    if int(path.name[:6]) != number + 1:
        return f"follows record {number + 1:06d}, which was removed"
    if body.get("before") != digest and not before.fault:
        return f"was signed after another {before.path.name or 'record'}, which was replaced"
    return ""
