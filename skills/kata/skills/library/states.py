"""The states of a version, and which may follow which.

    draft ──► candidate ──► promoted ──► retired
      │           └────────────────────────▲ │
      └────────────────────────────────────┘ └──► candidate (restored), promoted (by new trials)

A version becomes promoted by `kata publish` alone: by its trials, or by an override that says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kata.datasets.types import PackageError, UnknownNameError
from kata.skills.contract.storage import numbered

from .chain import believed_state
from .records import STATES
from .signing import Keyring

TRANSITIONS: Mapping[str, frozenset[str]] = {
    # Nothing is recorded yet.
    "": frozenset({"draft", "candidate"}),
    "draft": frozenset({"candidate", "promoted", "retired"}),
    "candidate": frozenset({"promoted", "retired"}),
    # Once more: one that was promoted by override earns its place by trials.
    "promoted": frozenset({"promoted", "retired"}),
    "retired": frozenset({"candidate", "promoted"}),
}


def recorded_state(root: Path, identity: str, keyring: Keyring) -> str:
    """The state that is believed; empty where none was ever recorded. Raises SignatureError."""
    if any(path.stem[7:] == "state" for path in numbered(root / identity)):
        return believed_state(root, identity, keyring)[0]
    return ""


def require_legal(before: str, after: str, where: str) -> None:
    """Raise UnknownNameError for a word that is no state, PackageError for a step that is none."""
    if after not in STATES:
        raise UnknownNameError("state", after, STATES, where=where)
    legal = TRANSITIONS[before]
    if after not in legal:
        raise PackageError(
            f"a version that is {before or 'new'} cannot become {after}",
            where=where,
            expected=" or ".join(state for state in STATES if state in legal),
            got=after,
            hint="kata library restore brings a retired one back" if before == "retired" else "",
        )
