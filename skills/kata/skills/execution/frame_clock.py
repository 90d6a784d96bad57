"""When an executor looks anew at conditions, watches and requests."""

from __future__ import annotations

from kata.datasets.types import FRAME_S, Facts

_OVERDUE = 1.5


class FrameClock:
    """A frame is due with new facts, and without them when they are overdue.

    Facts that come no more must not keep a skill from its end, nor from its time-out.
    """

    def __init__(self) -> None:
        self._facts_s = self._frame_s = float("-inf")

    def is_due(self, facts: Facts, now_s: float) -> bool:
        """Whether a frame begins now; then the next one is waited for."""
        overdue = now_s - self._frame_s > _OVERDUE * FRAME_S
        if facts.time_s == self._facts_s and not overdue:
            return False
        self._facts_s, self._frame_s = facts.time_s, now_s
        return True
