"""The table world: a robot of one arm or several, objects and fixtures, on MuJoCo.

Implements `SimWorld`. Reproducible to the bit by seed on one machine. Legend: `D` joints,
`M` atoms.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import (
    Array,
    Command,
    Facts,
    Observation,
    SimulationError,
    UnknownNameError,
)

from . import predicates
from . import state as codec
from .posing import Moment, Posing
from .robots import RobotModel, load
from .robots.drive import Drive
from .robots.kinematics import ToolKinematics
from .scene.build import ROBOT, build_scene
from .scene.clearance import Clearance
from .scene.config import TableWorldConfig
from .scene.noise import noisy
from .scene.reader import SceneReader
from .scene.touch import TouchForce
from .scene.view import SceneView
from .sleep import restore_state

_LOG = logging.getLogger(__name__)
# Without this MuJoCo writes a file MUJOCO_LOG.TXT into the user's folder.
mujoco.set_mju_user_warning(_LOG.warning)

_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)
_LATCH_AT = 0.85
"""The share of its travel at which a button latches."""


class TableWorld(Posing):
    """A robot at a table, in simulation.

    Args:
        config: the scene; by default the frozen default table.

    Raises:
        UnknownNameError: for a robot or camera that there is not.
        ConfigError: for a robot that the table's tasks cannot run on.

    Setters for tasks (`set_joints`, `set_object`, `set_opening`, `grasp`, `begin`) and
    perturbations (`push`, `set_mass`, `set_friction`) come from `Posing`.
    """

    def __init__(self, config: TableWorldConfig | None = None) -> None:
        self.config = config or TableWorldConfig.load()
        self.robot_model: RobotModel = load(self.config.robot)
        self.robot_model.require_manipulation()
        self.robot = self.robot_model.spec
        self.kinematics = ToolKinematics(self.robot_model)
        self.period_s = self.config.period_s
        scene = build_scene(self.config, self.robot_model)
        self.model, self.entities = scene.model, scene.entities
        self.data = mujoco.MjData(self.model)
        self.drive = Drive(self.model, self.robot_model, ROBOT)
        self.reader = SceneReader(scene, self.robot_model, self.data)
        hands = [hand.name for hand in self.robot.hands]
        self.atoms = predicates.atom_table(self.reader.tags, hands)
        self._touch = TouchForce(self.model)
        self._clearance = Clearance(self.model, self.reader, self.drive)
        self._renderers: dict[tuple[int, int], Any] = {}
        self._images(self.config.cameras)
        self._state = np.zeros(mujoco.mj_stateSize(self.model, _STATE))
        self._ones, self._substeps = np.ones(self.model.nv), self.config.substeps
        self._tools, self._poses = self.reader.tools(), self.reader.poses()
        self._fingerprint = f"{self.config.fingerprint()}-{self.robot.fingerprint()}"
        self._prepare_posing()
        self.reset(0)

    # ------------------------------------------------------------ World
    @property
    def time_s(self) -> float:
        """The world's clock: whole periods since the reset."""
        return self._ticks * self.period_s

    def observe(self) -> Observation:
        """What the sensors say now; the same object until the world moves on."""
        if self._observation is None:
            self._observation = self._observe()
        return self._observation

    def _observe(self) -> Observation:
        self._sync()
        tools, poses = self._tools, self._poses
        position = self.drive.position(self.data)
        noise = self.config.noise
        if noise.any:
            position, poses = noisy(noise, position, poses, (self._seed, self._ticks))
        return Observation(
            self.time_s,
            position,
            self.drive.velocity(self.data),
            self.drive.effort(self.data),
            tools,
            self.reader.entities(poses, tools, exact=not noise.any),
            images={name: self.render(name, *self.config.image) for name in self.config.cameras},
        )

    def view(self) -> SceneView:
        """The true scene now, as predicates see it."""
        self._sync()
        return self.reader.view(self._poses, self._tools, self._latched)

    def facts(self) -> Facts:
        """What holds now, from the true scene; an atom flips beyond a margin of +1 or -1."""
        if self._facts is None:
            margins = predicates.margins(self.view(), self.atoms)
            if len(self._truth):
                self._truth = np.where(
                    margins >= 1.0, 1, np.where(margins <= -1.0, 0, self._truth)
                ).astype(np.int8)
            else:
                self._truth = (margins > 0.0).astype(np.int8)
            self._facts = Facts(self.atoms, self._truth, margins, self.time_s)
        return self._facts

    def apply(self, command: Command) -> None:
        """Command the servos and advance one period.

        Raises SpecError for a command of another robot, SimulationError on divergence; then
        `last_good` holds the state before this command.
        """
        model, data = self.model, self.data
        self._remember()
        self.drive.command(data, command)
        self._commanded = command.position
        if self._pushes:
            self._apply_pushes()
        mujoco.mj_step(model, data, self._substeps)
        self._synced, self._observation, self._facts = False, None, None
        self._ticks += 1
        # A NaN fails every comparison.
        if not abs(float(data.qvel.dot(self._ones))) < 1e4:
            raise SimulationError(
                "the simulation diverged",
                where=f"t = {self.time_s:.3f} s, seed {self._seed}",
                expected="finite joint velocities",
                got=f"greatest velocity {float(np.abs(data.qvel).max()):g}",
                hint="restore(world.last_good()) and command less abruptly",
            )
        if self._buttons:
            self._latch()
        if self._obstacles:
            self._bump()

    def contact_force_n(self) -> float:
        """Net force of the robot's contacts in the last period, in N; to be asked after `apply`."""
        return self._touch.newtons(self.data)

    @property
    def bumped(self) -> frozenset[str]:
        """Names of the obstacles that the robot or an object has touched since the start."""
        return self._bumped

    def _bump(self) -> None:
        touched = self.data.contact.geom
        self._bumped |= {name for name, geoms in self._obstacles if np.isin(touched, geoms).any()}

    def last_good(self) -> bytes:
        """Snapshot of the state before the last command."""
        return codec.pack(self._header(self._before, self._slept), self._state)

    def _remember(self) -> None:
        mujoco.mj_getState(self.model, self.data, self._state, _STATE)
        self._before, self._slept = self._moment(), self.data.tree_asleep.copy()

    def _latch(self) -> None:
        for name, address, equality, travel in self._buttons:
            if name not in self._latched and self.data.qpos[address] >= _LATCH_AT * travel:
                self.data.eq_active[equality] = 1
                self._latched |= {name}

    def _stale(self) -> None:
        self._synced, self._observation, self._facts = False, None, None

    def _sync(self) -> None:
        """Make positions, contacts and forces those of the present state.

        None of these calls changes what the next step depends on, so looking is free of
        consequence and a restored world sees the same.
        """
        if not self._synced:
            mujoco.mj_fwdPosition(self.model, self.data)
            mujoco.mj_fwdVelocity(self.model, self.data)
            mujoco.mj_fwdActuation(self.model, self.data)
            self._tools, self._poses = self.reader.tools(), self.reader.poses()
            self._synced = True

    # ------------------------------------------------------------ SimWorld
    def reset(self, seed: int) -> Observation:
        """Objects anywhere in their areas, each arm near home, fixtures closed."""
        mujoco.mj_resetData(self.model, self.data)
        self._restore_model({})
        self._pushes = []
        self._latched = frozenset()
        self._seed = seed
        rng = np.random.default_rng(seed)
        start = self.robot.home.copy()
        span = self.config.start_noise_rad
        for hand in self.robot.hands:
            arm = self.robot.part(hand.arm).slice
            start[arm] += rng.uniform(-span, span, arm.stop - arm.start)
        self.set_joints(start)
        self.scatter(rng)
        return self.begin()

    def _moment(self) -> Moment:
        return self._ticks, self._commanded, self._truth, self._latched, self._pushes

    def _header(self, now: Moment, asleep: NDArray[np.int32]) -> dict[str, Any]:
        ticks, commanded, truth, latched, pushes = now
        bumped = {"bumped": sorted(self._bumped)} if self._obstacles else {}
        return {
            **bumped,
            "scene": self._fingerprint,
            "seed": self._seed,
            "changes": self._changes,
            "ticks": ticks,
            "commanded": commanded.tolist(),
            "truth": truth.tolist(),
            "latched": sorted(latched),
            "pushes": [[body, list(force), left] for body, force, left in pushes],
            "asleep": asleep.tolist(),
        }

    def snapshot(self) -> bytes:
        """The whole state: physics, hysteresis, latches, perturbations, seed and clock."""
        physics = np.empty_like(self._state)
        mujoco.mj_getState(self.model, self.data, physics, _STATE)
        return codec.pack(self._header(self._moment(), self.data.tree_asleep), physics)

    def restore(self, state: bytes) -> None:
        """Return to a snapshot. Raises SimulationError for one of another scene."""
        header, physics = codec.unpack(state)
        if header.get("scene") != self._fingerprint or physics.shape != self._state.shape:
            raise SimulationError(
                "a snapshot of another scene",
                expected=self._fingerprint,
                got=str(header.get("scene")),
            )
        self._restore_model(header["changes"])
        restore_state(self.model, self.data, physics, header.get("asleep", ()))
        self._seed, self._ticks = header["seed"], header["ticks"]
        self._truth = np.array(header["truth"], dtype=np.int8)
        self._latched = frozenset(header["latched"])
        self._bumped = frozenset(header.get("bumped", ()))
        self._pushes = [(body, tuple(force), ticks) for body, force, ticks in header["pushes"]]
        self._commanded = np.array(header["commanded"])
        self._stale()
        self._remember()

    def clearance_m(self, position_rad: Array, carried: Sequence[str] = ()) -> float:
        """Least distance of hand, fingers and wrist at joints (D,) from the scene.

        Negative in contact. What is `carried` counts as part of the hand that it is at; what a
        hand holds and is not named is left out. Raises UnknownNameError.
        """
        self._sync()
        return self._clearance.at(self.data, position_rad, carried)

    # ------------------------------------------------------------ pictures
    def render(
        self,
        camera: str = "view",
        width: int = 640,
        height: int = 480,
        *,
        shadows: bool | None = None,
    ) -> NDArray[np.uint8]:
        """Image (height, width, 3); shadows by default only in the view for people.

        Raises UnknownNameError for a camera that there is not, SimulationError without OpenGL.
        """
        from .rendering import Painter

        self._images((camera,))
        key = (width, height)
        if key not in self._renderers:
            self._renderers[key] = Painter(self.model, width, height)
        self._sync()
        with_shadows = camera == "view" if shadows is None else shadows
        image: NDArray[np.uint8] = self._renderers[key].paint(self.data, camera, with_shadows)
        return image

    def _images(self, cameras: tuple[str, ...]) -> None:
        known = [self.model.camera(i).name for i in range(self.model.ncam)]
        for camera in cameras:
            if camera not in known:
                raise UnknownNameError("camera", camera, known, where="world.cameras")

    def close(self) -> None:
        """Free the renderers; the world can go on."""
        for painter in self._renderers.values():
            painter.close()
        self._renderers.clear()
