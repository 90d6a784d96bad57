"""One lane of several: an executor that has the parts of a robot which its calls claim.

It reckons with the whole robot, as policies and worlds do, and moves its own joints only: to it
the others stand where they are commanded to. Legend: `D` joints of the robot, `O` its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kata.datasets.types import (
    ActionChunk,
    Array,
    Command,
    Condition,
    Facts,
    Kinematics,
    Observation,
    Pose,
    RobotSpec,
    SpecError,
    Trajectory,
)
from kata.skills.contract.call import Call, arm_of
from kata.skills.handover.boundary import Boundary
from kata.skills.handover.collision import Clearance
from kata.skills.handover.progress import Progress, Progressing
from kata.skills.handover.verdict import Verdict
from kata.skills.planning.plan import Failure, Plan

from .course import alone
from .executor import SkillExecutor
from .messages import LoadedSkill, ReadySkill
from .options import ExecutorOptions
from .turns import Ahead
from .watch import Alarm, ConditionWatch, ProgressWatch, StallWatch


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What a lane has of a robot: `columns` (O,) of D, and the hands among them."""

    name: str
    parts: tuple[str, ...]
    columns: tuple[int, ...]
    hands: tuple[str, ...]

    @classmethod
    def of(cls, robot: RobotSpec, call: Call) -> LaneParts:
        """The parts that a call claims; a resource that is no part of the robot brings none."""
        hands = [hand for hand in robot.hands if arm_of(hand.name) in call.resources]
        names = {part for hand in hands for part in (hand.arm, hand.gripper)}
        parts = [part for part in robot.parts if part.name in names | call.resources]
        return cls(
            "+".join([hand.name for hand in hands] or sorted(call.resources)),
            tuple(part.name for part in parts),
            tuple(i for part in parts for i in range(part.start, part.stop)),
            tuple(hand.name for hand in hands),
        )


@dataclass(frozen=True, slots=True)
class LaneKinematics:
    """Kinematics in which a text or chunk that names no hand means the lane's."""

    inner: Kinematics
    hands: tuple[str, ...]

    def follow(self, chunk: ActionChunk, now: Command) -> Trajectory:
        """As the robot's. Raises SpecError for a chunk of a hand that the lane does not have."""
        hand = chunk.hand or self.hands[0]
        if hand not in self.hands:
            raise SpecError(
                "a chunk of another hand", expected=" or ".join(self.hands), got=chunk.hand
            )
        # The joints of two hands at once are nobody's alone.
        own = hand if len(self.hands) == 1 else chunk.hand
        return self.inner.follow(replace(chunk, hand=own), now)

    def forward(self, position: Array, hand: str = "") -> Pose:
        """`pose_world_tool` at joint position (D,)."""
        return self.inner.forward(position, hand or self.hands[0])

    def solve(self, pose: Pose, seed: Array, hand: str = "") -> Array | None:
        """Joint position (D,) that puts the tool at `pose`; None out of reach."""
        return self.inner.solve(pose, seed, hand or self.hands[0])


@dataclass(frozen=True, slots=True)
class LaneBoundary:
    """A boundary whose good starts leave the other lanes' joints as the lane reckons with them.

    Attributes:
        rest: where (D,) that is.
    """

    inner: Boundary
    columns: tuple[int, ...]
    rest: Callable[[], Array]

    @property
    def usual(self) -> float:
        """As the skill's own."""
        return self.inner.usual

    def may_start(self, call: Call, observation: Observation) -> Verdict:
        """As the skill's own."""
        return self.inner.may_start(call, observation)

    def is_done(self, call: Call, observation: Observation, facts: Facts) -> Verdict:
        """As the skill's own."""
        return self.inner.is_done(call, observation, facts)

    def how_far(self, call: Call, observation: Observation) -> Progress | None:
        """As the skill's own, if it knows."""
        inner = self.inner
        return inner.how_far(call, observation) if isinstance(inner, Progressing) else None

    def starts(self, call: Call, observation: Observation, count: int) -> Sequence[Command]:
        """As the skill's own, in the lane's joints."""
        out = []
        for start in self.inner.starts(call, observation, count):
            position = self.rest().copy()
            position[list(self.columns)] = start.position[list(self.columns)]
            out.append(Command.hold(position))
        return out


