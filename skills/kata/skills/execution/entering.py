"""What learned progress says at the begin of a call, before it was ever seen not to be done.

A state that a skill enters in may look like its end: over what was just let go, say. Facts know
better. Progress without facts may end a call only after it has said "not there" in this call, or
has said "there" for as long as a skill needs to move away from where it began.
"""

from __future__ import annotations

from dataclasses import replace

from kata.skills.contract.call import Call
from kata.skills.handover.verdict import Verdict

SURE_S = 1.0
"""How long progress alone must have said "there" from the begin of a call on; in s."""


class Entering:
    """One call's verdicts so far."""

    def __init__(self) -> None:
        self._call: Call | None = None
        self._seen_s, self._away = 0.0, False

    def judged(self, call: Call, verdict: Verdict, spent_s: float) -> Verdict:
        """The verdict; not yet done where progress alone says so of a call that just began.

        `spent_s` is the call's own time; where it does not grow a new call has begun.
        """
        if call is not self._call or spent_s <= self._seen_s:
            self._call, self._away = call, False
        self._seen_s = spent_s
        self._away = self._away or not (verdict.ok or verdict.stays)
        if not verdict.ok or not verdict.learned or self._away or spent_s >= SURE_S - 1e-9:
            return verdict
        reason = f"{verdict.reason}; not yet seen undone, {spent_s:.2f} s after the begin"
        return replace(verdict, ok=False, reason=reason)
