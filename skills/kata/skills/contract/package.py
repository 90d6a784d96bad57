"""A skill on disk: a folder that is safe to open, with no pickle and no code in it.

    pick-1.2.0/
      skill.yaml             the contract
      policy.json            its configuration; policy.safetensors: its weights, if it is learned
      boundary.json          start model, termination, calibration; boundary.safetensors: weights
      manifest.json          sha-256 of every file, and the identity
      manifest.sig           signature over the manifest's bytes, by whoever vouches for it

The identity is the hash over contract, policy and boundary; nothing else changes it. A package is
verified by its hashes, which says that it is whole, and admitted by its signature, which says that
somebody vouches for it: `open_package` asks for both.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.datasets.files import json_bytes, write_file
from kata.datasets.types import PackageError

from .contract import Contract
from .files import contract_text, parse_contract
from .reading import digest_plain, read_plain, shown, strict_json
from .seal import SIGNATURE, Seal, read_seal
from .skill import Skill
from .storage import publish, staging

FORMAT = 1
"""Of the manifest, and of a scripted policy; a contract's own is in `skill.yaml`."""

MANIFEST = "manifest.json"
CORE = ("skill.yaml", "policy.json", "policy.safetensors", "boundary.json", "boundary.safetensors")
"""The files that make a skill's identity; the first two are in every package."""

LIMITS = {".yaml": 64 << 10, ".json": 8 << 20, ".md": 1 << 20, ".sig": 4 << 10}
LIMITS |= {".safetensors": 4 << 30}
"""The suffixes that a package may hold, each with the most bytes of such a file."""

MOST_FILES = 64
"""How many files a package may hold."""

Writer = Callable[[Path], object]
"""Writes the policy's or the boundary's files into a folder."""

_CLAIMS = {
    "name": re.compile(r"[a-z][a-z0-9_]{0,63}"),
    "version": re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}"),
    "identity": re.compile(r"[0-9a-f]{64}"),
}


@dataclass(frozen=True, slots=True)
class Report:
    """A package that is as its manifest says.

    Attributes:
        files: bytes and sha-256 by file.
        manifest: the bytes that a signature is over.
        seal: the signature that was found, not yet checked; None without one.
    """

    contract: Contract
    identity: str
    files: dict[str, tuple[int, str]]
    manifest: bytes
    seal: Seal | None = None

    @property
    def name(self) -> str:
        """Of the skill."""
        return self.contract.name

    @property
    def version(self) -> str:
        """Of the skill."""
        return self.contract.version

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return self.contract.summary


Admit = Callable[[Report], None]
"""Raises SignatureError for a package that this robot does not trust; see `library.trust`."""


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
    """Check every file against the manifest; whose package it is, is not asked.

    Raises PackageError that lists what is altered, missing, surplus or unsafe, and ContractError
    for a contract that is none.
    """
    content = _manifest_bytes(folder)
    manifest = _manifest_data(content, folder / MANIFEST)
    claimed: dict[str, Any] = manifest["files"]
    unsafe, present = _inspect(folder)
    problems = [f"unsafe {shown(name)} ({why})" for name, why in unsafe.items()]
    problems += [
        f"missing {shown(name)}" for name in claimed if name not in present | unsafe.keys()
    ]
    problems += [f"missing {name}" for name in CORE[:2] if name not in claimed]
    surplus = present - claimed.keys() - {MANIFEST, SIGNATURE}
    problems += [f"surplus {shown(name)}" for name in sorted(surplus)]
    terms = read_plain(folder / CORE[0], LIMITS[".yaml"]) if CORE[0] in present else b""
    actual = {
        name: _digest(folder / name, terms if name == CORE[0] else None)
        for name in sorted(present & claimed.keys() - {MANIFEST, SIGNATURE})
    }
    problems += [
        f"altered {shown(name)}"
        for name, (size, digest) in actual.items()
        if claimed[name] != {"bytes": size, "sha256": digest}
    ]
    identity = identity_of({name: digest for name, (_, digest) in actual.items()})
    if not problems and identity != manifest["identity"]:
        problems.append("altered identity")
    contract = None
    if not problems:
        contract = parse_contract(terms, where=str(folder / CORE[0]))
        problems += _contradictions(contract, manifest)
    if problems or contract is None:
        raise PackageError(
            "not the package that its manifest describes",
            where=str(folder),
            expected="every file as in manifest.json, and no other",
            got="; ".join(problems),
            hint="get or make the package again; it must not be used",
        )
    return Report(contract, identity, actual, content, read_seal(folder))


