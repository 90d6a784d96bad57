"""The check of a skill's records: is each one signed, unchanged, in its place, and none missing?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kata.datasets.files import json_bytes
from kata.skills.contract.storage import numbered

from .records import SIGNED, STATES, UNSIGNED, Record, State, read_record
from .signing import Keyring, fingerprint, is_signed


@dataclass(frozen=True, slots=True)
class Link:
    """One record of a chain, checked.

    Attributes:
        path: the file.
        fault: what is wrong with it; empty if it is sound.
        signed: by a key that counts, and sound.
        data: what it says, of the very bytes that were checked; nothing if it is not sound.
    """

    path: Path
    fault: str = ""
    signed: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Such as `state`, as its name says."""
        return self.path.stem[7:]

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


def believed_state(root: Path, identity: str, keyring: Keyring) -> tuple[State, int]:
    """The last state that counts, and the number of the promotion that it is; 0 for any other.

    The one place that says what is believed about a version. A record that a foreign key signed, or
    that was changed, moved or put in, is as if it were not there: the state before it holds, and
    without any it is a draft. One from before records were signed counts, but makes no more than a
    candidate. Raises SignatureError for keys that cannot be used.
    """
    found: tuple[State, int] = ("draft", 0)
    for link in check(root, identity, keyring):
        found = _state_said(link) or found
    return found


def has_state(root: Path, identity: str, keyring: Keyring) -> bool:
    """Whether any state counts. Raises SignatureError for keys that cannot be used."""
    return any(_state_said(link) for link in check(root, identity, keyring))


def _state_said(link: Link) -> tuple[State, int] | None:
    """What a record says of the state; None for one that says nothing or does not count."""
    said = next((known for known in STATES if known == link.data.get("state")), None)
    if link.fault or link.kind != "state" or said is None:
        return None
    if said != "promoted":
        return said, 0
    if not link.signed:
        return "candidate", 0
    promotion = link.data.get("promotion")
    number = promotion.get("number") if isinstance(promotion, dict) else None
    return said, number if isinstance(number, int) else 0


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
        signed = not fault and body.get("format") == SIGNED
        before = Link(path, fault, signed, {} if fault else body["data"])
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