class LaneStallWatch(StallWatch):
    """A stall of the lane's own joints, whatever the others do."""

    def __init__(self, window_s: float, columns: Sequence[int]) -> None:
        super().__init__(window_s)
        self._columns = list(columns)

    def check(
        self, call: Call, observation: Observation, facts: Facts, spent_s: float
    ) -> Alarm | None:
        """As `StallWatch.check`."""
        own = replace(observation, position=observation.position[self._columns])
        return super().check(call, own, facts, spent_s)


class Lane(SkillExecutor):
    """Runs one call after the other, each a plan of its own, on the parts of a lane.

    Args:
        parts: what it moves.
        clearance: of the robot with the other lanes' joints where they go.

    Attributes:
        index: of the running call in the whole plan; -1 while there is none.
    """

    def __init__(
        self,
        parts: LaneParts,
        robot: RobotSpec,
        kinematics: Kinematics,
        period_s: float,
        skills: Mapping[str, ReadySkill],
        options: ExecutorOptions,
        clearance: Clearance | None,
    ) -> None:
        self._standing = robot.home
        if len(parts.columns) < robot.size:
            skills = {name: self._in_lane(skill, parts) for name, skill in skills.items()}
        if len(robot.hands) > 1 and parts.hands:
            kinematics = LaneKinematics(kinematics, parts.hands)
        own = LaneStallWatch(options.stall_s, parts.columns)
        watches = ConditionWatch(), own, ProgressWatch(skills)
        alone = replace(options, replans=0)
        super().__init__(robot, kinematics, period_s, skills, alone, clearance, watches)
        self._seam.keep_to(parts.columns)
        self.parts, self.index = parts, -1
        self._told_ahead: Callable[[], Ahead] = Ahead
        self._runs_on = False

    @property
    def failure(self) -> Failure:
        """The last call that failed."""
        return self._failures[-1]

    @property
    def moving(self) -> Trajectory:
        """What it commands; at rest after its end."""
        return self._course.trajectory

    def begin(self, call: Call, index: int, ahead: Callable[[], Ahead], now_s: float) -> None:
        """Run a call, the one of that index in the whole plan; `ahead` says what is after it."""
        self.index, self._told_ahead, self._runs_on = index, ahead, False
        self.start(Plan.sequence(Condition("true"), (call,)), now_s)

    def wait(self, now_s: float) -> None:
        """No call has begun: come to rest, where the last motion went on for the sake of one."""
        if self._runs_on:
            self._seam.rest(now_s)
        self._runs_on = False

    def keep_pace(self, pace: float) -> None:
        """Go at the pace that was asked for in an earlier call."""
        self._steering.pace = pace

    def take_over(self, trajectory: Trajectory, last: Array, now_s: float) -> None:
        """Go on from a motion (D,) that was commanded, and its `last` position.

        The other lanes' joints, whose motion is not this lane's, stand where they are commanded to
        now; so they do until its next call.
        """
        self._standing = last.copy()
        self._course.begin(alone(trajectory, self.parts.columns, last), now_s, last)

    def _ahead(self) -> Ahead:
        return self._told_ahead()

    def _goes_on(self, observation: Observation, now_s: float, spent_s: float) -> bool:
        # The others have gone on since the call began.
        self._standing = observation.position.copy()
        return super()._goes_on(observation, now_s, spent_s)

    def _finish(self, facts: Facts, now_s: float) -> None:
        super()._finish(facts, now_s)
        self._runs_on = self._ahead().following is not None

    def _in_lane(self, skill: ReadySkill, parts: LaneParts) -> ReadySkill:
        boundary = LaneBoundary(skill.boundary, parts.columns, lambda: self._standing)
        return LoadedSkill(skill.contract, skill.policy, boundary)


def merged(
    sources: Sequence[tuple[Sequence[int], Trajectory]], rest: Array, now_s: float, period_s: float
) -> Trajectory:
    """One motion (D,) from now on of those of several lanes; joints of none stay at `rest`.

    Knots lie on the servo's ticks, so that each lane's own samples come again.
    """
    end_s = max((trajectory.end_s for _, trajectory in sources), default=now_s)
    count = max(0, int(np.ceil((end_s - now_s) / period_s - 1e-6)))
    times = now_s + period_s * np.arange(count + 1, dtype=float)
    position = np.repeat(rest[None], count + 1, axis=0)
    velocity = np.zeros_like(position)
    for columns, trajectory in sources:
        chosen = list(columns)
        for k, time_s in enumerate(times):
            command = trajectory.at(float(time_s))
            position[k, chosen] = command.position[chosen]
            velocity[k, chosen] = command.velocity[chosen]
    velocity[-1] = 0.0
    return Trajectory(times, position, velocity)
