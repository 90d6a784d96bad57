"""Watches: monitors during a skill that say what is wrong, how sure they are, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from kata.datasets.types import Array, Facts, Observation
from kata.skills.contract.call import Call
from kata.skills.handover.progress import Progressing, Stay

from .messages import ReadySkill, ready


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something is wrong with a call: what, how sure, and why, in words for the log."""

    what: str
    probability: float
    reason: str


@runtime_checkable
class Watch(Protocol):
    """A monitor; asked once a frame while a skill has the robot."""

    def check(
        self, call: Call, observation: Observation, facts: Facts, spent_s: float
    ) -> Alarm | None:
        """An alarm, or None while all is well.

        `spent_s` is the call's own time since it became ready: at half the pace it goes half as
        fast. Where it has not grown, the call has begun anew.
        """


class ConditionWatch:
    """Alarms where the call's `holds` is false; what is unknown alarms nobody."""

    def check(
        self, call: Call, observation: Observation, facts: Facts, spent_s: float
    ) -> Alarm | None:
        """An alarm that names the parts of `holds` that broke."""
        condition = call.holds
        if condition.kind == "true" or condition.evaluate(facts).value is not False:
            return None
        return Alarm("holds", 1.0, "no longer holds: " + " and ".join(condition.unmet(facts)))


class StallWatch:
    """Alarms where the robot has not moved for a while, though its skill is not done.

    Args:
        window_s: for how long nothing must have moved.
        least_rad: motion of any joint (rad or m) that counts as moving.
    """

    def __init__(self, window_s: float = 4.0, least_rad: float = 0.01) -> None:
        self.window_s, self.least_rad = window_s, least_rad
        self._call: Call | None = None
        self._anchor: Array = np.empty(0)
        self._since_s = self._seen_s = 0.0

    def check(
        self, call: Call, observation: Observation, facts: Facts, spent_s: float
    ) -> Alarm | None:
        """An alarm once nothing has moved for `window_s` of one call's own time."""
        position = observation.position
        begun = call is not self._call or spent_s <= self._seen_s
        self._seen_s = spent_s
        if begun or np.abs(position - self._anchor).max() > self.least_rad:
            self._call, self._anchor, self._since_s = call, position, spent_s
            return None
        stayed_s = spent_s - self._since_s
        if stayed_s < self.window_s:
            return None
        return Alarm("stall", 0.9, f"nothing has moved for {stayed_s:.1f} s")


class ProgressWatch:
    """Alarms where a skill moves and comes no nearer to its end, as one that trembles does.

    Progress that falls counts as a change too: a skill that tries again has not stalled. For how
    long it may stay is learned with it, so that no good rollout would have been stopped. Skills
    without learned progress alarm nobody.

    Args:
        skills: whose boundaries may tell how far they are.
    """

    def __init__(self, skills: Mapping[str, ReadySkill]) -> None:
        self._skills = skills
        self._call: Call | None = None
        self._stay = Stay(0.0, 0.0)
        self._seen_s = 0.0

    def check(
        self, call: Call, observation: Observation, facts: Facts, spent_s: float
    ) -> Alarm | None:
        """An alarm once progress has not changed for too much of one call's own time."""
        skill = ready(self._skills, call.contract)
        if skill is None or not isinstance(skill.boundary, Progressing):
            return None
        read = skill.boundary.how_far(call, observation)
        if read is None:
            return None
        if call is not self._call or spent_s <= self._seen_s:
            self._call, self._stay = call, Stay(read.value, spent_s)
        self._seen_s = spent_s
        stayed_s = self._stay.add(read.value, spent_s)
        if stayed_s < read.patience_s:
            return None
        reason = f"moves without progress: {100 * read.value:.0f} % of the way for {stayed_s:.1f} s"
        return Alarm("stall", 0.9, reason)


def usual_watches(stall_s: float, skills: Mapping[str, ReadySkill]) -> tuple[Watch, ...]:
    """What an executor watches: `holds`, and stalls with and without motion."""
    return ConditionWatch(), StallWatch(stall_s), ProgressWatch(skills)