def open_package(folder: Path, admit: Admit) -> Skill:
    """The skill of a package, verified and admitted: the one way from a folder to a `Skill`.

    Raises PackageError or ContractError, and what `admit` raises.
    """
    report = verify(folder)
    admit(report)
    return Skill(report.contract, report.identity, folder, report.files)


def identity_of(digests: dict[str, str]) -> str:
    """Hex digest over the sha-256 of contract, policy and boundary."""
    core = {name: digests[name] for name in CORE if name in digests}
    return hashlib.sha256(json_bytes(core)).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest's data, its form checked and nothing else. Raises PackageError."""
    return _manifest_data(_manifest_bytes(folder), folder / MANIFEST)


def _manifest_bytes(folder: Path) -> bytes:
    path = folder / MANIFEST
    if path.is_symlink():
        raise PackageError("unsafe manifest", where=str(path), expected="a small plain file")
    if not os.path.lexists(path):
        raise PackageError(
            "not a package",
            where=str(folder),
            expected=f"a folder with {MANIFEST}",
            got="no such file" if folder.is_dir() else "no such folder",
        )
    return read_plain(path, LIMITS[".json"])


def _manifest_data(content: bytes, path: Path) -> dict[str, Any]:
    data = strict_json(content, where=str(path))
    fields = {"name": str, "version": str, "summary": str, "identity": str, "files": dict}
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise PackageError("unknown manifest", where=str(path), expected=f"format: {FORMAT}")
    wrong = [field for field, kind in fields.items() if not isinstance(data.get(field), kind)]
    if wrong:
        raise PackageError("incomplete manifest", where=str(path), got="no " + ", ".join(wrong))
    odd = [field for field, form in _CLAIMS.items() if not form.fullmatch(data[field])]
    if odd:
        got = ", ".join(f"{field} {shown(data[field])}" for field in odd)
        raise PackageError("impossible manifest", where=str(path), got=got)
    return data


def _manifest(folder: Path, contract: Contract) -> dict[str, Any]:
    digests = {
        path.name: digest_plain(path, LIMITS[path.suffix])
        for path in sorted(folder.iterdir())
        if path.suffix in LIMITS and path.name != SIGNATURE
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
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise PackageError("cannot read", where=str(folder), got=str(error.strerror)) from None
    for path in paths:
        limit = LIMITS.get(path.suffix)
        if path.is_symlink():
            unsafe[path.name] = "a link"
        elif not path.is_file():
            unsafe[path.name] = "not a plain file"
        elif limit is None or (path.suffix == ".sig" and path.name != SIGNATURE):
            unsafe[path.name] = f"suffix {shown(path.suffix) or 'none'}"
        elif path.stat().st_size > limit:
            unsafe[path.name] = f"larger than {limit} bytes"
        else:
            present.add(path.name)
        if len(unsafe) + len(present) > MOST_FILES:
            unsafe["package"] = f"more than {MOST_FILES} files"
            break
    return unsafe, present


def _contradictions(contract: Contract, manifest: dict[str, Any]) -> list[str]:
    pairs = {
        "name": contract.name,
        "version": contract.version,
        "summary": contract.summary,
    }
    return [
        f"{field} {shown(repr(manifest[field]))} against {shown(repr(value))} in skill.yaml"
        for field, value in pairs.items()
        if manifest[field] != value
    ]


def _digest(path: Path, content: bytes | None) -> tuple[int, str]:
    """Size and sha-256, of bytes that were read already, or of the file."""
    if content is None:
        return digest_plain(path, LIMITS[path.suffix])
    return len(content), hashlib.sha256(content).hexdigest()
