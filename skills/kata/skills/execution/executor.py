"""The executor: takes a plan, asks for chunks and plans, and always has a command.

It never computes a chunk or a plan. Each tick gives one command; once a frame (whenever the facts
are new, or overdue) it looks at conditions, watches and requests. What it decides follows
`states.py`; why it did so is in its events. Legend: `D` joints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kata.datasets.types import (
    Condition,
    Facts,
    Kinematics,
    Observation,
    RobotSpec,
    Trajectory,
)
from kata.skills.contract.call import Call
from kata.skills.handover.collision import Clearance
from kata.skills.planning.corrections import Correction, Instead, Stop, corrected_goal
from kata.skills.planning.plan import Failure, Plan, Refusal, call_order

from .asking import Asking
from .barrier import barrier_to
from .course import Course
from .deciding import decider_of
from .entering import Entering
from .frame_clock import FrameClock
from .landing import make_lander, refusal
from .messages import (
    ChunkQuery,
    ChunkReply,
    Event,
    PlanQuery,
    PlanReply,
    ReadySkill,
    Tick,
    ready,
)
from .options import ExecutorOptions
from .seam import Seam, Stage, usual_success
from .states import ACTIVE, FINAL, TRANSITIONS, Signal, State, place_of
from .steering import Steering
from .turns import Ahead
from .watch import Watch, usual_watches

Numbers = Mapping[str, float] | None


class SkillExecutor:
    """Runs plans of chunked skills on one robot.

    Args:
        skills: by name, or by name and version beside it; a plan that names another one fails
            with a reason.
        period_s: of the servo; ticks come at whole multiples of it.
        clearance: where the world can tell distances, for transitions.
        watches: monitors; `holds` and stalls if none are given.
    """

    def __init__(
        self,
        robot: RobotSpec,
        kinematics: Kinematics,
        period_s: float,
        skills: Mapping[str, ReadySkill],
        options: ExecutorOptions | None = None,
        clearance: Clearance | None = None,
        watches: Sequence[Watch] | None = None,
    ) -> None:
        self.options = options or ExecutorOptions()
        self._robot, self._skills = robot, skills
        smooth = self.options.smooth
        blend = self.options.blend if smooth else "none"
        self._lander = make_lander(robot, kinematics, period_s, blend)
        usual = usual_watches(self.options.stall_s, skills)
        self._watches: Sequence[Watch] = usual if watches is None else tuple(watches)
        self._course = Course(robot, period_s, smooth=smooth)
        decider = decider_of(self.options, robot, kinematics, clearance)
        self._seam = Seam(decider, self._course, self.options.moves)
        self._asking = Asking(robot, kinematics, self.options)
        self._steering, self._entering = Steering(), Entering()
        self._said: list[tuple[Correction, str]] = []
        self._frames = FrameClock()
        self._began_s, self._settle_s, self._first = 0.0, 0.0, True
        self._next_id, self._cancelled = 0, ""
        self._inbox: list[ChunkReply | PlanReply] = []
        self._requests: list[ChunkQuery | PlanQuery] = []
        self._events: list[Event] = []
        self.state = State.IDLE
        self._plan: Plan | None = None
        self._asked: int | None = None
        self._clear_plan(None, 0.0)
        self.replans = 0
        self._failures: list[Failure] = []

    # ---------------------------------------------------------------- what it is told

    @property
    def call(self) -> Call | None:
        """The call that is being prepared or run; None before, after and between plans."""
        if self._plan is None or self._index >= len(self._order):
            return None
        return self._plan.calls[self._order[self._index]]

    def start(self, plan: Plan, now_s: float) -> None:
        """Begin a plan, whatever went on before. Raises ExecutionError for a cyclic order."""
        self._clear_plan(plan, now_s)
        self._frames = FrameClock()
        self.replans, self._failures, self._cancelled = 0, [], ""
        self._steering, self._said = Steering(), []
        self._signal(Signal.START, now_s, f"plan of {len(plan.calls)} calls for {plan.goal}")

    def deliver(self, reply: ChunkReply | PlanReply) -> None:
        """Keep an answer for the next tick."""
        self._inbox.append(reply)

    def cancel(self, reason: str) -> None:
        """Come to rest from the next tick on."""
        self._cancelled = reason or "no reason given"

    def correct(self, correction: Correction, text: str) -> None:
        """Change the running call from the next tick on, as someone said in these words."""
        self._said.append((correction, text))

    def tick(self, observation: Observation, facts: Facts, now_s: float) -> Tick:
        """The command for the period that begins now, with requests and decisions."""
        if not self._course.begun:
            position = observation.position
            self._course.begin(Trajectory.hold(now_s, position), now_s, position)
        if self._said:
            self._take_corrections(facts, now_s)
        if self._cancelled:
            self._cancel(now_s)
        if self._inbox:
            for reply in self._inbox:
                if isinstance(reply, ChunkReply):
                    self._take_chunk(reply, facts, now_s)
                else:
                    self._take_plan(reply, now_s)
            self._inbox.clear()
        if self._frames.is_due(facts, now_s):
            self._frame(observation, facts, now_s)
        command = self._course.command(now_s)
        tick = Tick(command, tuple(self._requests), tuple(self._events))
        self._requests.clear()
        self._events.clear()
        return tick

    # ---------------------------------------------------------------- once a frame

    def _frame(self, observation: Observation, facts: Facts, now_s: float) -> None:
        if self.state is State.MOVING:
            if (found := self._seam.watch(observation, now_s)).kind != "going":
                self._signal(Signal(found.kind), now_s, found.reason, found.numbers)
                self._since_s = max(now_s, self._seam.rested_s)
        elif self.state in ACTIVE:
            self._supervise(observation, facts, now_s)
        if self.state is State.CHECKING and now_s >= self._seam.rested_s - 1e-9:
            self._check(observation, facts, now_s)
        if self.state in ACTIVE and self._asked is None and now_s >= self._asking.next_s - 1e-9:
            self._ask(observation, now_s)

    def _check(self, observation: Observation, facts: Facts, now_s: float) -> None:
        """Skip what is achieved, check what is required, and choose where to start."""
        call = self.call
        while call is not None and call.achieves.evaluate(facts).value and not self._seam.moved:
            self._next(now_s, "already achieved")
            call = self.call
        if call is None:
            self._finish(facts, now_s)
            return
        barrier = barrier_to(call, self._skills, observation, facts)
        barrier = barrier or self._seam.hold_up(observation, now_s)
        if barrier is not None:
            if not barrier.waits or now_s - self._since_s >= self.options.patience_s - 1e-9:
                self._break(call, barrier.reason, facts, now_s, lasting=barrier.lasts)
            return
        if self.options.seeks and self._prepare(call, observation, facts, now_s):
            return
        self._began_s, self._first = now_s, not self._course.moved
        self._asking.begin(now_s)
        self._steering.begin(now_s)
        self._signal(Signal.READY, now_s, "requires hold")

    def _prepare(self, call: Call, observation: Observation, facts: Facts, now_s: float) -> bool:
        """Whether something comes before the start: a transition, or another plan."""
        stage = Stage(self._skill(call).boundary, call)
        rest = usual_success(self._skills, self._ahead().after)
        again = self.replans < self.options.replans
        decision = self._seam.judge(stage, observation, now_s, may_replan=again, rest=rest)
        if decision.way == "move":
            numbers = self._seam.go(stage, decision, observation, now_s)
            self._signal(Signal.MOVE, now_s, decision.reason, numbers)
        elif decision.way == "replan":
            self._break(call, decision.reason, facts, now_s)
        else:
            self._log("stays", now_s, decision.reason, decision.numbers)
        return decision.way in ("move", "replan")

    def _supervise(self, observation: Observation, facts: Facts, now_s: float) -> None:
        """Is it done, has it failed, or does it go on?"""
        call = self.call
        assert call is not None
        self._steering.spend(now_s)
        verdict = self._skill(call).boundary.is_done(call, observation, facts)
        done = self._entering.judged(call, verdict, self._steering.spent_s)
        if done.ok or (self.state is State.SETTLING and done.stays):
            if self.state is not State.SETTLING:
                self._settle_s = now_s
                self._signal(Signal.ACHIEVED, now_s, done.reason, done.numbers)
            held_s = now_s - self._settle_s
            settled = held_s >= call.contract.settle_s - 1e-9
            if settled and not self._goes_on(observation, now_s, held_s - call.contract.settle_s):
                self._next(now_s, f"held for {held_s:.2f} s")
            return
        if self.state is State.SETTLING:
            self._signal(Signal.LOST, now_s, done.reason, done.numbers)
        for watch in self._watches:
            alarm = watch.check(call, observation, facts, self._steering.spent_s)
            if alarm is not None:
                self._break(call, alarm.reason, facts, now_s)
                return
        if self._steering.spent_s >= call.contract.duration_s - 1e-9:
            reason = f"not done after {call.contract.duration_s:g} s: {done.reason}"
            self._break(call, reason, facts, now_s)

    def _goes_on(self, observation: Observation, now_s: float, spent_s: float) -> bool:
        """Whether the skill that is done moves on, because its motion leads to a better start."""
        if not self.options.seeks:
            return False
        ahead = self._ahead()
        goes_on, decision = self._seam.lingers(self._skills, ahead, observation, now_s, spent_s)
        if decision is not None:
            reason = f"{ahead.following}: {decision.reason}"
            self._log("continues", now_s, reason, decision.numbers)
        return goes_on

    def _ask(self, observation: Observation, now_s: float) -> None:
        call = self.call
        assert call is not None
        self._asked = self._next_id
        self._next_id += 1
        seen, spec = self._steering.seen(call, observation), self._skill(call).policy.chunk_spec
        running, spec = self._course.trajectory, self._steering.paced(spec)
        request, first, seen = self._asking.request(call, seen, spec, running, now_s)
        self._requests.append(ChunkQuery(self._asked, call, self._index, first, seen, request))

    # ---------------------------------------------------------------- replies

    def _take_chunk(self, reply: ChunkReply, facts: Facts, now_s: float) -> None:
        if reply.id != self._asked or self.state not in ACTIVE:
            self._log("stale", now_s, f"reply {reply.id} is not waited for any more")
            return
        self._asked = None
        self._asking.answered(now_s)
        call = self.call
        assert call is not None
        path: Trajectory | str = reply.error or "no chunk came"
        chunk = reply.chunk and self._steering.paced(reply.chunk)
        if chunk is not None:
            path = refusal(chunk, call.contract, self._robot)
            running = self._course.trajectory
            place = place_of(self.state, now_s - self._began_s, first=self._first)
            path = path or self._lander.land(chunk, running, now_s, place)
        if isinstance(path, str) or chunk is None:
            self._refuse(call, str(path), facts, now_s)
            return
        self._course.follow(path, now_s)
        self._asking.used(chunk, self._skill(call).policy.chunk_spec, now_s)
        if self.state is State.WAITING:
            self._signal(Signal.CHUNK, now_s, "first chunk", {"late_s": now_s - chunk.start_s})

    def _refuse(self, call: Call, reason: str, facts: Facts, now_s: float) -> None:
        """Hold and ask once more; the second refusal in a row is a failure."""
        self._asking.refusals += 1
        self._signal(Signal.REFUSED, now_s, f"chunk refused: {reason}")
        if self._asking.refusals > 1:
            self._break(call, f"two chunks refused: {reason}", facts, now_s)
            return
        self._seam.rest(now_s)
        self._asking.again(now_s)

    def _take_plan(self, reply: PlanReply, now_s: float) -> None:
        if reply.id != self._asked or self.state is not State.REPLANNING:
            self._log("stale", now_s, f"plan {reply.id} is not waited for any more")
            return
        if isinstance(reply.outcome, Refusal):
            self._signal(Signal.GIVE_UP, now_s, f"no new plan: {reply.outcome.message}")
            return
        self._clear_plan(reply.outcome, now_s)
        calls = ", ".join(str(call) for call in reply.outcome.calls)
        self._signal(Signal.PLANNED, now_s, f"new plan: {calls}")

    # ---------------------------------------------------------------- from call to call

    def _next(self, now_s: float, reason: str) -> None:
        """The call is over: naive stops where the command is, the others run on until joined."""
        self._signal(Signal.NEXT, now_s, reason)
        self._index += 1
        self._steering.next_call()
        self._asked, self._since_s = None, now_s
        self._seam.next_call()
        if not self.options.smooth:
            self._course.rest(now_s)

    def _finish(self, facts: Facts, now_s: float) -> None:
        assert self._plan is not None
        unmet = self._plan.goal.unmet(facts)
        if unmet and self._plan.calls:
            if now_s - self._since_s >= self.options.patience_s - 1e-9:
                last = self._plan.calls[self._order[-1]]
                self._break(last, "goal not reached: " + " and ".join(unmet), facts, now_s)
        elif unmet:
            self._signal(Signal.GIVE_UP, now_s, "an empty plan, and the goal does not hold")
        else:
            if self._ahead().following is None:
                self._seam.rest(now_s)
            self._signal(Signal.FINISHED, now_s, f"goal holds: {self._plan.goal}")

    def _break(
        self, call: Call, reason: str, facts: Facts, now_s: float, *, lasting: bool = False
    ) -> None:
        """A call has failed: come to rest, and ask for a new plan if there may be one."""
        assert self._plan is not None
        self._seam.rest(now_s)
        self._failures.append(Failure(call, reason, facts, lasting))
        if self.replans >= self.options.replans:
            self._signal(Signal.GIVE_UP, now_s, reason)
            return
        self.replans += 1
        self._signal(Signal.BROKEN, now_s, reason, {"replans": float(self.replans)})
        self._query(self._plan.goal, facts)

    def _take_corrections(self, facts: Facts, now_s: float) -> None:
        """What was said since the last tick; only a stop means anything while nothing runs."""
        said, self._said = self._said, []
        for correction, text in said:
            plan = self._plan
            if self.state in FINAL or plan is None:
                self._log("unheard", now_s, f"'{text}': nothing runs")
            elif isinstance(correction, Stop):
                self.cancel(f"corrected: '{text}'")
            elif not isinstance(correction, Instead):
                self._log("steered", now_s, f"'{text}': {self._steering.take(correction)}")
                if self.state in ACTIVE:
                    # What is on its way was made for what is no longer so.
                    self._asked = None
                    self._asking.again(now_s)
            elif (goal := corrected_goal(plan.goal, correction)) == plan.goal:
                self._log("unheard", now_s, f"'{text}': the goal does not name {correction.old}")
            else:
                self._plan = replace(plan, goal=goal)
                self._seam.rest(now_s)
                self._signal(Signal.CORRECTED, now_s, f"'{text}': {correction}")
                self._query(goal, facts)

    def _query(self, goal: Condition, facts: Facts) -> None:
        self._asked = self._next_id
        self._next_id += 1
        self._requests.append(PlanQuery(self._asked, goal, facts, tuple(self._failures)))

    def _cancel(self, now_s: float) -> None:
        if self.state not in FINAL:
            self._seam.rest(now_s)
            self._signal(Signal.CANCEL, now_s, self._cancelled)
        self._cancelled = ""

    # ---------------------------------------------------------------- small words

    def _ahead(self) -> Ahead:
        """What comes after the present call."""
        assert self._plan is not None
        return Ahead.in_line([self._plan.calls[i] for i in self._order[self._index + 1 :]])

    def _skill(self, call: Call) -> ReadySkill:
        """What runs the call; there is one, or it would not have begun."""
        skill = ready(self._skills, call.contract)
        assert skill is not None
        return skill

    def _clear_plan(self, plan: Plan | None, now_s: float) -> None:
        self._plan = plan
        self._order = call_order(plan) if plan is not None else ()
        self._index, self._asked = 0, None
        self._seam.next_call()
        self._steering.next_call()
        self._since_s = now_s

    def _signal(self, signal: Signal, now_s: float, reason: str, numbers: Numbers = None) -> None:
        self.state = TRANSITIONS[self.state, signal]
        self._log(signal.value, now_s, reason, numbers)

    def _log(self, kind: str, now_s: float, reason: str, numbers: Numbers = None) -> None:
        call = "" if self.call is None else str(self.call)
        self._events.append(Event(now_s, kind, self.state.value, call, reason, numbers or {}))
