"""Records about a skill: small signed files, only ever added, kept beside the packages by identity.

`records/IDENTITY/000001-state.json`. Each is signed over its canonical bytes and names the file
before it by its hash, so that a change, or a gap, in the chain is found (see `chain`). What cannot
be found is that the last ones of a chain were taken away. Reading checks no signature. What decides
something asks `chain.check` first; what the state of a version is, `chain.believed_state` says.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from kata.datasets.files import json_bytes
from kata.datasets.types import PackageError, UnknownNameError
from kata.skills.contract.storage import append_file, numbered

from .signing import Keyring, fingerprint

State = Literal["draft", "candidate", "promoted", "retired"]
STATES: tuple[State, ...] = get_args(State)
"""A skill's way: just made, measured, the one to use, no longer used."""

UNSIGNED, SIGNED = 1, 2
"""The formats: before records were signed, and since."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that was said about a skill.

    Attributes:
        kind: `state`, or another word such as `evidence`.
        data: plain data; of a `state`, its `state` and `reason`.
        path: the file; its number gives the order.
        digest: sha-256 of the file, by which other records name it.
        by: fingerprint of the key that signed it; empty for a record without a signature.
        when: the time in UTC, ISO 8601; empty for a record without a signature.
    """

    kind: str
    data: Mapping[str, Any]
    path: Path
    digest: str
    by: str = ""
    when: str = ""


def add_record(
    root: Path, identity: str, kind: str, data: Mapping[str, Any], keyring: Keyring
) -> Record:
    """Add a signed record, durable on return. Raises StorageError or SignatureError."""

    def content(number: int, before: bytes) -> bytes:
        body = {
            "format": SIGNED,
            "skill": identity,
            "number": number,
            "kind": kind,
            "when": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "before": hashlib.sha256(before).hexdigest() if before else "",
            "key": public.hex(),
            "data": dict(data),
        }
        return json_bytes({**body, "signature": keyring.sign(json_bytes(body)).hex()})

    public = keyring.public()
    return read_record(append_file(root / identity, f"{kind}.json", content), identity)


def add_state(
    root: Path, identity: str, state: str, reason: str, keyring: Keyring, **more: Any
) -> Record:
    """Record a new state, and what else belongs to it. Raises UnknownNameError for another word."""
    if state not in STATES:
        raise UnknownNameError("state", state, STATES)
    return add_record(root, identity, "state", {"state": state, "reason": reason, **more}, keyring)


def read_records(root: Path, identity: str, kind: str = "") -> Iterator[Record]:
    """Records of a skill, all or of one kind, oldest first; no signature is checked.

    Raises PackageError for one that cannot be read.
    """
    for path in sorted(numbered(root / identity)):
        if not kind or path.stem[7:] == kind:
            yield read_record(path, identity)


def read_record(path: Path, identity: str) -> Record:
    """One record, its form checked and no signature. Raises PackageError."""
    try:
        content = path.read_bytes()
        body = json.loads(content)
        if body["format"] not in (UNSIGNED, SIGNED) or body["skill"] != identity:
            raise ValueError(f"format {body['format']}, about {body['skill']}")
        data, kind, digest = dict(body["data"]), str(body["kind"]), hashlib.sha256(content)
        if body["format"] == UNSIGNED:
            return Record(kind, data, path, digest.hexdigest())
        by = fingerprint(bytes.fromhex(body["key"]))
        return Record(kind, data, path, digest.hexdigest(), by, str(body["when"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackageError(
            "a record that cannot be read",
            where=str(path),
            got=repr(error),
            hint="move the file away; the records before it count then",
        ) from None
