"""The seam between two calls: what is decided there, and the move that may fill it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kata.datasets.types import Observation
from kata.skills.contract.call import Call
from kata.skills.handover.boundary import Boundary
from kata.skills.handover.decision import Decider, Decision

from .course import Course
from .messages import ReadySkill, ready

Outcome = Literal["going", "arrived"]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a move is for: the call that comes next, and its skill's boundary."""

    boundary: Boundary
    call: Call


def usual_success(skills: Mapping[str, ReadySkill], calls: Sequence[Call]) -> float:
    """Chance that calls succeed one after the other, as far as their skills know it."""
    known = [ready(skills, call.contract) for call in calls]
    return math.prod(skill.boundary.usual for skill in known if skill is not None)


class Seam:
    """One seam after the other, on one course.

    Args:
        decider: judges the ways.
        course: what the joints follow; a move goes there.
        period_s: of the servo.
        moves: how many transitions a seam may have.
    """

    def __init__(self, decider: Decider, course: Course, period_s: float, moves: int) -> None:
        self._decider, self._course, self._period_s = decider, course, period_s
        self._moves = moves
        self.arrival_s = 0.0
        self.next_call()

    def next_call(self) -> None:
        """Another call comes: nothing has been tried for it."""
        self._made, self._told = 0, False

    @property
    def moved(self) -> bool:
        """Whether a transition has been made for the call that comes."""
        return self._made > 0

    def judge(
        self,
        stage: Stage,
        observation: Observation,
        now_s: float,
        *,
        may_continue: bool = False,
        may_replan: bool = False,
        rest: float = 1.0,
    ) -> Decision:
        """What to do; see `Decider.decide`. Without a move left, a move is none of the ways."""
        decision = self._decider.decide(
            stage.boundary, stage.call, stage.call.seen(observation), self._course.trajectory,
            now_s, may_continue=may_continue, may_replan=may_replan, rest=rest,
        )  # fmt: skip
        if decision.way == "move" and self._made >= self._moves:
            return replace(decision, way="now", reason=f"{decision.reason}; moved enough")
        return decision

    def lingers(
        self, stage: Stage, observation: Observation, now_s: float, spent_s: float, rest: float
    ) -> tuple[bool, Decision | None]:
        """Whether a skill that is done goes on, since its motion leads to a better start.

        It has done so for `spent_s` by now. The decision comes with the first yes of a seam.
        """
        if spent_s >= self._decider.options.continue_s:
            return False, None
        decision = self.judge(
            stage, observation, now_s, may_continue=True, may_replan=False, rest=rest
        )
        if decision.way != "continue":
            return False, None
        first, self._told = not self._told, True
        return True, decision if first else None

    def go(self, decision: Decision, now_s: float) -> float:
        """Begin the move of a decision; how long it takes, in s."""
        assert decision.move is not None
        self._made += 1
        self._course.follow(decision.move.trajectory, now_s)
        self.arrival_s = decision.move.trajectory.end_s
        return self.arrival_s - now_s

    def watch(self, now_s: float) -> Outcome:
        """How the move goes."""
        return "arrived" if now_s >= self.arrival_s - 0.5 * self._period_s else "going"
