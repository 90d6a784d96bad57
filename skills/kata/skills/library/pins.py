"""Pins: which version of a skill is used, whatever is promoted. Signed, and only ever added to.

`pins/NAME/000001-pin.json` is a record like those about a version, but about a name; the last one
that counts is the pin, and one without a version takes it out. So no kill can tear a pin, and going
back is one more record. What no key signed whose records count, or what was changed, is no pin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kata.datasets.types import PackageError

from .chain import Link, check
from .entries import Entry, subfolders
from .records import add_record
from .signing import Keyring

KIND = "pin"


@dataclass(frozen=True, slots=True)
class Pin:
    """The version of a skill that is to be used.

    Attributes:
        identity: of the package that was there when it was pinned.
        reason: why, may be empty.
    """

    name: str
    version: str
    identity: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def pin_root(root: Path) -> Path:
    """Where the pins of a library lie, in a folder for each name."""
    return root / "pins"


def add_pin(root: Path, pin: Pin, keyring: Keyring) -> None:
    """Record a pin, or with no version that there is none; durable on return.

    Raises StorageError or SignatureError.
    """
    data = {"version": pin.version, "identity": pin.identity, "reason": pin.reason}
    add_record(pin_root(root), pin.name, KIND, data, keyring)


def read_pin(root: Path, name: str, keyring: Keyring) -> Pin | None:
    """The pin of a skill that counts; None where none does.

    Raises SignatureError for keys that cannot be used.
    """
    found = None
    for link in check(pin_root(root), name, keyring):
        found = _said(link, name) or found
    return found if found and found.version else None


def read_pins(root: Path, keyring: Keyring) -> dict[str, Pin]:
    """Every pin that counts, by name. Raises SignatureError for keys that cannot be used."""
    found = (read_pin(root, folder.name, keyring) for folder in subfolders(pin_root(root)))
    return {pin.name: pin for pin in found if pin}


def faults_of_pins(root: Path, name: str, keyring: Keyring) -> list[str]:
    """What is wrong with the pins of a skill. Raises SignatureError."""
    faults = []
    for link in check(pin_root(root), name, keyring):
        if link.fault:
            faults.append(str(link))
        elif not link.signed:
            faults.append(f"{link.path.name} is not signed, so it pins nothing")
        elif _said(link, name) is None:
            faults.append(f"{link.path.name} says nothing")
    return faults


def _said(link: Link, name: str) -> Pin | None:
    told = [link.data.get(key) for key in ("version", "identity", "reason")]
    version, identity, reason = (text if isinstance(text, str) else None for text in told)
    unsaid = version is None or identity is None or reason is None
    if not link.signed or link.kind != KIND or unsaid:
        return None
    return Pin(name, version or "", identity or "", reason or "")


def pinned_of(pin: Pin, versions: Iterable[Entry], root: Path) -> Entry:
    """The version that a pin means. Raises PackageError where it is not there, or is retired."""
    entry = next((entry for entry in versions if entry.identity == pin.identity), None)
    if entry is None or entry.state == "retired":
        raise PackageError(
            f"the pinned version of '{pin.name}' cannot be used",
            where=str(root),
            expected=f"{pin}, identity {pin.identity[:12]}",
            got=f"{entry} is retired" if entry else "it is not there",
            hint=f"put its package back, or: kata library unpin {pin.name}",
        )
    return entry
