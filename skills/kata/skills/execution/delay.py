"""How long a reply takes: what was measured, without what happened only once.

The first reply of each skill is left out: it pays for loading and compiling, and would make every
later request reckon with a delay that never comes again.
"""

from __future__ import annotations

from collections import deque

_KEPT = 8


class DelayEstimate:
    """The delay, in s, that the next reply is reckoned to have: the longest of the last ones.

    Longer than true costs a little freshness; shorter than true, what was reckoned to be carried
    out is not what was.

    Args:
        expected_s: before anything is measured.
    """

    def __init__(self, expected_s: float = 0.0) -> None:
        self._warm: set[str] = set()
        self._expected_s = expected_s
        self._measured: deque[float] = deque(maxlen=_KEPT)

    def take(self, delay_s: float, skill: str = "") -> None:
        """Take in how long a skill's reply took; a negative or infinite time is no measurement."""
        if not 0.0 <= delay_s < float("inf"):
            return
        if skill in self._warm:
            self._measured.append(delay_s)
        self._warm.add(skill)

    @property
    def seconds(self) -> float:
        """What to reckon with."""
        return max(self._measured, default=max(self._expected_s, 0.0))
