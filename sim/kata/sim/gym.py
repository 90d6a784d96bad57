"""Gymnasium environments `kata/Pick-v0` and so on: a 20 Hz wrapper over the same worlds.

Importing this module makes the ids known. Observations bear LeRobot's keys, such as
`observation.state`; `info` has `success`, `facts` (text of all that is true) and `call`. A step
is one frame of `FRAME_S`; the reward is 1 when the task's goal is reached, which ends the episode.
"""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import replace
from typing import Any, Literal, get_args

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from kata.datasets.types import (
    FRAME_S,
    ActionChunk,
    Command,
    Condition,
    Observation,
    UnknownNameError,
)

from .scene.config import TableWorldConfig, whole_multiple
from .tasks import Start, default_world, make_trial, names
from .tasks.goals import goal_of

Control = Literal["joint", "tool"]
_STEP_M, _STEP_RAD = 0.05, 0.25
"""Greatest change of the tool in one action of `control="tool"`."""

_BOUND = 1e4
"""Every number stays within: beyond it the world calls itself diverged."""

_TABLE_LIMIT_S = 60.0


def _render_modes() -> list[str]:
    """`human` only where there is a display: without one MuJoCo's viewer ends the process."""
    shown = (
        sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    return ["human", "rgb_array"] if shown else ["rgb_array"]


RENDER_MODES = _render_modes()


class TableEnv(gymnasium.Env[Any, Any]):
    """One task on the table.

    Args:
        task: one of `kata.sim.tasks.names()`.
        control: `joint`: actions are absolute joint targets (D,), the gripper's opening in m
            last; `tool`: change of the first hand's tool pose in the tool's own frame, position
            (3,) in m and rotation vector (3,) in rad, then the absolute opening.
        start: `nominal`, or `perturbed` with the arm anywhere.
        cameras: rendered into each observation as `observation.images.NAME`.
        render_mode: `rgb_array` gives 640 x 480 images of the view for people; `human` opens
            MuJoCo's viewer and is offered only where there is a display.
        config: the scene, or None for the task's default table; `robot` overrides its robot.

    Raises UnknownNameError for a task, control, robot or camera that there is not.
    """

    metadata = {"render_modes": RENDER_MODES, "render_fps": round(1 / FRAME_S)}  # noqa: RUF012 (gymnasium's way)

    def __init__(
        self,
        task: str = "pick",
        control: Control = "joint",
        start: Start = "nominal",
        cameras: tuple[str, ...] = (),
        render_mode: str | None = None,
        config: TableWorldConfig | None = None,
        robot: str = "",
    ) -> None:
        if control not in get_args(Control):
            raise UnknownNameError("control", control, get_args(Control))
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise UnknownNameError("render mode", str(render_mode), self.metadata["render_modes"])
        changes: dict[str, Any] = {"cameras": tuple(cameras)} if cameras else {}
        if robot:
            changes["robot"] = robot
        if config is None:
            config = TableWorldConfig.load(default_world(task), **changes)
        elif changes:
            config = replace(config, **changes)
        self.trial = make_trial(task, start, config)
        self._periods = whole_multiple(FRAME_S, self.trial.period_s, "FRAME_S", "period_s")
        self.render_mode, self._control = render_mode, control
        self._viewer: Any = None
        self._start(self.trial.reset(0))
        self.action_space = self._action_space()
        self.observation_space = _space_of(self._values())

    def _action_space(self) -> spaces.Box:
        limits = self.trial.robot.limits
        if self._control == "joint":
            return spaces.Box(_f32(limits.lower), _f32(limits.upper))
        grip = self.trial.robot.part(self.trial.robot.hand().gripper).start
        reach = np.array([_STEP_M] * 3 + [_STEP_RAD] * 3)
        low = np.append(-reach, limits.lower[grip])
        return spaces.Box(_f32(low), _f32(np.append(reach, limits.upper[grip])))

    def _start(self, observation: Observation) -> None:
        self._observation = observation
        self._now = Command.hold(self.trial.world.commanded)
        self._goal = Condition.parse(self.trial.episode.goal)

    def _values(self) -> dict[str, NDArray[Any]]:
        values = self._observation.values()
        if not len(values["observation.focus"]):
            del values["observation.focus"]
        return {k: v if v.dtype == np.uint8 else _f32(v) for k, v in values.items()}

    def _info(self) -> dict[str, Any]:
        facts, episode = self.trial.facts(), self.trial.episode
        reached = bool(episode.goal) and bool(self._goal.evaluate(facts).value)
        return {
            "success": reached,
            "facts": facts.true_texts(),
            "call": episode.call,
        }

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Pose the task anew; without a seed, the next one of the environment's generator."""
        super().reset(seed=seed)
        trial_seed = int(self.np_random.integers(2**31)) if seed is None else seed
        self._start(self.trial.reset(trial_seed))
        return self._values(), self._info()

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        """Move for one frame. Raises SpecError for an action of another width, or with NaN."""
        values = np.asarray(action, dtype=float)[None]
        time_s = self._observation.time_s
        reference = self._observation.tool() if self._control == "tool" else None
        chunk = ActionChunk(time_s, FRAME_S, self._control, values, reference)
        trajectory = self.trial.kinematics.follow(chunk, self._now)
        for k in range(1, self._periods + 1):
            self._now = trajectory.at(time_s + k * self.trial.period_s)
            self.trial.apply(self._now)
        self._observation = self.trial.observe()
        info = self._info()
        if self.render_mode == "human":
            self.render()
        return self._values(), float(info["success"]), info["success"], False, info

    def render(self) -> NDArray[np.uint8] | None:
        """An image in mode `rgb_array`; in mode `human` the viewer shows the present state."""
        world = self.trial.world
        if self.render_mode == "rgb_array":
            return world.render("view", 640, 480)
        if self.render_mode == "human":
            if self._viewer is None:
                import mujoco.viewer

                self._viewer = mujoco.viewer.launch_passive(world.model, world.data)
            self._viewer.sync()
        return None

    def close(self) -> None:
        """Free renderers and viewer."""
        if self._viewer is not None:
            self._viewer.close()
            self._viewer = None
        self.trial.world.close()


def _f32(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(array, dtype=np.float32)


def _space_of(values: dict[str, NDArray[Any]]) -> spaces.Dict:
    boxes: dict[str, spaces.Space[Any]] = {}
    for key, value in values.items():
        low, high = (0, 255) if value.dtype == np.uint8 else (-_BOUND, _BOUND)
        boxes[key] = spaces.Box(low, high, value.shape, value.dtype.type)
    return spaces.Dict(boxes)


def env_id(task: str) -> str:
    """The gymnasium id of a task: `place_in` is `kata/PlaceIn-v0`."""
    return f"kata/{''.join(word.capitalize() for word in task.split('_'))}-v0"


@functools.cache
def register_envs() -> tuple[str, ...]:
    """Make all ids known to gymnasium, with the tasks' time limits; returns them."""
    ids = []
    for task in names():
        limit_s = _TABLE_LIMIT_S if task == "table" else goal_of(task).limit_s
        gymnasium.register(
            id=env_id(task),
            entry_point="kata.sim.gym:TableEnv",
            kwargs={"task": task},
            max_episode_steps=round(limit_s / FRAME_S),
        )
        ids.append(env_id(task))
    return tuple(ids)


# So that `gym.make("kata.sim.gym:kata/Pick-v0")` works: gymnasium reads no entry points.
register_envs()
