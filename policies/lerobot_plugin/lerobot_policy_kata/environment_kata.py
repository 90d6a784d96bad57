"""`--env.type=kata`: Kata's simulated tasks with the keys that LeRobot expects.

`agent_pos`, `environment_state` and `pixels` become LeRobot's features; what else an observation
has, such as `focus`, comes through under `observation.`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.envs.configs import EnvConfig
from lerobot.envs.utils import freeze_after_episode_end
from numpy.typing import NDArray

# First of all that loads MuJoCo, which chooses its OpenGL once: here that of a machine without a
# display, in every process of a vector of environments.
import kata.sim.rendering  # noqa: F401
from kata.datasets.types import UnknownNameError

PREFIX, CAMERA = "observation.", "observation.images."
VIEWS = ("call", "scene")


@dataclass(frozen=True)
class Settings:
    """What one environment is made of; picklable."""

    task: str
    robot: str
    start: str
    cameras: tuple[str, ...]
    view: str
    height: int
    width: int

    def make(self) -> gymnasium.Env[Any, Any]:
        """The environment, with gymnasium's time limit. Raises UnknownNameError."""
        from kata.sim.gym import env_id

        made: gymnasium.Env[Any, Any] = gymnasium.make(
            env_id(self.task),
            disable_env_checker=True,
            render_mode="rgb_array",
            start=self.start,
            cameras=self.cameras,
            robot=self.robot,
        )
        return LeRobotView(made, self)


class LeRobotView(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A task with LeRobot's names; `task` is the skill's name, `task_description` the call."""

    def __init__(self, env: gymnasium.Env[Any, Any], settings: Settings) -> None:
        super().__init__(env)
        self._settings = settings
        self.task, self.task_description = settings.task, settings.task
        self._picture: NDArray[np.uint8] | None = None
        raw, _ = env.reset(seed=0)
        self.observation_space = _space(self.observation(raw))

    def observation(self, raw: dict[str, NDArray[Any]]) -> dict[str, Any]:
        """An observation under LeRobot's names."""
        seen: dict[str, Any] = {
            key.removeprefix(PREFIX): value
            for key, value in raw.items()
            if not key.startswith(CAMERA)
        }
        seen["agent_pos"] = seen.pop("state")
        if self._settings.view == "call":
            around = [seen["tool_pose"], seen.get("focus", np.empty(0)).reshape(-1)]
            seen["environment_state"] = np.concatenate(around).astype(np.float32)
        pictures = {k.removeprefix(CAMERA): v for k, v in raw.items() if k.startswith(CAMERA)}
        return seen | ({"pixels": pictures} if pictures else {})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Pose the task anew."""
        raw, info = self.env.reset(seed=seed, options=options)
        self._picture = None
        self.task_description = str(info["call"])
        return self.observation(raw), {"is_success": bool(info["success"])}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Move for one frame."""
        raw, reward, done, cut, info = self.env.step(action)
        self._picture = None
        told = {"is_success": bool(info["success"])}
        return self.observation(raw), float(reward), done, cut, told

    def render(self) -> Any:
        """A picture for people, in the size that was asked for."""
        # LeRobot goes on filming an episode that has ended; shadows would cost six times more.
        if self._picture is None:
            world: Any = self.env.unwrapped
            size = self._settings.width, self._settings.height
            self._picture = world.trial.world.render("view", *size, shadows=False)
        return self._picture


def _space(sample: dict[str, Any]) -> spaces.Dict:
    boxes: dict[str, spaces.Space[Any]] = {}
    for key, value in sample.items():
        if isinstance(value, dict):
            boxes[key] = _space(value)
        else:
            low, high = (0, 255) if value.dtype == np.uint8 else (-np.inf, np.inf)
            boxes[key] = spaces.Box(low, high, value.shape, value.dtype.type)
    return spaces.Dict(boxes)


@functools.lru_cache(maxsize=8)
def _spaces(settings: Settings) -> tuple[spaces.Dict, spaces.Box]:
    env = settings.make()
    try:
        seen, action = env.observation_space, env.action_space
    finally:
        env.close()
    assert isinstance(seen, spaces.Dict)
    assert isinstance(action, spaces.Box)
    return seen, action


@EnvConfig.register_subclass("kata")
@dataclass
class KataEnv(EnvConfig):
    """One of Kata's tasks.

    Attributes:
        task: `pick` and so on, as `kata.sim.tasks.names()` lists them.
        robot, start, cameras: as in `kata.sim.gym.TableEnv`.
        view: what `environment_state` is: `call`, the tool poses and the entities of the call, as
            `kata train policy=lerobot/...` trains on; or `scene`, all entities, as recorded.
        render_height, render_width: of the videos, in pixels.
    """

    task: str | None = "pick"
    fps: int = 20
    robot: str = "panda"
    start: str = "nominal"
    cameras: list[str] = field(default_factory=list)
    view: str = "call"
    render_height: int = 240
    render_width: int = 320

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise UnknownNameError("view", self.view, VIEWS, where="env.view")
        seen, action = _spaces(self._settings)
        self._add("action", "action", FeatureType.ACTION, action.shape)
        for key, space in seen.spaces.items():
            if isinstance(space, spaces.Dict):
                for name, picture in space.spaces.items():
                    self._add(
                        f"pixels/{name}", CAMERA + name, FeatureType.VISUAL, picture.shape or ()
                    )
                continue
            name = "state" if key == "agent_pos" else key
            kind = FeatureType.ENV if key == "environment_state" else FeatureType.STATE
            self._add(key, PREFIX + name, kind, space.shape or ())

    def _add(self, key: str, name: str, kind: FeatureType, shape: tuple[int, ...]) -> None:
        self.features[key] = PolicyFeature(type=kind, shape=shape)
        self.features_map[key] = name

    @property
    def _settings(self) -> Settings:
        return Settings(
            self.task or "pick",
            self.robot,
            self.start,
            tuple(self.cameras),
            self.view,
            self.render_height,
            self.render_width,
        )

    @property
    def gym_kwargs(self) -> dict[str, Any]:
        """What the task's gymnasium id is made with."""
        return {"robot": self.robot, "start": self.start, "cameras": tuple(self.cameras)}

    def create_envs(
        self, n_envs: int, use_async_envs: bool = False
    ) -> dict[str, dict[int, VectorEnv[Any, Any, Any]]]:
        """A vector of this task; an episode that has ended costs nothing until all have."""
        make: Callable[[], gymnasium.Env[Any, Any]] = freeze_after_episode_end(self._settings.make)
        makers = [make] * n_envs
        mode = AutoresetMode.SAME_STEP
        if use_async_envs and n_envs > 1:
            vector: VectorEnv[Any, Any, Any] = AsyncVectorEnv(
                makers, autoreset_mode=mode, context="forkserver"
            )
        else:
            vector = SyncVectorEnv(makers, autoreset_mode=mode)
        return {self.type: {0: vector}}
