"""A skill on disk: a folder that is safe to open, with no pickle and no code in it.

    pick-1.2.0/
      skill.yaml             the contract
      policy.json            its configuration; policy.safetensors: its weights, if it is learned
      boundary.json          start model, termination, calibration; boundary.safetensors: weights
      manifest.json          sha-256 of every file, and the identity

The identity is the hash over contract, policy and boundary; nothing else changes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.datasets.files import json_bytes, write_file
from kata.datasets.types import PackageError

from .contract import FORMAT, Contract
from .files import contract_text, read_contract
from .skill import Skill
from .storage import publish, staging

MANIFEST = "manifest.json"
CORE = ("skill.yaml", "policy.json", "policy.safetensors", "boundary.json", "boundary.safetensors")
"""The files that make a skill's identity; the first two are in every package."""

LIMITS = {".yaml": 64 << 10, ".json": 8 << 20, ".md": 1 << 20, ".sig": 4 << 10}
LIMITS |= {".safetensors": 4 << 30}
"""The suffixes that a package may hold, each with the most bytes of such a file."""

Writer = Callable[[Path], object]
"""Writes the policy's or the boundary's files into a folder."""


@dataclass(frozen=True, slots=True)
class Report:
    """A package that is as its manifest says: bytes and sha-256 by file."""

    name: str
    version: str
    summary: str
    identity: str
    files: dict[str, tuple[int, str]]


def scripted(name: str) -> Writer:
    """Writer of a policy that is the scripted expert `name` of the simulator."""
    content = json_bytes({"format": FORMAT, "kind": "scripted", "name": name})
    return lambda folder: write_file(folder / "policy.json", content)


def write_package(
    parent: Path, contract: Contract, policy: Writer, boundary: Writer | None = None
) -> Path:
    """Write `parent/NAME-VERSION` whole or not at all, and return it.

    A version never changes: equal content is left as it is.

    Raises:
        PackageError: this version exists with other content, or a writer left an unsafe file.
        StorageError: the disk refused.
    """
    target = parent / f"{contract.name}-{contract.version}"
    with staging(target) as made:
        write_file(made / "skill.yaml", contract_text(contract).encode())
        policy(made)
        if boundary is not None:
            boundary(made)
        write_file(made / MANIFEST, json_bytes(_manifest(made, contract)))
        install(made, target)
    return target


def install(staged: Path, target: Path) -> Report:
    """Verify a staged package and make it `target`; an equal one that is there stays.

    Raises PackageError for an unsound package, or another one of this version; StorageError.
    """
    report = verify(staged)
    if not publish(staged, target):
        there = verify(target)
        if there.identity != report.identity:
            raise PackageError(
                "this version exists with other content",
                where=str(target),
                expected=f"identity {there.identity[:12]}",
                got=f"identity {report.identity[:12]}",
                hint="a version never changes: give the contract a new one",
            )
    return report


def verify(folder: Path) -> Report:
    """Check every file against the manifest.

    Raises PackageError that lists what is altered, missing, surplus or unsafe.
    """
    manifest = read_manifest(folder)
    claimed: dict[str, Any] = manifest["files"]
    unsafe, present = _inspect(folder)
    problems = [f"unsafe {name} ({why})" for name, why in unsafe.items()]
    problems += [f"missing {name}" for name in claimed if name not in present | unsafe.keys()]
    problems += [f"missing {name}" for name in CORE[:2] if name not in claimed]
    problems += [f"surplus {name}" for name in sorted(present - claimed.keys() - {MANIFEST})]
    actual = {
        name: (size, digest)
        for name in sorted(present & claimed.keys())
        for size, digest in [_digest(folder / name)]
    }
    problems += [
        f"altered {name}"
        for name, (size, digest) in actual.items()
        if claimed[name] != {"bytes": size, "sha256": digest}
    ]
    identity = identity_of({name: digest for name, (_, digest) in actual.items()})
    if not problems and identity != manifest["identity"]:
        problems.append("altered identity")
    if not problems:
        problems += _contradictions(folder, manifest)
    if problems:
        raise PackageError(
            "not the package that its manifest describes",
            where=str(folder),
            expected="every file as in manifest.json, and no other",
            got="; ".join(problems),
            hint="get or make the package again; it must not be used",
        )
    return Report(manifest["name"], manifest["version"], manifest["summary"], identity, actual)


def open_package(folder: Path) -> Skill:
    """The skill of a package, verified. Raises PackageError or ContractError."""
    report = verify(folder)
    return Skill(read_contract(folder / "skill.yaml"), report.identity, folder)


def identity_of(digests: dict[str, str]) -> str:
    """Hex digest over the sha-256 of contract, policy and boundary."""
    core = {name: digests[name] for name in CORE if name in digests}
    return hashlib.sha256(json_bytes(core)).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest's data, its form checked and nothing else. Raises PackageError."""
    path = folder / MANIFEST
    try:
        if path.is_symlink() or path.stat().st_size > LIMITS[".json"]:
            raise PackageError("unsafe manifest", where=str(path), expected="a small plain file")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise PackageError(
            "not a package",
            where=str(folder),
            expected=f"a folder with {MANIFEST}",
            got=str(error.strerror),
        ) from None
    except (ValueError, RecursionError) as error:
        raise PackageError("manifest is not JSON", where=str(path), got=str(error)) from None
    fields = {"name": str, "version": str, "summary": str, "identity": str, "files": dict}
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise PackageError("unknown manifest", where=str(path), expected=f"format: {FORMAT}")
    wrong = [field for field, kind in fields.items() if not isinstance(data.get(field), kind)]
    if wrong:
        raise PackageError("incomplete manifest", where=str(path), got="no " + ", ".join(wrong))
    return data


def _manifest(folder: Path, contract: Contract) -> dict[str, Any]:
    digests = {
        path.name: _digest(path) for path in sorted(folder.iterdir()) if path.suffix in LIMITS
    }
    return {
        "format": FORMAT,
        "name": contract.name,
        "version": contract.version,
        "summary": contract.summary,
        "identity": identity_of({name: digest for name, (_, digest) in digests.items()}),
        "files": {
            name: {"bytes": size, "sha256": digest} for name, (size, digest) in digests.items()
        },
    }


def _inspect(folder: Path) -> tuple[dict[str, str], set[str]]:
    """What keeps each unsafe file from being opened, and the names of the others."""
    unsafe, present = {}, set()
    for path in sorted(folder.iterdir()):
        limit = LIMITS.get(path.suffix)
        if path.is_symlink():
            unsafe[path.name] = "a link"
        elif not path.is_file():
            unsafe[path.name] = "not a plain file"
        elif limit is None:
            unsafe[path.name] = f"suffix {path.suffix or 'none'}"
        elif path.stat().st_size > limit:
            unsafe[path.name] = f"larger than {limit} bytes"
        else:
            present.add(path.name)
    return unsafe, present


def _contradictions(folder: Path, manifest: dict[str, Any]) -> list[str]:
    contract = read_contract(folder / "skill.yaml")
    pairs = {
        "name": contract.name,
        "version": contract.version,
        "summary": contract.summary,
    }
    return [
        f"{field} {manifest[field]!r} against {value!r} in skill.yaml"
        for field, value in pairs.items()
        if manifest[field] != value
    ]


def _digest(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest
