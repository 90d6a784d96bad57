"""What flows at run time: observations, action chunks, trajectories and commands.

Legend: `D` all commanded joints of the robot, `H` actions of a chunk, `A` width of an action,
`T` knots of a trajectory, `N` entities of the scene, `S` slots of focus, `K` numbers an entity,
`P` numbers of a call.
Time is the world's clock in s. Arrays are never written to after construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import SpecError, UnknownNameError
from .pose import Array, Pose

ENTITY_NAMES: tuple[str, ...] = (
    *("x", "y", "z", "qw", "qx", "qy", "qz"),
    *("spot_x", "spot_y", "spot_z"),
    *("half_x", "half_y", "half_z"),
    *("articulation", "symmetry", "valid"),
)
"""The K numbers of an entity, in order; see `EntityState`."""

ENTITY_WIDTH = len(ENTITY_NAMES)


@dataclass(frozen=True, slots=True)
class EntityState:
    """A named thing as the robot sees it now: an object, a fixture or a support.

    Attributes:
        pose: `pose_world_entity`; of a drawer its handle frame, of a button its cap.
        spot: (3,) m, where the next object would be put in or on it (free of others);
            equals the top centre for things that only carry one.
        half_extents: (3,) m, of its bounding box.
        articulation: 0 closed or released to 1 fully open or pressed; 0 for rigid things.
        symmetry: n if it looks the same after a turn of 2 pi / n about its z axis.
        age_s: since it was last seen; `valid` is False if it never was.
        tags: what it is, such as `object`, `support` or `obstacle`, where that is known.
    """

    name: str
    pose: Pose
    spot: Array
    half_extents: Array
    articulation: float = 0.0
    symmetry: int = 1
    covariance: Array | None = None
    age_s: float = 0.0
    valid: bool = True
    tags: frozenset[str] = frozenset()

    def row(self) -> Array:
        """Array (K,) in the order of `ENTITY_NAMES`."""
        return np.concatenate(
            [
                self.pose.position,
                self.pose.quaternion,
                self.spot,
                self.half_extents,
                [self.articulation, float(self.symmetry), float(self.valid)],
            ]
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is known at one instant.

    Attributes:
        time_s: the world's clock.
        position, velocity, effort: (D,) measured; a gripper's position is its opening in m.
        tools: `pose_world_tool` a hand, measured.
        entities: by name, in the scene's order.
        focus: names of what the running call is about, in parameter order: entities and targets.
        images: (height, width, 3) uint8 by camera; empty unless asked for.
        stamps: time of each key in s where it differs from `time_s`.
        targets: places that the running call names, as things that are not in the scene.
        arguments: (P,) numbers that the running call names, in parameter order, SI units.
        hands: that the running call uses: its own, then those that it names; none: the first.
    """

    time_s: float
    position: Array
    velocity: Array
    effort: Array
    tools: Mapping[str, Pose]
    entities: Mapping[str, EntityState]
    focus: tuple[str, ...] = ()
    images: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    stamps: Mapping[str, float] = field(default_factory=dict)
    wrench: Array | None = None
    language: str = ""
    targets: Mapping[str, EntityState] = field(default_factory=dict)
    arguments: Array = field(default_factory=lambda: np.empty(0))
    hands: tuple[str, ...] = ()

    def with_focus(
        self,
        names: Sequence[str],
        targets: Mapping[str, EntityState] | None = None,
        arguments: Array | Sequence[float] = (),
        hands: Sequence[str] = (),
    ) -> Observation:
        """The same observation, about these entities, targets and numbers, for these hands.

        Raises UnknownNameError for a name that is neither an entity nor a target.
        """
        places = dict(targets or {})
        for name in names:
            if name not in self.entities and name not in places:
                raise UnknownNameError("entity", name, self.entities, where="focus")
        numbers = np.array(arguments, dtype=float)
        return replace(
            self, focus=tuple(names), targets=places, arguments=numbers, hands=tuple(hands)
        )

    def focused(self) -> tuple[EntityState, ...]:
        """The S things in focus, in their order."""
        return tuple(
            self.targets[name] if name in self.targets else self.entities[name]
            for name in self.focus
        )

    def tool(self, hand: str = "") -> Pose:
        """Measured tool pose of a hand; without a name, of the first."""
        return self.tools[hand] if hand else next(iter(self.tools.values()))

    def values(self) -> dict[str, Any]:
        """The observation under LeRobot's keys; see the data page for each key's meaning.

        `observation.state` (D,), `.velocity` (D,), `.effort` (D,), `.tool_pose` (7 * hands,),
        `.environment_state` (N * K,), `.focus` (S, K), `.images.CAMERA` (height, width, 3), and
        `.arguments` (P,) where the call names numbers.
        """
        rows = {name: entity.row() for name, entity in self.entities.items()}
        focus = [thing.row() for thing in self.focused()]
        out: dict[str, Any] = {
            "observation.state": self.position,
            "observation.velocity": self.velocity,
            "observation.effort": self.effort,
            "observation.tool_pose": np.concatenate([p.array() for p in self.tools.values()]),
            "observation.environment_state": np.concatenate([*rows.values(), np.empty(0)]),
            "observation.focus": np.array(focus).reshape(len(focus), ENTITY_WIDTH),
        }
        if self.arguments.size:
            out["observation.arguments"] = self.arguments
        for camera, image in self.images.items():
            out[f"observation.images.{camera}"] = image
        return out


