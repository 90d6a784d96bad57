"""What kind of failure a trial was, and which of several is the worst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from kata.datasets.types import Atom
from kata.skills.execution.log import RunLog

from .metrics import Hits

FailureKind = Literal["diverged", "limits", "dropped", "refused", "unfinished"]
KINDS: tuple[FailureKind, ...] = get_args(FailureKind)
"""From worst to least bad.

`diverged`: the simulation left all reason. `limits`: a joint was commanded to a limit of its
position or velocity, where a robot would stop. `dropped`: something that was held is held no more,
though the skill did not achieve its aim. `refused`: two chunks in a row could not be used.
`unfinished`: everything else; time ran out, or nothing moved any more.
"""


def failure_kind(log: RunLog, hits: Hits) -> FailureKind:
    """The kind of a run that did not reach its goal; of several the worst."""
    kinds = [event.kind for event in log.events]
    if "diverged" in kinds:
        return "diverged"
    if "position" in hits or "velocity" in hits:
        return "limits"
    if _dropped(log):
        return "dropped"
    return "refused" if kinds[-2:] == ["refused", "give_up"] else "unfinished"


def severity(kind: FailureKind, predicted: float, seed: int) -> tuple[int, float, int]:
    """Sorts the worst failure first: by kind, then the one that was least expected, then by seed.

    Args:
        kind: of the failure.
        predicted: success that the skill's boundary predicted at the start.
        seed: of the trial.
    """
    return KINDS.index(kind), -predicted, seed


def _dropped(log: RunLog) -> bool:
    held = {str(atom) for atom in _holding(sorted(log.first.true_atoms()))}
    ever = held | {f.atom for f in log.flips if f.value and f.atom.startswith("holding(")}
    still = {str(atom) for atom in _holding(sorted(log.last.true_atoms()))}
    return bool(ever - still)


def _holding(atoms: Sequence[Atom]) -> list[Atom]:
    return [atom for atom in atoms if atom.predicate == "holding"]
