"""How a scene is posed and disturbed: setters for tasks, perturbations for tests of robustness.

None of it advances the world's clock; call `begin` when the start is as it should be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import (
    Array,
    AtomTable,
    Command,
    ConfigError,
    Facts,
    Observation,
    Pose,
    RobotSpec,
    UnknownNameError,
)
from kata.datasets.types.pose import quat_conjugate, quat_rotate, yaw_quat

from .robots import RobotModel
from .robots.drive import Drive
from .scene.build import ROBOT
from .scene.config import Area, TableWorldConfig
from .scene.fixtures import OBSTACLE, EntityDef
from .scene.reader import SceneReader
from .sleep import wake

Push = tuple[int, tuple[float, ...], int]
"""Body, force (3,) in N, remaining periods."""

Moment = tuple[int, Array, NDArray[np.int8], frozenset[str], list[Push]]
"""Ticks, commanded joints (D,), facts (M,), latched buttons, pushes: what physics leaves out."""

_SETTLE_STEPS = 60
_SQUEEZE_M = 0.01


class Posing:
    """The setters of a `TableWorld`; state belongs to that class."""

    config: TableWorldConfig
    robot: RobotSpec
    robot_model: RobotModel
    model: mujoco.MjModel
    data: mujoco.MjData
    drive: Drive
    reader: SceneReader
    entities: tuple[EntityDef, ...]
    atoms: AtomTable

    def observe(self) -> Observation:
        """What is known now."""
        raise NotImplementedError

    def _stale(self) -> None:
        raise NotImplementedError

    def _sync(self) -> None:
        raise NotImplementedError

    def _remember(self) -> None:
        raise NotImplementedError

    def _prepare_posing(self) -> None:
        model = self.model
        self._ticks, self._seed, self._synced = 0, 0, False
        self._observation: Observation | None = None
        self._facts: Facts | None = None
        self._truth: NDArray[np.int8] = np.zeros(0, dtype=np.int8)
        self._commanded = self.robot.home.copy()
        self._latched: frozenset[str] = frozenset()
        self._pushes: list[Push] = []
        self._bumped: frozenset[str] = frozenset()
        self._changes: dict[str, dict[str, float]] = {}
        self._base = (model.body_mass.copy(), model.body_inertia.copy(), model.geom_friction.copy())
        self._scratch = mujoco.MjData(model)
        geoms = model.geom_bodyid
        self._obstacles = [
            (e.name, np.flatnonzero(geoms == model.body(e.body).id))
            for e in self.entities
            if OBSTACLE in e.tags
        ]
        self._buttons = [
            (
                e.name,
                int(model.joint(e.joint).qposadr[0]),
                model.equality(f"{e.name}_latch").id,
                e.travel_m,
            )
            for e in self.entities
            if "button" in e.tags
        ]

    # ------------------------------------------------------------ start states
    @property
    def commanded(self) -> Array:
        """(D,) joint targets of the last command."""
        return self._commanded.copy()

    def begin(self) -> Observation:
        """Take the present state as the start: clock at zero, facts and forces anew."""
        wake(self.model, self.data)
        self._ticks = 0
        self.data.time = 0.0
        self.data.qacc_warmstart[:] = 0.0
        self._truth = np.zeros(0, dtype=np.int8)
        self._bumped = frozenset()
        self._stale()
        self._remember()
        return self.observe()

    def set_joints(self, position: Array) -> None:
        """Put the robot at (D,), at rest, commanded to stay there."""
        self.drive.place(self.data, position)
        self._commanded = self.robot.limits.clip(position)
        self._stale()

    def set_speeds(self, part: str, velocity: Array) -> None:
        """Let the joints of an arm move with (J,) rad/s, where they are. Raises SpecError."""
        wake(self.model, self.data)
        for joint, speed in zip(self.robot.part(part).joints, velocity, strict=True):
            address = int(self.model.joint(ROBOT + joint).dofadr[0])
            self.data.qvel[address] = speed
        self._stale()

    def set_object(self, name: str, pose: Pose) -> None:
        """Put an object at a pose, at rest. Raises UnknownNameError."""
        entity = self._entity(name, "object")
        wake(self.model, self.data)
        joint = self.model.joint(entity.name)
        start, speed = int(joint.qposadr[0]), int(joint.dofadr[0])
        self.data.qpos[start : start + 7] = pose.array()
        self.data.qvel[speed : speed + 6] = 0.0
        self._stale()

    def stand(self, name: str, position: Sequence[float]) -> None:
        """Put an obstacle's foot at (3,). Raises UnknownNameError."""
        entity = self._entity(name, OBSTACLE)
        wake(self.model, self.data)
        row = int(self.model.body(entity.body).mocapid[0])
        self.data.mocap_pos[row] = np.add(position, (0.0, 0.0, entity.half[2]))
        self._stale()

    def clear_way(self) -> None:
        """Put all obstacles back where the scene's configuration has them."""
        for item in self.config.obstacles:
            self.stand(item.name, item.position)

    def set_opening(self, name: str, share: float) -> None:
        """Slide a drawer to a share of its travel, 0 closed to 1 open. Raises UnknownNameError.

        What lies in it is moved along.
        """
        entity = self._entity(name, "openable")
        wake(self.model, self.data)
        joint = self.model.joint(entity.joint)
        self._sync()
        inside = [n for n in self._objects() if self._inside(n, entity)]
        tray = self.model.body(entity.region_body).id
        before = self.data.xpos[tray].copy()
        self.data.qpos[int(joint.qposadr[0])] = min(1.0, max(0.0, share)) * entity.travel_m
        self.data.qvel[int(joint.dofadr[0])] = 0.0
        self._stale()
        self._sync()
        for moved in inside:
            start = int(self.model.joint(moved).qposadr[0])
            self.data.qpos[start : start + 3] += self.data.xpos[tray] - before
        self._stale()

    def scatter(self, rng: np.random.Generator, names: Sequence[str] = ()) -> None:
        """Put objects (all by default) anywhere in their areas with any yaw, not overlapping.

        The others stay and are kept clear of. Raises ConfigError where there is no room.
        """
        wanted = list(names) or self._objects()
        areas = self._areas(wanted, rng)
        taken = [self._place_of(n)[:2] for n in self._objects() if n not in wanted]
        taken += [self.data.mocap_pos[row][:2].copy() for row in self._feet()]
        for name in wanted:
            half = self._entity(name, "object").half
            x0, x1, y0, y1 = areas[name]
            for _ in range(2000):
                spot = np.array([rng.uniform(x0, x1), rng.uniform(y0, y1)])
                if all(np.hypot(*(spot - other)) >= self.config.gap_m for other in taken):
                    break
            else:
                raise ConfigError(
                    "no room for all objects",
                    where="world.area",
                    expected=f"free places {self.config.gap_m} m apart for {len(wanted)}",
                    got=str(areas[name]),
                )
            taken.append(spot)
            yaw = rng.uniform(-np.pi, np.pi)
            self.set_object(name, Pose(np.array([*spot, half[2]]), yaw_quat(yaw)))

    def _areas(self, names: Sequence[str], rng: np.random.Generator) -> dict[str, Area]:
        """Where each object goes: the zones in turn, in an order of chance."""
        zones = self.config.zones
        if not zones:
            return dict.fromkeys(names, self.config.area)
        order = rng.permutation(len(names)).tolist()
        return {name: zones[k % len(zones)] for name, k in zip(names, order, strict=True)}

    def grasp(self, name: str, offset: Pose | None = None, hand: str = "") -> bool:
        """Put an object between the fingers and close them; True if it is held afterwards.

        `offset` is `pose_tool_object`; the arm stays where it is.
        """
        spec = self.robot.hand(hand)
        self._sync()
        tool = self.reader.tools()[spec.name]
        pose = tool @ (offset or Pose.identity())
        self.set_object(name, pose)
        turn = quat_conjugate(pose.quaternion)
        across = quat_rotate(turn, quat_rotate(tool.quaternion, np.array([0.0, 1.0, 0.0])))
        width = 2 * float(np.abs(across) @ np.array(self._entity(name, "object").half))
        position = self.drive.position(self.data)
        gripper = self.robot.part(spec.gripper).slice
        position[gripper] = width + 0.002
        self.set_joints(position)
        position[gripper] = max(0.0, width - _SQUEEZE_M)
        self.settle(position)
        pairs = self.reader.touching()
        hands = self.robot_model.description.hands
        fingers = next(own.fingers for own in hands if own.name == spec.name)
        return all(frozenset((name, f"{spec.name}.{side}")) in pairs for side in fingers)

    def settle(self, position: Array, steps: int = _SETTLE_STEPS) -> None:
        """Let the physics run `steps` with the robot commanded to (D,), off the clock."""
        self.drive.command(self.data, Command.hold(position))
        self._commanded = self.robot.limits.clip(position)
        mujoco.mj_step(self.model, self.data, steps)
        self.data.qvel[:] = 0.0
        self._stale()
        self._sync()

    # ------------------------------------------------------------ perturbations
    def push(self, name: str, force_n: Sequence[float], duration_s: float) -> None:
        """Push an object, or a body of the robot, with a force (3,) in the world's frame.

        Acts from the next period on. Raises UnknownNameError.
        """
        ticks = max(1, round(duration_s / self.config.period_s))
        force = tuple(float(f) for f in force_n)
        self._pushes = [*self._pushes, (self._body(name), force, ticks)]

    def _apply_pushes(self) -> None:
        self.data.xfrc_applied[:] = 0.0
        for body, force, _ in self._pushes:
            self.data.xfrc_applied[body, :3] += force
        self._pushes = [(b, f, t - 1) for b, f, t in self._pushes if t > 0]
        if not self._pushes:
            self.data.xfrc_applied[:] = 0.0

    def set_mass(self, name: str, mass_kg: float) -> None:
        """Change an object's mass until the next reset. Raises UnknownNameError, ConfigError."""
        self._change(name, "mass_kg", mass_kg)

    def set_friction(self, name: str, friction: float) -> None:
        """Change an object's sliding friction until the next reset."""
        self._change(name, "friction", friction)

    def _change(self, name: str, kind: str, value: float) -> None:
        self._entity(name, "object")
        if not value > 0:
            raise ConfigError(f"{kind} of {name}", expected="more than 0", got=str(value))
        wake(self.model, self.data)
        changes = {k: dict(v) for k, v in self._changes.items()}
        changes.setdefault(name, {})[kind] = float(value)
        self._restore_model(changes)
        self._stale()

    def _restore_model(self, changes: Mapping[str, Mapping[str, float]]) -> None:
        """Make the model the configured one with these changes."""
        if changes == self._changes:
            return
        model = self.model
        model.body_mass[:], model.body_inertia[:], model.geom_friction[:] = self._base
        for name, values in changes.items():
            body = model.body(name).id
            if "mass_kg" in values:
                model.body_inertia[body] *= values["mass_kg"] / model.body_mass[body]
                model.body_mass[body] = values["mass_kg"]
            if "friction" in values:
                model.geom_friction[model.geom_bodyid == body, 0] = values["friction"]
        mujoco.mj_setConst(model, self._scratch)
        self._changes = {name: dict(values) for name, values in changes.items()}

    # ------------------------------------------------------------ names
    def _objects(self) -> list[str]:
        return [entity.name for entity in self.entities if "object" in entity.tags]

    def _entity(self, name: str, tag: str) -> EntityDef:
        for entity in self.entities:
            if entity.name == name and tag in entity.tags:
                return entity
        raise UnknownNameError(tag, name, [e.name for e in self.entities if tag in e.tags])

    def _body(self, name: str) -> int:
        bodies = [self.model.body(i).name for i in range(1, self.model.nbody)]
        names = {b.removeprefix(ROBOT): b for b in bodies if b.startswith(ROBOT)}
        names |= {n: n for n in self._objects()}
        if name not in names:
            raise UnknownNameError("object or robot body", name, names)
        return int(self.model.body(names[name]).id)

    def _feet(self) -> list[int]:
        """Rows of the obstacles among the bodies that are posed."""
        bodies = [e.body for e in self.entities if OBSTACLE in e.tags]
        return [int(self.model.body(body).mocapid[0]) for body in bodies]

    def _place_of(self, name: str) -> Array:
        start = int(self.model.joint(name).qposadr[0])
        return np.array(self.data.qpos[start : start + 3])

    def _inside(self, name: str, entity: EntityDef) -> bool:
        body = self.model.body(entity.region_body).id
        local = self.data.xmat[body].reshape(3, 3).T @ (self._place_of(name) - self.data.xpos[body])
        return bool(np.all(np.abs(local - entity.region_centre) <= entity.region_half))
