"""The verdict on a dataset: its score, its faults, and the episodes to leave out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .faults import COST, KINDS, WIDESPREAD, Fault, Severity

LEAST_SCORE = 60.0
"""The score below which a dataset is not trained on unless that is asked for."""

_ORDER: tuple[Severity, ...] = ("unusable", "serious", "minor")


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        episodes: announced in the metadata.
        frames: that could be read.
        faults: worst first, then by place.
        unchecked: what could not be checked, and why.
    """

    episodes: int
    frames: int
    faults: tuple[Fault, ...]
    unchecked: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, episodes: int, frames: int, faults: Sequence[Fault], unchecked: Sequence[str] = ()
    ) -> Report:
        """A report with its faults in order."""
        kinds = list(KINDS)

        def rank(fault: Fault) -> tuple[int, int, int, int]:
            return (
                _ORDER.index(fault.severity),
                kinds.index(fault.kind),
                fault.episode,
                fault.frame,
            )

        return cls(episodes, frames, tuple(sorted(faults, key=rank)), tuple(unchecked))

    @cached_property
    def costs(self) -> dict[str, float]:
        """Points that each kind of fault takes, by its name.

        A kind takes its least number of points where it is found at all, its greatest where it
        concerns `WIDESPREAD` of the episodes or the whole dataset, and in between in proportion.
        """
        found: dict[str, set[int]] = {}
        for fault in self.faults:
            found.setdefault(fault.kind, set()).add(fault.episode)
        out = {}
        for kind, where in found.items():
            least, most = COST[KINDS[kind].severity]
            share = 1.0 if -1 in where else len(where) / max(self.episodes, 1)
            out[kind] = least + (most - least) * min(1.0, share / WIDESPREAD)
        return out

    @property
    def score(self) -> int:
        """From 0 to 100; 100 is a dataset without a fault."""
        return max(0, round(100.0 - sum(self.costs.values())))

    @property
    def drop(self) -> tuple[int, ...]:
        """Episodes with a fault that is more than minor, in order."""
        bad = {f.episode for f in self.faults if f.episode >= 0 and f.severity != "minor"}
        return tuple(sorted(bad))

    def without(self, episodes: Sequence[int]) -> Report:
        """What would be left if these episodes were left out."""
        gone = set(episodes)
        left = tuple(fault for fault in self.faults if fault.episode not in gone)
        return Report(self.episodes - len(gone), self.frames, left, self.unchecked)

    def lines(self, most: int = 20) -> list[str]:
        """The faults for a person, at most this many places a kind."""
        out = []
        for kind in dict.fromkeys(fault.kind for fault in self.faults):
            mine = [fault for fault in self.faults if fault.kind == kind]
            about = KINDS[kind]
            out.append(f"{about.severity} {kind} (-{self.costs[kind]:.0f}): {about.meaning}")
            out += [f"    {f.place}: {f.detail}" for f in mine[:most]]
            if len(mine) > most:
                out.append(f"    and at {len(mine) - most} more places")
            out.append(f"    do: {about.do}")
        return out

    def to_json(self) -> dict[str, Any]:
        """Plain data for `result.json`."""
        return {
            "score": self.score,
            "episodes": self.episodes,
            "frames": self.frames,
            "costs": {kind: round(cost, 1) for kind, cost in self.costs.items()},
            "faults": [fault.to_json() for fault in self.faults],
            "drop": list(self.drop),
            "unchecked": list(self.unchecked),
        }
