"""What a boundary answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer with its probability, its reason in words, and more numbers for the log.

    Attributes:
        stays: of what was so before, whether it still is, though it would not begin to be now; the
            gap between `ok` and `stays` is the hysteresis.
        learned: whether learned progress decided, and not facts.
    """

    ok: bool
    probability: float
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    stays: bool = False
    learned: bool = False
