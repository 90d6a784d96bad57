"""Records about a skill: small files, only ever added, kept beside the packages by identity.

`records/IDENTITY/000001-state.json`. They are not signed yet: nothing in them is proof.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from kata.datasets.files import json_bytes
from kata.datasets.types import PackageError, UnknownNameError
from kata.skills.contract.storage import append_file

State = Literal["draft", "candidate", "promoted", "retired"]
STATES: tuple[State, ...] = get_args(State)
"""A skill's way: just made, measured, the one to use, no longer used."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that was said about a skill.

    Attributes:
        kind: `state`, or another word such as `evidence`.
        data: plain data; of a `state`, its `state` and `reason`.
        path: the file; its number gives the order.
    """

    kind: str
    data: Mapping[str, Any]
    path: Path


def add_record(root: Path, identity: str, kind: str, data: Mapping[str, Any]) -> Record:
    """Add a record, durable on return. Raises StorageError."""
    body = {"format": _FORMAT, "skill": identity, "kind": kind, "data": dict(data)}
    path = append_file(root / identity, f"{kind}.json", json_bytes(body))
    return Record(kind, dict(data), path)


def add_state(root: Path, identity: str, state: str, reason: str) -> Record:
    """Record a new state. Raises UnknownNameError for another word."""
    if state not in STATES:
        raise UnknownNameError("state", state, STATES)
    return add_record(root, identity, "state", {"state": state, "reason": reason})


def read_records(root: Path, identity: str, kind: str = "*") -> Iterator[Record]:
    """Records of a skill, oldest first. Raises PackageError for one that cannot be read."""
    for path in sorted((root / identity).glob(f"[0-9]*-{kind}.json")):
        yield _read(path, identity)


def state_of(root: Path, identity: str) -> State:
    """The last state recorded; a skill without any is a draft. Raises PackageError."""
    paths = list((root / identity).glob("[0-9]*-state.json"))
    if not paths:
        return "draft"
    record = _read(max(paths), identity)
    state = record.data.get("state")
    for known in STATES:
        if known == state:
            return known
    raise PackageError("unknown state", where=str(record.path), got=repr(state))


def _read(path: Path, identity: str) -> Record:
    try:
        body = json.loads(path.read_bytes())
        if body["format"] != _FORMAT or body["skill"] != identity:
            raise ValueError(f"format {body['format']}, about {body['skill']}")
        return Record(str(body["kind"]), dict(body["data"]), path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackageError(
            "a record that cannot be read",
            where=str(path),
            got=repr(error),
            hint="move the file away; the records before it count then",
        ) from None
