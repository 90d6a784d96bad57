"""The executor of several lanes: calls that share nothing run at the same time.

Each lane is an executor of its own on the parts that its calls claim; a call that claims several
arms runs in a lane that has them all. A call begins as soon as those before it in the plan's order
are done and what it claims is free; see `turns.py`, also for what a lane reckons with after it.
What the lanes command becomes one command of the whole robot.

After a failure nothing new begins, what runs already finishes, and one new plan is asked for; see
`lane_states.py`. On a robot with one hand there is one lane. Legend: `D` joints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from kata.datasets.types import (
    Array,
    Command,
    Condition,
    Facts,
    Kinematics,
    Observation,
    RobotSpec,
)
from kata.skills.contract.call import Call
from kata.skills.handover.collision import Clearance, SharedClearance
from kata.skills.handover.curve import sample
from kata.skills.planning.corrections import (
    AsBefore,
    Correction,
    Instead,
    Pace,
    Stop,
    corrected_goal,
)
from kata.skills.planning.plan import Failure, Plan, Refusal

from .lane import Lane, LaneParts, merged
from .lane_states import FINAL, TRANSITIONS, LaneSignal, LaneState
from .messages import ChunkQuery, ChunkReply, Event, PlanQuery, PlanReply, ReadySkill, Tick
from .options import ExecutorOptions
from .states import State
from .steering import Steering
from .turns import Ahead, Turns

SkillsOf = Callable[[str], Mapping[str, ReadySkill]]
"""The skills of a lane, by its name; policies have a state, so that each lane has its own."""


class LaneExecutor:
    """Runs plans of chunked skills, as many calls at a time as the plan and the robot allow.

    Args:
        skills: by name; a plan that names another one fails with a reason.
        period_s: of the servo; ticks come at whole multiples of it.
        clearance: where the world can tell distances, for transitions.
        skills_of: gives each lane policies of its own. Without it two calls of one skill do not
            run at the same time.
    """

    def __init__(
        self,
        robot: RobotSpec,
        kinematics: Kinematics,
        period_s: float,
        skills: Mapping[str, ReadySkill],
        options: ExecutorOptions | None = None,
        clearance: Clearance | None = None,
        skills_of: SkillsOf | None = None,
    ) -> None:
        self.options = options or ExecutorOptions()
        self._robot, self._kinematics, self._period_s = robot, kinematics, period_s
        self._skills, self._skills_of, self._clearance = skills, skills_of, clearance
        self._lanes: dict[str, Lane] = {}
        self._owner: dict[str, Lane] = {}
        self._commanded: Array = np.empty(0)
        self._steering = Steering()
        self._said: list[tuple[Correction, str]] = []
        self._plan: Plan | None = None
        self._inbox: list[ChunkReply | PlanReply] = []
        self._asked: dict[int, tuple[Lane, int]] = {}
        self._requests: list[ChunkQuery | PlanQuery] = []
        self._events: list[Event] = []
        self._next_id = 0
        self._cancelled = ""
        self.state = LaneState.IDLE
        self.replans = 0
        self._failures: list[Failure] = []
        self._asked_plan: int | None = None
        self._set_plan(None, 0.0)

    # ---------------------------------------------------------------- what it is told

    @property
    def call(self) -> Call | None:
        """The first of the calls that run."""
        return next(iter(self.calls), None)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that run, in the plan's order."""
        if self._plan is None:
            return ()
        return tuple(self._plan.calls[lane.index] for lane in self._running())

    def start(self, plan: Plan, now_s: float) -> None:
        """Begin a plan, whatever went on before. Raises ExecutionError for a cyclic order."""
        self._set_plan(plan, now_s)
        self.replans, self._failures, self._cancelled = 0, [], ""
        self._steering, self._said = Steering(), []
        self._signal(LaneSignal.START, now_s, f"plan of {len(plan.calls)} calls for {plan.goal}")

    def deliver(self, reply: ChunkReply | PlanReply) -> None:
        """Keep an answer for the next tick."""
        self._inbox.append(reply)

    def cancel(self, reason: str) -> None:
        """Come to rest in all lanes from the next tick on."""
        self._cancelled = reason or "no reason given"

    def correct(self, correction: Correction, text: str) -> None:
        """Change what runs from the next tick on, as someone said in these words."""
        self._said.append((correction, text))

    def tick(self, observation: Observation, facts: Facts, now_s: float) -> Tick:
        """The command for the period that begins now, with requests and decisions."""
        if not self._commanded.size:
            self._commanded = observation.position.copy()
        for correction, text in self._said:
            self._correct(correction, text, now_s)
        self._said.clear()
        if self._cancelled:
            self._cancel(now_s)
        for reply in self._inbox:
            self._take(reply, now_s)
        self._inbox.clear()
        if self.state is LaneState.RUNNING:
            self._begin(now_s)
        command = self._command(observation, facts, now_s)
        self._collect(now_s)
        self._conclude(facts, now_s)
        tick = Tick(command, tuple(self._requests), tuple(self._events))
        self._requests.clear()
        self._events.clear()
        return tick

    # ---------------------------------------------------------------- which calls run

    def _begin(self, now_s: float) -> None:
        """Every call whose turn it is and whose claims are free, in the plan's order."""
        assert self._plan is not None
        for index in self._turns.begins(self._done, self._indices()):
            call = self._plan.calls[index]
            lane = self._lane(call, now_s)
            lane.begin(call, index, partial(self._ahead, index), now_s)
            lane.keep_pace(self._steering.pace)
            self.state = TRANSITIONS[self.state, LaneSignal.BEGIN]

    def _ahead(self, index: int) -> Ahead:
        """What comes after a call that runs; where nothing new begins, nothing follows it."""
        ahead = self._turns.ahead(index, self._done, self._indices())
        return ahead if self.state is LaneState.RUNNING else Ahead(ahead.after)

    def _running(self) -> list[Lane]:
        lanes = [lane for lane in self._lanes.values() if lane.index >= 0]
        return sorted(lanes, key=lambda lane: lane.index)

    def _indices(self) -> list[int]:
        return [lane.index for lane in self._running()]

    def _lane(self, call: Call, now_s: float) -> Lane:
        """The lane of a call, going on from what its parts do now; to it the others stand."""
        parts = LaneParts.of(self._robot, call)
        lane = self._lanes.get(parts.name)
        if lane is None:
            skills = self._skills if self._skills_of is None else self._skills_of(parts.name)
            lane = self._lanes[parts.name] = Lane(
                parts, self._robot, self._kinematics, self._period_s, skills, self.options,
                self._seen_by(parts),
            )  # fmt: skip
        if not parts.parts or any(self._owner.get(name) is not lane for name in parts.parts):
            sources = [(self._owned(owner), owner.moving) for owner in self._owners()]
            motion = merged(sources, self._commanded, now_s, self._period_s)
            lane.take_over(motion, self._commanded, now_s)
            self._owner |= dict.fromkeys(parts.parts, lane)
        elif len(parts.columns) < self._robot.size:
            lane.take_over(lane.moving, self._commanded, now_s)
        return lane

    def _owners(self) -> list[Lane]:
        return list(dict.fromkeys(self._owner.values()))

    def _owned(self, lane: Lane) -> list[int]:
        """The joints, as indices of D, that a lane commands."""
        parts = [part for part in self._robot.parts if self._owner.get(part.name) is lane]
        return [i for part in parts for i in range(part.start, part.stop)]

    def _seen_by(self, parts: LaneParts) -> Clearance | None:
        """The clearance with the other lanes' joints where they go, as far as that is known."""
        measure, columns = self._clearance, list(parts.columns)
        if measure is None or len(columns) == self._robot.size:
            return measure

        def whole(positions: Array, times_s: Array) -> Array:
            out = np.repeat(self._commanded[None], len(positions), axis=0)
            for lane in self._owners():
                theirs = self._owned(lane)
                out[:, theirs] = sample(lane.moving, times_s).position[:, theirs]
            out[:, columns] = positions[:, columns]
            return out

        return SharedClearance(measure, whole)

    # ---------------------------------------------------------------- one command of all lanes

    def _command(self, observation: Observation, facts: Facts, now_s: float) -> Command:
        position = self._commanded.copy()
        velocity, acceleration = np.zeros_like(position), np.zeros_like(position)
        for lane in dict.fromkeys([*self._owners(), *self._running()]):
            if lane.index < 0:
                lane.wait(now_s)
            tick = lane.tick(observation, facts, now_s)
            columns = self._owned(lane)
            position[columns] = tick.command.position[columns]
            velocity[columns] = tick.command.velocity[columns]
            acceleration[columns] = tick.command.acceleration[columns]
            self._events += [told for event in tick.events if (told := _told(event, lane))]
            for request in tick.requests:
                assert isinstance(request, ChunkQuery)
                self._ask(request, lane)
        self._commanded = position
        return Command(position.copy(), velocity, acceleration)

    def _ask(self, request: ChunkQuery, lane: Lane) -> None:
        self._asked[self._next_id] = lane, request.id
        name = lane.parts.name
        self._requests.append(replace(request, id=self._next_id, index=lane.index, lane=name))
        self._next_id += 1

    def _take(self, reply: ChunkReply | PlanReply, now_s: float) -> None:
        if isinstance(reply, PlanReply):
            self._take_plan(reply, now_s)
        elif reply.id in self._asked:
            lane, own = self._asked.pop(reply.id)
            lane.deliver(ChunkReply(own, reply.chunk, reply.error))
        else:
            self._log("stale", now_s, f"reply {reply.id} is not waited for any more")

    # ---------------------------------------------------------------- how calls and plans end

    def _collect(self, now_s: float) -> None:
        """What the lanes have come to."""
        for lane in self._running():
            if lane.state is State.DONE:
                self._done.add(lane.index)
                self.state = TRANSITIONS[self.state, LaneSignal.OVER]
                lane.index, self._since_s = -1, now_s
            elif lane.state is State.FAILED:
                self._failures.append(lane.failure)
                self.state = TRANSITIONS[self.state, LaneSignal.BROKEN]
                self._why, lane.index = lane.failure.reason, -1
                self._put_off()
            elif lane.state is State.CANCELLED:
                lane.index = -1

    def _put_off(self) -> None:
        """What has not begun to act, though it is preparing to, need not begin."""
        for lane in self._running():
            if lane.state in (State.CHECKING, State.MOVING):
                lane.cancel("another call has failed")

    def _correct(self, correction: Correction, text: str, now_s: float) -> None:
        """A pace is for all lanes, a shift for the one that runs; another thing needs a plan."""
        running = self._running()
        plan = self._plan
        if plan is None or self.state in FINAL:
            self._log("unheard", now_s, f"'{text}': nothing runs")
        elif isinstance(correction, Stop):
            self.cancel(f"corrected: '{text}'")
        elif isinstance(correction, Pace | AsBefore):
            self._log("steered", now_s, f"'{text}': {self._steering.take(correction)}")
            for lane in running:
                lane.correct(correction, text)
        elif not running:
            self._log("unheard", now_s, f"'{text}': no call runs")
        elif isinstance(correction, Instead):
            goal = corrected_goal(plan.goal, correction)
            if goal == plan.goal:
                self._log("unheard", now_s, f"'{text}': the goal does not name {correction.old}")
                return
            self._plan = replace(plan, goal=goal)
            self._why, self._wished = f"'{text}': {correction}", True
            for lane in running:
                if correction.old in plan.calls[lane.index].objects:
                    lane.cancel(self._why)
            self._put_off()
            self._signal(LaneSignal.CORRECTED, now_s, self._why)
        elif len(running) > 1:
            self._log("unheard", now_s, f"'{text}': {len(running)} calls run; which one?")
        else:
            for lane in running:
                lane.correct(correction, text)

    def _conclude(self, facts: Facts, now_s: float) -> None:
        """What follows when no lane runs: the end, or a new plan."""
        if self._plan is None or self._running():
            return
        if self.state is LaneState.RUNNING and len(self._done) == len(self._plan.calls):
            self._finish(facts, now_s)
        if self.state is not LaneState.DRAINING:
            return
        if self.replans >= self.options.replans and not self._wished:
            self._signal(LaneSignal.GIVE_UP, now_s, self._why)
            return
        self.replans += not self._wished
        self._wished = False
        self._signal(LaneSignal.ASK, now_s, self._why, {"replans": float(self.replans)})
        self._asked_plan = self._next_id
        self._next_id += 1
        goal, failures = self._plan.goal, tuple(self._failures)
        self._requests.append(PlanQuery(self._asked_plan, goal, facts, failures))

    def _finish(self, facts: Facts, now_s: float) -> None:
        assert self._plan is not None
        unmet = self._plan.goal.unmet(facts)
        if not unmet:
            self._signal(LaneSignal.FINISHED, now_s, f"goal holds: {self._plan.goal}")
        elif not self._plan.calls:
            self._signal(LaneSignal.GIVE_UP, now_s, "an empty plan, and the goal does not hold")
        elif now_s - self._since_s >= self.options.patience_s - 1e-9:
            self._why = "goal not reached: " + " and ".join(unmet)
            last = self._plan.calls[self._turns.order[-1]]
            self._failures.append(Failure(last, self._why, facts))
            self._signal(LaneSignal.BROKEN, now_s, self._why)

    def _take_plan(self, reply: PlanReply, now_s: float) -> None:
        if reply.id != self._asked_plan or self.state is not LaneState.REPLANNING:
            self._log("stale", now_s, f"plan {reply.id} is not waited for any more")
            return
        if isinstance(reply.outcome, Refusal):
            reason = f"no new plan: {reply.outcome.message}"
            self._signal(LaneSignal.GIVE_UP, now_s, reason)
            return
        self._set_plan(reply.outcome, now_s)
        calls = ", ".join(str(call) for call in reply.outcome.calls)
        self._signal(LaneSignal.PLANNED, now_s, f"new plan: {calls}")

    def _cancel(self, now_s: float) -> None:
        if self.state in FINAL:
            self._cancelled = ""
            return
        for lane in self._running():
            lane.cancel(self._cancelled)
        self._signal(LaneSignal.CANCEL, now_s, self._cancelled)
        self._cancelled = ""

    # ---------------------------------------------------------------- small words

    def _set_plan(self, plan: Plan | None, now_s: float) -> None:
        empty = Plan.sequence(Condition("true"), ())
        self._turns = Turns.of(plan or empty, apart=self._skills_of is not None)
        self._plan = plan
        for lane in self._running():
            lane.cancel("another plan")
            lane.index = -1
        self._done: set[int] = set()
        self._wished = False
        self._why, self._since_s, self._asked_plan = "", now_s, None

    def _signal(
        self,
        signal: LaneSignal,
        now_s: float,
        reason: str,
        numbers: Mapping[str, float] | None = None,
    ) -> None:
        self.state = TRANSITIONS[self.state, signal]
        self._log(signal.value, now_s, reason, numbers)

    def _log(
        self, kind: str, now_s: float, reason: str, numbers: Mapping[str, float] | None = None
    ) -> None:
        self._events.append(Event(now_s, kind, self.state.value, "", reason, numbers or {}))


def _told(event: Event, lane: Lane) -> Event | None:
    """A lane's event as the whole tells it; its plan of one call is nobody's business."""
    if event.kind in ("start", "finished"):
        return None
    kind = "broken" if event.kind == "give_up" else event.kind
    return replace(event, kind=kind, lane=lane.parts.name)