@dataclass(frozen=True, slots=True)
class Command:
    """What goes to the servo for one period: position, velocity, acceleration, each (D,).

    `RobotSpec.part(name).slice` finds a part (arm, gripper, second arm, base) in it.
    """

    position: Array
    velocity: Array
    acceleration: Array

    @classmethod
    def hold(cls, position: Array) -> Command:
        """Stand still at `position` (D,)."""
        zero = np.zeros_like(position)
        return cls(np.array(position, dtype=float), zero, zero)


@dataclass(frozen=True, slots=True)
class ActionChunk:
    """H actions; action k is to be reached at `start_s + (k + 1) * step_s`.

    Attributes:
        values: (H, A). In frame `joint`: A = D. In frame `tool`: position (3,) in m and rotation
            vector (3,) in rad of the tool relative to `reference`, then the gripper opening in m.
        reference: `pose_world_tool` at the chunk's observation, for frame `tool`.
    """

    start_s: float
    step_s: float
    frame: Literal["joint", "tool"]
    values: Array
    reference: Pose | None = None
    hand: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or not len(self.values):
            raise SpecError(
                "not a chunk", expected="values (H, A), H > 0", got=f"{self.values.shape}"
            )
        if self.frame == "tool" and self.reference is None:
            raise SpecError("a chunk in the tool's frame needs its reference pose")

    @property
    def finite(self) -> bool:
        """No NaN or infinity in it; others are refused by the executor."""
        return bool(np.isfinite(self.values).all())


@dataclass(frozen=True, slots=True)
class ChunkRequest:
    """What is asked of a policy beside the observation.

    Attributes:
        start_s: when the chunk's first step begins.
        delay_s: expected time until the reply; the chunk begins to act that much later.
        prefix: (P, A) actions of what runs already, from `start_s` on and in the chunk's frame;
            None where nothing runs.
        committed: how many of the first rows of `prefix` will be carried out before the reply can
            act, and so stand; the rows after them only guide. None: all of them stand.
        cost: differentiable cost on the clean chunk estimate, or None (see policies).
    """

    start_s: float
    delay_s: float = 0.0
    prefix: Array | None = None
    committed: int | None = None
    cost: Any = None


@dataclass(frozen=True, slots=True)
class ChunkSpec:
    """What a policy's chunks look like: H, step, how many actions to execute, frame, width A."""

    horizon: int
    step_s: float
    execute: int
    frame: Literal["joint", "tool"]
    width: int

    def __post_init__(self) -> None:
        if not 1 <= self.execute <= self.horizon:
            raise SpecError("chunk", expected="1 <= execute <= horizon", got=str(self))


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Joint space over time: cubic Hermite between knots, at rest before and after.

    Attributes:
        times_s: (T,) strictly increasing knots.
        position, velocity: (T, D) at the knots.
    """

    times_s: Array
    position: Array
    velocity: Array

    def __post_init__(self) -> None:
        ok = self.position.shape == self.velocity.shape and len(self.times_s) == len(self.position)
        if not ok or not len(self.times_s):
            raise SpecError("trajectory", expected="times (T,), position and velocity (T, D)")
        if not np.all(self.times_s[1:] > self.times_s[:-1]):
            raise SpecError(
                "trajectory", expected="strictly increasing times", got=str(self.times_s)
            )

    @classmethod
    def hold(cls, time_s: float, position: Array) -> Trajectory:
        """Stand at `position` (D,) for ever."""
        return cls(np.array([time_s]), position[None].copy(), np.zeros((1, len(position))))

    @property
    def start_s(self) -> float:
        """Time of the first knot."""
        return float(self.times_s[0])

    @property
    def end_s(self) -> float:
        """Time of the last knot; it holds afterwards."""
        return float(self.times_s[-1])

    def at(self, time_s: float) -> Command:
        """The command at a time: position, velocity and acceleration, each (D,)."""
        times = self.times_s
        if time_s <= times[0] or len(times) == 1:
            if time_s < times[0] or len(times) == 1:
                return Command.hold(self.position[0])
        elif time_s >= times[-1]:
            if time_s > times[-1]:
                return Command.hold(self.position[-1])
            return Command(self.position[-1], self.velocity[-1], np.zeros_like(self.velocity[-1]))
        i = max(0, min(int(np.searchsorted(times, time_s, side="right")) - 1, len(times) - 2))
        span = times[i + 1] - times[i]
        u = (time_s - times[i]) / span
        p0, p1 = self.position[i], self.position[i + 1]
        m0, m1 = span * self.velocity[i], span * self.velocity[i + 1]
        rise = p1 - p0
        c2, c3 = 3 * rise - 2 * m0 - m1, m0 + m1 - 2 * rise
        return Command(
            p0 + u * (m0 + u * (c2 + u * c3)),
            (m0 + u * (2 * c2 + 3 * u * c3)) / span,
            (2 * c2 + 6 * u * c3) / span**2,
        )
