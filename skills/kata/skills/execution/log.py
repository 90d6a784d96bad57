"""What a run leaves behind: outcomes, events, commands, and how rough its seams were.

Legend: `T` servo periods, `D` joints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from kata.datasets.types import Array, Facts

from .correcting import Heard
from .messages import Event
from .motion import RunMotion
from .options import Mode

SEAM_S = 0.5
"""Time before and after a seam over which its jerk counts."""

_ENDS = {
    "corrected": "corrected",
    "next": "done",
    "broken": "failed",
    "give_up": "failed",
    "cancel": "cancelled",
}


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of a run: a call that ran, or a transition to its start; in which lane."""

    call: str
    kind: str
    start_s: float
    end_s: float
    outcome: str
    reason: str
    lane: str = ""

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        data: dict[str, Any] = {
            "call": self.call,
            "kind": self.kind,
            "start_s": round(self.start_s, 4),
            "end_s": round(self.end_s, 4),
            "outcome": self.outcome,
            "reason": self.reason,
        }
        return data | {"lane": self.lane} if self.lane else data


@dataclass(frozen=True, slots=True)
class Flip:
    """An atom that became true, false or unknown."""

    time_s: float
    atom: str
    value: bool | None


@dataclass(frozen=True)
class RunLog:
    """One run of a plan.

    Attributes:
        success: the goal's facts held at the end.
        state: the executor's last state.
        spans: calls and transitions in the order of time.
        seams: times at which one skill gave way to the next, and at which the next one began.
        motion: what was commanded and where the tool went, from `start_s` on.
        first, last: what held at the start and at the end.
        heard: corrections, and quiet moments between them, if anybody listened.
    """

    mode: Mode
    seed: int
    success: bool
    state: str
    reason: str
    replans: int
    start_s: float
    duration_s: float
    period_s: float
    spans: tuple[Span, ...]
    seams: tuple[float, ...]
    events: tuple[Event, ...]
    flips: tuple[Flip, ...]
    motion: RunMotion
    first: Facts
    last: Facts
    heard: tuple[Heard, ...] = ()

    @property
    def commands(self) -> Array:
        """(T, D) commanded joints, one row a servo period."""
        return self.motion.position

    @property
    def peak_jerk(self) -> float:
        """Greatest jerk of an arm joint around a seam, in rad/s^3; 0 where there is none."""
        return peak_jerk(
            self.commands[:, list(self.motion.arms)],
            self.period_s,
            [seam - self.start_s for seam in self.seams],
        )

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file, without the commands."""
        return {
            "mode": self.mode,
            "seed": self.seed,
            "success": self.success,
            "state": self.state,
            "reason": self.reason,
            "replans": self.replans,
            "duration_s": round(self.duration_s, 4),
            "peak_jerk": round(self.peak_jerk, 3),
            "spans": [span.to_data() for span in self.spans],
            "seams": [round(seam, 4) for seam in self.seams],
            "events": [event.to_data() for event in self.events],
        }


def peak_jerk(commands: Array, period_s: float, seams: Sequence[float]) -> float:
    """Greatest |third difference| / period^3 of (T, D) within `SEAM_S` of a seam, in rad/s^3.

    Row k is the command for the period that begins at `k * period_s`; `seams` count from row 0.
    """
    if len(commands) < 4 or not len(seams):
        return 0.0
    jerk = np.abs(np.diff(commands, n=3, axis=0)).max(axis=1) / period_s**3
    middle = (np.arange(len(jerk)) + 1.5) * period_s
    near = np.zeros(len(jerk), dtype=bool)
    for seam in seams:
        near |= np.abs(middle - seam) <= SEAM_S
    return float(jerk[near].max()) if near.any() else 0.0


def spans_of(events: Sequence[Event], end_s: float) -> tuple[Span, ...]:
    """Calls and transitions that the events tell of, in the order of their ends."""
    spans: list[Span] = []
    running: dict[str, Event] = {}
    for event in events:
        if event.kind in ("ready", "move"):
            running[event.lane] = event
        elif event.lane in running and (event.kind in _ENDS or event.kind == "arrived"):
            outcome = _ENDS.get(event.kind, "done")
            begun = running.pop(event.lane)
            spans.append(_span(begun, event.time_s, outcome, event.reason))
    spans += [_span(begun, end_s, "unfinished", "") for begun in running.values()]
    return tuple(spans)


def _span(begun: Event, end_s: float, outcome: str, reason: str) -> Span:
    kind = "call" if begun.kind == "ready" else "transition"
    return Span(begun.call, kind, begun.time_s, end_s, outcome, reason, begun.lane)


def seams_of(spans: Sequence[Span]) -> tuple[float, ...]:
    """Where one call ended and, after it in its lane, where the next one began."""
    times: set[float] = set()
    for lane in {span.lane for span in spans}:
        calls = [span for span in spans if span.kind == "call" and span.lane == lane]
        times |= {
            round(time, 6)
            for before, after in pairwise(calls)
            for time in (before.end_s, after.start_s)
        }
    return tuple(sorted(times))


def flips_between(before: Facts | None, after: Facts) -> list[Flip]:
    """Atoms whose value is another one than before."""
    if before is None:
        return []
    names: Mapping[int, bool | None] = {1: True, 0: False, -1: None}
    changed = np.flatnonzero(before.truth != after.truth)
    return [
        Flip(after.time_s, str(after.table.atoms[i]), names[int(after.truth[i])]) for i in changed
    ]
