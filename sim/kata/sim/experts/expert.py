"""A recipe as a `Policy`: look, decide on a target, plan the first steps of the way there."""

from __future__ import annotations

from collections.abc import Callable

from kata.datasets.types import (
    ENTITY_NAMES,
    ENTITY_WIDTH,
    FRAME_S,
    ActionChunk,
    ChunkRequest,
    ChunkSpec,
    FeatureSpec,
    KeySpec,
    Kinematics,
    Observation,
    RobotSpec,
    SpecError,
)
from kata.datasets.types.overlap import check_overlap, joined
from kata.datasets.types.pose import Array, quat_conjugate, quat_log, quat_multiply

from .motion import MotionLimits, path, sinks
from .sight import Sight, Target

HORIZON, EXECUTE = 8, 4
_PROBE_S = 0.01


class Expert:
    """A scripted policy without memory: equal observations give equal chunks.

    Args:
        skill: for messages; the call's arguments come as `Observation.focus`, its hands as
            `Observation.hands`, and without any its hand is the robot's first.
        rule: what to do next, from what each of its hands sees.
        slots: how many entities the call names; `hands` how many hands it uses.

    It implements `Policy`; chunks are in frame `tool`, each of one hand. `phase` says in a word
    what the last chunk was for, and `sinks` whether the tool had left its travelling height.

    Raises:
        SpecError: the robot has fewer hands.
    """

    def __init__(
        self,
        skill: str,
        rule: Callable[..., Target],
        slots: int,
        robot: RobotSpec,
        kinematics: Kinematics,
        limits: MotionLimits | None = None,
        hands: int = 1,
    ) -> None:
        if len(robot.hands) < hands:
            raise SpecError(
                f"a robot with too few hands for the expert '{skill}'",
                where=robot.name,
                expected=str(hands),
                got=str(len(robot.hands)),
                hint="two_pandas is a robot with two hands, and two_arms a scene for it",
            )
        self.skill, self._rule, self._slots = skill, rule, slots
        self._robot, self._kinematics = robot, kinematics
        self._limits = limits or MotionLimits()
        self._hands = hands
        self.phase, self.sinks = "", False
        self.chunk_spec = ChunkSpec(HORIZON, FRAME_S, EXECUTE, "tool", 7)
        joints = KeySpec("float64", (robot.size,), robot.joints)
        self.spec = FeatureSpec.of(
            {
                "observation.state": joints,
                "observation.velocity": joints,
                "observation.tool_pose": KeySpec("float64", (7 * len(robot.hands),)),
                "observation.focus": KeySpec("float64", (slots, ENTITY_WIDTH), ENTITY_NAMES),
            }
        )

    def reset(self, seed: int) -> None:
        """Begin an episode; there is nothing to forget but the phase."""
        self.phase, self.sinks = "", False

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The first steps towards the recipe's target.

        They go on from a prefix by least squares. Raises SpecError for an observation of another
        robot or without the call's entities, for a prefix that does not fit, and for a cost: a
        recipe cannot be steered.
        """
        if request.cost is not None:
            raise SpecError("a scripted expert cannot be steered by a cost", where=self.skill)
        if len(observation.focus) != self._slots or observation.position.shape != (
            self._robot.size,
        ):
            raise SpecError(
                f"an observation that does not fit the expert '{self.skill}'",
                expected=f"{self._slots} names in focus, D = {self._robot.size}",
                got=f"{observation.focus}, D = {observation.position.size}",
            )
        if observation.velocity.shape != observation.position.shape:
            raise SpecError(
                f"an observation without velocity for the expert '{self.skill}'",
                where="observation.velocity",
                expected=f"D = {self._robot.size}",
                got=f"D = {observation.velocity.size}",
            )
        names = observation.hands or ("",) * (self._hands == 1)
        if len(names) != self._hands:
            raise SpecError(
                f"a call without the hands of the expert '{self.skill}'",
                expected=f"{self._hands}, of {', '.join(h.name for h in self._robot.hands)}",
                got=", ".join(names) or "none",
            )
        hands = [self._robot.hand(name) for name in names]
        target = self._rule(*(Sight.of(observation, self._robot, hand) for hand in hands))
        self.phase = target.phase
        hand = target.hand or hands[0].name
        tool = observation.tool(hand)
        self.sinks = sinks(tool, target, self._limits)
        velocity, turning = self._motion(observation, hand)
        values = path(tool, velocity, turning, target, HORIZON, FRAME_S, self._limits)
        check_overlap(request.prefix, request.committed, *values.shape)
        values = joined(values, request.prefix, request.committed)
        return ActionChunk(request.start_s, FRAME_S, "tool", values, tool, hand)

    def _motion(self, observation: Observation, hand: str) -> tuple[Array, Array]:
        """The velocity (3,) m/s and turning (3,) rad/s of a hand's tool, from the joints'."""
        ahead = observation.position + observation.velocity * _PROBE_S
        now = self._kinematics.forward(observation.position, hand)
        then = self._kinematics.forward(ahead, hand)
        turn = quat_log(quat_multiply(then.quaternion, quat_conjugate(now.quaternion)))
        return (then.position - now.position) / _PROBE_S, turn / _PROBE_S
