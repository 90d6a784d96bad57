"""Which version of a skill is used, of what is believed about each, and what is left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from kata.datasets.types import ContractError, KataError, PackageError, SignatureError
from kata.skills.contract.skill import Skill

from .entries import Entry
from .pins import Pin, pinned_of

_log = logging.getLogger(__name__)


def best_of(name: str, versions: Sequence[Entry], pin: Pin | None, root: Path) -> Entry:
    """The pinned version, else that promoted last, else the newest candidate, else draft.

    Raises PackageError where every version is retired, or the pinned one is not there.
    """
    if pin:
        return pinned_of(pin, versions, root)
    for state in ("promoted", "candidate", "draft"):
        of_state = [entry for entry in versions if entry.state == state]
        if of_state:
            return max(of_state, key=lambda entry: entry.came)
    raise PackageError(
        f"every version of '{name}' is retired",
        where=str(root),
        got=", ".join(map(str, versions)),
        hint=f"ask for one by its version, as in {versions[-1]}",
    )


def promoted_of(versions: Iterable[Entry]) -> list[Entry]:
    """The promoted versions, in the order of their promotions."""
    promoted = (entry for entry in versions if entry.state == "promoted")
    return sorted(promoted, key=lambda entry: entry.came)


def chosen(entries: Iterable[Entry], pins: Mapping[str, Pin], root: Path) -> tuple[Entry, ...]:
    """The version in use of each skill that is not retired, by name.

    A skill whose pinned version cannot be used is left out, which is logged. Raises PackageError
    where so none is left.
    """
    versions: dict[str, list[Entry]] = {}
    for entry in entries:
        versions.setdefault(entry.name, []).append(entry)
    living = {
        name: found
        for name, found in versions.items()
        if name in pins or any(entry.state != "retired" for entry in found)
    }
    return sound_of(living, living, lambda name: best_of(name, living[name], pins.get(name), root))


def opened(entries: Sequence[Entry], open_one: Callable[[Path], Skill]) -> tuple[Skill, ...]:
    """The skills of these versions; those that cannot be used are left out, which is logged.

    Raises PackageError, ContractError or SignatureError where so none is left.
    """
    return sound_of(entries, entries, lambda entry: open_one(entry.folder))


def sound_of[Key, Found](
    keys: Iterable[Key],
    names: Iterable[object],
    read: Callable[[Key], Found],
    *,
    needed: bool = True,
) -> tuple[Found, ...]:
    """What is read of each key; what cannot be used is left out under its name, and logged.

    Nothing stands in for it: another version of a package that was altered was not chosen. Raises
    the first PackageError, ContractError or SignatureError where none is left though one is needed.
    """
    found: list[Found] = []
    refused: list[KataError] = []
    for key, name in zip(keys, names, strict=True):
        try:
            found.append(read(key))
        except (PackageError, ContractError, SignatureError) as error:
            _log.warning("%s is left out: %s", name, _told(error))
            refused.append(error)
    if refused and needed and not found:
        raise refused[0]
    return tuple(found)


def _told(error: KataError) -> str:
    if isinstance(error, SignatureError):
        return f"{error.got}; {error.hint}"
    where = f" (in {error.where})" if error.where else ""
    return "; ".join(filter(None, (f"{error.what}{where}", error.got, error.hint)))
