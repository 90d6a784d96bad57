"""Pins: which version of a skill is used, whatever is promoted. Signed, and only ever added to.

`pins/NAME/000001-pin.json` is a record like those about a version, but about a name; the last one
counts, and one without a version takes the pin out. So no kill can tear a pin, and going back is
one more record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kata.datasets.types import PackageError
from kata.skills.contract.storage import numbered

from .entries import Entry, subfolders
from .records import add_record, read_record
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


def read_pin(root: Path, name: str) -> Pin | None:
    """The pin of a skill; None where there is none. Raises PackageError for an unreadable one."""
    path = max(numbered(pin_root(root) / name), default=None)
    if path is None:
        return None
    data = read_record(path, name).data
    told = [data.get(key) for key in ("version", "identity", "reason")]
    version, identity, reason = (text if isinstance(text, str) else None for text in told)
    if version is None or identity is None or reason is None:
        raise PackageError("a pin that says nothing", where=str(path), got=str(data)[:80])
    return Pin(name, version, identity, reason) if version else None


def read_pins(root: Path) -> dict[str, Pin]:
    """Every pin by name. Raises PackageError for an unreadable one."""
    found = (read_pin(root, folder.name) for folder in subfolders(pin_root(root)))
    return {pin.name: pin for pin in found if pin}


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
