"""When the next chunk is asked for, and with what: ahead of time, knowing what runs until then."""

from __future__ import annotations

from typing import Any

from kata.datasets.types import (
    ActionChunk,
    ChunkRequest,
    ChunkSpec,
    Kinematics,
    Observation,
    RobotSpec,
    Trajectory,
)
from kata.skills.contract.call import Call

from .delay import DelayEstimate
from .foresight import foreseen
from .guides import check_guide
from .options import ExecutorOptions
from .prefix import committed_actions, running_actions


class Asking:
    """The requests of one executor for chunks.

    Raises ConfigError for a guide that does not fit the robot.

    Attributes:
        next_s: when the next one is due.
        refusals: replies in a row that were of no use.
    """

    def __init__(self, robot: RobotSpec, kinematics: Kinematics, options: ExecutorOptions) -> None:
        check_guide(options.guide, robot)
        self._robot, self._kinematics, self._options = robot, kinematics, options
        self._delay = DelayEstimate(options.delay_s)
        self._asked_s = self.next_s = 0.0
        self.refusals = 0
        self._first = True
        self._skill, self._hand = "", ""

    @property
    def delay_s(self) -> float:
        """What a reply is reckoned to take."""
        return self._delay.seconds

    def begin(self, now_s: float) -> None:
        """A call begins: its first request is due at once."""
        self.next_s, self.refusals, self._first = now_s, 0, True
        self._hand = ""

    def again(self, now_s: float) -> None:
        """Ask at once, for what was asked before is of no use."""
        self.next_s = now_s

    def request(
        self, call: Call, seen: Observation, spec: ChunkSpec, running: Trajectory, now_s: float
    ) -> tuple[ChunkRequest, bool, Observation]:
        """What to ask for now, whether it is the call's first request, and what to answer from.

        `spec` is that of its chunks as they are played: a slower pace has longer steps.
        With `inpaint`, in a mode that blends, that is the observation as it will be when the reply
        acts. Pictures cannot be foreseen: with any, the chunk begins now, with what runs until then
        as it is.
        """
        first, self._first = self._first, False
        self._asked_s, self._skill = now_s, call.contract.key
        if self._options.blend != "inpaint" or not self._options.smooth:
            cost = self._cost(call, seen)
            return ChunkRequest(now_s, self.delay_s, cost=cost), first, seen
        start_s, delay_s = now_s, self.delay_s
        if delay_s > 0.0 and not seen.images:
            seen = foreseen(seen, running, delay_s, self._robot, self._kinematics)
            start_s, delay_s = seen.time_s, 0.0
        hand = seen.hands[0] if len(seen.hands) == 1 else self._hand
        prefix = running_actions(running, seen, start_s, spec, self._robot, self._kinematics, hand)
        committed = 0 if prefix is None else committed_actions(delay_s, spec.step_s)
        sure = None if prefix is None else min(committed, len(prefix))
        cost = self._cost(call, seen)
        return ChunkRequest(start_s, delay_s, prefix, sure, cost), first, seen

    def _cost(self, call: Call, seen: Observation) -> Any:
        """What steers a chunk that starts from what is seen, or foreseen: costs are bound to it."""
        return self._options.guide and self._options.guide(call, seen)

    def answered(self, now_s: float) -> None:
        """The reply to the last request has come."""
        self._delay.take(now_s - self._asked_s, self._skill)

    def used(self, chunk: ActionChunk, spec: ChunkSpec, now_s: float) -> None:
        """The chunk acts from now on: the next one is asked for as long ahead as a reply takes."""
        self.refusals, self._hand = 0, chunk.hand
        self.next_s = max(now_s, chunk.start_s + spec.execute * chunk.step_s - self.delay_s)
