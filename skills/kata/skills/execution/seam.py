"""The seam between two calls: what is decided there, and the move that may fill it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kata.datasets.types import ExecutionError, Observation, Trajectory
from kata.skills.contract.call import Call
from kata.skills.handover.boundary import Boundary
from kata.skills.handover.decision import Decider, Decision
from kata.skills.handover.pursuit import Finding, Pursuit

from .barrier import Barrier
from .course import Course, alone
from .messages import ReadySkill, ready
from .turns import Ahead


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
        moves: how many transitions a seam may have.

    Attributes:
        rested_s: when the robot is at rest after a move that was aborted; long ago without one.
    """

    def __init__(self, decider: Decider, course: Course, moves: int) -> None:
        self._decider, self._course, self._moves = decider, course, moves
        self._pursuit = Pursuit(decider.mover)
        self._stage: Stage | None = None
        self._move: Trajectory | None = None
        self._carried: tuple[str, ...] = ()
        self._columns: Sequence[int] | None = None
        self.next_call()

    def keep_to(self, columns: Sequence[int]) -> None:
        """Of the joints, only these are moved here: others may be where they like."""
        self._columns = columns
        self._pursuit.keep_to(columns)

    def next_call(self) -> None:
        """Another call comes: nothing has been tried for it."""
        self._made, self._told = 0, False
        self.rested_s = -math.inf

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
        running = self._course.trajectory
        if may_continue and self._columns is not None:
            # Others have gone on since this motion began, and are where they are.
            running = alone(running, self._columns, observation.position)
        return self._decider.decide(
            stage.boundary, stage.call, stage.call.seen(observation), running, now_s,
            may_continue=may_continue, may_replan=may_replan,
            may_move=self._made < self._moves, rest=rest,
        )  # fmt: skip

    def lingers(
        self,
        skills: Mapping[str, ReadySkill],
        ahead: Ahead,
        observation: Observation,
        now_s: float,
        spent_s: float,
    ) -> tuple[bool, Decision | None]:
        """Whether a skill that is done goes on, since its motion leads to a better start.

        Of the call that follows, that is; where something else waits too, it does not go on. It
        has done so for `spent_s` by now. The decision comes with the first yes of a seam.
        """
        call = ahead.following
        if call is None or ahead.awaited or spent_s >= self._decider.options.continue_s:
            return False, None
        skill = ready(skills, call.contract)
        if skill is None or call.unseen(observation):
            return False, None
        stage, rest = Stage(skill.boundary, call), usual_success(skills, ahead.then)
        decision = self.judge(stage, observation, now_s, may_continue=True, rest=rest)
        if decision.way != "continue":
            return False, None
        first, self._told = not self._told, True
        return True, decision if first else None

    def go(
        self, stage: Stage, decision: Decision, observation: Observation, now_s: float
    ) -> Mapping[str, float]:
        """Begin the move of a decision; its numbers, with the seconds that it takes."""
        assert decision.move is not None
        self._made += 1
        self._stage = stage
        self._move, self._carried = decision.move.trajectory, decision.move.carried
        self._course.follow(self._move, now_s)
        self._pursuit.begin(decision.move, stage.call.seen(observation), now_s)
        return {**decision.numbers, "seconds": decision.move.trajectory.end_s - now_s}

    def watch(self, observation: Observation, now_s: float) -> Finding:
        """How the move goes. One that is aborted has begun to rest, one that is `aimed` goes on."""
        stage = self._stage
        assert stage is not None
        strange = stage.call.unseen(observation)
        if strange:
            return self._abort(f"the aim is lost: does not see {', '.join(strange)}", now_s)
        seen = stage.call.seen(observation)
        found = self._pursuit.look(seen, now_s)
        if found.kind == "moved":
            move, there, refused = self._decider.aim(
                stage.boundary, stage.call, seen, self._course.trajectory, now_s
            )
            if move is None:
                return self._abort(f"{found.reason}; {refused}", now_s, found.numbers)
            self._move = move.trajectory
            self._course.follow(self._move, now_s)
            self._pursuit.aim(move, seen, now_s)
            seconds = move.trajectory.end_s - now_s
            numbers = {**found.numbers, "there": there, "seconds": seconds}
            return Finding("aimed", f"{found.reason}; goes {move.way}", numbers)
        if found.kind == "aborted":
            return self._abort(found.reason, now_s, found.numbers)
        return found

    def _abort(
        self, reason: str, now_s: float, numbers: Mapping[str, float] | None = None
    ) -> Finding:
        self.rest(now_s)
        self.rested_s = max(now_s, self._course.trajectory.end_s)
        return Finding("aborted", reason, numbers or {})

    def rest(self, now_s: float) -> None:
        """Come to rest; a move, or the stop of one, does so with bounded jerk in every mode."""
        running = self._course.trajectory
        if running is not self._move or now_s >= running.end_s:
            self._course.rest(now_s)
            return
        if now_s < self.rested_s:
            return
        try:
            state = self._course.state(now_s)
            self._move = self._decider.mover.stop(state, now_s, self._carried)
        except ExecutionError:
            self._course.rest(now_s)
            return
        self._course.follow(self._move, now_s)

    def hold_up(self, observation: Observation, now_s: float) -> Barrier | None:
        """After a move that was aborted: that the robot is not where it is sent, still."""
        if not math.isfinite(self.rested_s):
            return None
        reason = self._pursuit.strays(observation, self._course.state(now_s).position)
        return Barrier(reason, waits=True) if reason else None
