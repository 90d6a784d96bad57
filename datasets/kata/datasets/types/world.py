"""The protocols at run time: what a robot lives in, how tool poses become joints, a policy.

Any class with these methods will do; the contract tests in each area's `testing.py` check them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from .facts import DEFAULT_HAND, Facts
from .pose import Array, Pose
from .robot import RobotSpec
from .signals import ActionChunk, ChunkRequest, ChunkSpec, Command, Observation, Trajectory
from .spec import FeatureSpec

FRAME_S = 0.05
"""Period of policies, facts and recorded frames; a whole multiple of a world's period."""


@runtime_checkable
class Kinematics(Protocol):
    """The one place where tool poses become joints."""

    def follow(self, chunk: ActionChunk, now: Command) -> Trajectory:
        """Joint trajectory that starts as `now` at `chunk.start_s` and passes the actions.

        Starts with the position and velocity of `now`, respects position limits, and comes to
        rest after the last action. Raises SpecError for a chunk of another width.
        """

    def forward(self, position: Array, hand: str = "") -> Pose:
        """`pose_world_tool` at joint position (D,)."""

    def solve(self, pose: Pose, seed: Array, hand: str = "") -> Array | None:
        """Joint position (D,) that puts the tool at `pose`, near `seed`; None out of reach."""


class World(Protocol):
    """What a robot lives in, simulated or real. Its servo period is the only clock."""

    robot: RobotSpec
    kinematics: Kinematics
    period_s: float

    def observe(self) -> Observation:
        """What is known now."""

    def facts(self) -> Facts:
        """What holds now."""

    def apply(self, command: Command) -> None:
        """Send a command; advances, or waits, exactly `period_s`."""


class SimWorld(World, Protocol):
    """A world that can be set back."""

    def reset(self, seed: int) -> Observation:
        """Start anew; equal seeds give equal worlds to the bit."""

    def snapshot(self) -> bytes:
        """The whole state: physics, facts' hysteresis, random generators."""

    def restore(self, state: bytes) -> None:
        """Return to a snapshot. Raises SimulationError for one of another scene."""

    def clearance_m(self, position_rad: Array, carried: Sequence[str] = ()) -> float:
        """Least distance of the robot at joints (D,) from everything else; negative in contact.

        What is `carried` moves with the tool and counts as the robot. Raises UnknownNameError for
        what cannot be carried.
        """


@dataclass(frozen=True, slots=True)
class Episode:
    """What one trial is about: the call, its goal as condition text, and a time limit.

    `hand` is whose call it is, on a robot with several.
    """

    skill: str
    arguments: Mapping[str, str]
    goal: str
    limit_s: float
    hand: str = DEFAULT_HAND

    @property
    def call(self) -> str:
        """The call as text, such as `pick(red_cube)` or `pick(red_cube, hand=left)`."""
        shown = [*self.arguments.values()]
        if self.hand != DEFAULT_HAND:
            shown.append(f"hand={self.hand}")
        return f"{self.skill}({', '.join(shown)})"


@runtime_checkable
class TrialWorld(SimWorld, Protocol):
    """A world whose `reset` also poses a task: evaluation and recording run on it."""

    episode: Episode


MakeWorld = Callable[[], TrialWorld]
"""Picklable; each worker process builds its own world with it."""


class Policy(Protocol):
    """Chunks of actions from observations. Experts, learned and wrapped policies alike."""

    spec: FeatureSpec
    chunk_spec: ChunkSpec

    def reset(self, seed: int) -> None:
        """Begin an episode; equal seeds give equal chunks."""

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The next actions. Raises SpecError where the observation does not fit `spec`."""
