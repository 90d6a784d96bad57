"""How long a reply takes: what was measured, without what happened only once.

The first reply of a run is left out as soon as there is another one: it pays for loading and
compiling, and would make every later request reckon with a delay that never comes again.
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
        self._first: float | None = None
        self._expected_s = expected_s
        self._measured: deque[float] = deque(maxlen=_KEPT)

    def take(self, delay_s: float) -> None:
        """Take in how long a reply took; a negative or infinite time is no measurement."""
        if not 0.0 <= delay_s < float("inf"):
            return
        if self._first is None:
            self._first = delay_s
        else:
            self._measured.append(delay_s)

    @property
    def seconds(self) -> float:
        """What to reckon with."""
        return max(self._measured, default=max(self._expected_s, 0.0))
