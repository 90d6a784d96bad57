"""The first library: the scripted experts as skills, so that a robot moves at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from kata.skills.contract.contract import Contract
from kata.skills.contract.package import scripted

from .library import Entry, Library
from .trust import make_package

SEED_VERSION = "0.1.0"
"""Below every learned version, so that a learned skill of the same state comes first."""


def seed(library: Library, contracts: Sequence[Contract]) -> tuple[Entry, ...]:
    """Install the scripted expert of each contract whose name the library does not have, signed.

    They become candidates: usable at once, and not claimed to be measured. What the library
    has already, sound or not, is left alone; `Library.verify` tells what is not sound.
    Returns the entries that were added. Raises StorageError.
    """
    known = {entry.name for entry in library.list()}
    added = []
    with TemporaryDirectory(prefix="kata-seed-") as folder:
        for contract in contracts:
            place = library.folder(contract.name, SEED_VERSION)
            if contract.name not in known and not place.exists():
                first = replace(contract, version=SEED_VERSION)
                policy = scripted(contract.name)
                package = make_package(Path(folder), first, policy, keyring=library.keyring)
                reason = "the scripted expert that comes with kata"
                added.append(library.add(package, "candidate", reason))
    return tuple(added)
