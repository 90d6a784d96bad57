"""What is sound in a library, and what is not: packages, the records about them, and pins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kata.datasets.types import ContractError, PackageError
from kata.skills.contract.package import verify

from .chain import check
from .entries import record_root, skill_root, subfolders
from .pins import faults_of_pins, pin_root
from .signing import Keyring


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome of the verification of one package, of records about one that is gone, or of pins.

    Attributes:
        problem: what is wrong; empty if it is sound.
        unsigned: how many of its records were made before records were signed.
    """

    folder: Path
    problem: str = ""
    unsigned: int = 0


def findings(root: Path, keyring: Keyring) -> tuple[Finding, ...]:
    """Every package of a library; and the records about others and the pins that are not sound.

    Raises SignatureError for an own key that cannot be used.
    """
    folders, known = subfolders(skill_root(root)), set()
    packages = []
    for folder in folders:
        finding, identity = _package(root, folder, keyring)
        packages.append(finding)
        known.add(identity)
    identities = (folder.name for folder in subfolders(record_root(root)))
    rest = (_records(root, each, keyring) for each in identities if each not in known)
    names = (folder.name for folder in subfolders(pin_root(root)))
    return (
        *packages,
        *(finding for finding in rest if finding.problem),
        *findings_of_pins(root, names, keyring),
    )


def finding_of(root: Path, folder: Path, keyring: Keyring) -> Finding:
    """Of one package and the records about it. Raises SignatureError."""
    return _package(root, folder, keyring)[0]


def findings_of_pins(root: Path, names: Iterable[str], keyring: Keyring) -> Iterator[Finding]:
    """The pins of these skills that are not sound. Raises SignatureError."""
    for name in names:
        faults = faults_of_pins(root, name, keyring)
        if faults:
            yield Finding(pin_root(root) / name, f"pins: {'; '.join(faults)}")


def _package(root: Path, folder: Path, keyring: Keyring) -> tuple[Finding, str]:
    """The finding, and the identity; empty for what is no package."""
    try:
        report = verify(folder)
    except (PackageError, ContractError) as error:
        return Finding(folder, str(error)), ""
    if folder.name != f"{report.name}-{report.version}":
        return Finding(folder, f"holds {report.name}-{report.version}"), ""
    found = _records(root, report.identity, keyring)
    return Finding(folder, found.problem, found.unsigned), report.identity


def _records(root: Path, identity: str, keyring: Keyring) -> Finding:
    links = check(record_root(root), identity, keyring)
    faults = "; ".join(str(link) for link in links if link.fault)
    unsigned = sum(not link.signed and not link.fault for link in links)
    folder = record_root(root) / identity
    return Finding(folder, f"records: {faults}" if faults else "", unsigned)
