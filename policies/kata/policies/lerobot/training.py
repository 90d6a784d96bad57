"""Training a policy of LeRobot: its loss, its optimiser and schedule, its normalisation.

Only the loader is ours: it hands LeRobot's policy the batch that LeRobot's dataset would. As in
`kata.policies.training`, the budget is in steps and all randomness follows from seed and step.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kata.datasets.dataset import Dataset
from kata.datasets.types import ChunkSpec, ConfigError, UnknownNameError

from ..checkpoint import Curves, write_curves
from ..config import TrainConfig
from ..device import find_device, torch_threads
from ..settings import check_range
from ..training import Progress, seed_of
from .card import LeRobotCard
from .checkpoint import read_state, write_state
from .package import make_config, make_module, require
from .policy import LeRobotPolicy, Processors
from .windows import Frames, Windows, read_frames

_HEEDED = frozenset({"policy", "settings", "steps", "batch", "seed", "device", "threads"})
_HEEDED |= {"curve_every", "checkpoint_every"}


@dataclass(frozen=True, slots=True)
class LeRobotSettings:
    """Which policy of LeRobot, and how.

    Attributes:
        type: LeRobot's name of it, such as `act`.
        execute: actions of a chunk that are executed before the next one is asked for.
        objects: whether it sees the poses of the tools and of the call's entities.
        cameras: of the dataset, to look through.
        settings: LeRobot's own, over its defaults.
    """

    type: str
    execute: int = 8
    objects: bool = True
    cameras: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_range("execute", self.execute, 1, 1000)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> LeRobotSettings:
        """From the keys of `configs/policy/lerobot/*.yaml`.

        Raises ConfigError for a value of another kind, UnknownNameError for another key.
        """
        known = {f.name for f in fields(cls)}
        for name in data:
            if name not in known:
                raise UnknownNameError("setting", name, known, where="policy lerobot")
        if not isinstance(data.get("settings", {}), Mapping):
            raise ConfigError("wrong type", where="policy.settings", expected="key: value")
        return cls(**{**data, "cameras": tuple(data.get("cameras") or ())})


@dataclass(frozen=True, slots=True)
class LeRobotTraining:
    """What a training gave.

    Attributes:
        finished: False if `stop` ended it; call `train` again to go on.
    """

    policy: LeRobotPolicy
    frames: Frames
    step: int
    finished: bool
    loss: float


def train(
    config: TrainConfig,
    dataset: Dataset,
    skill: str,
    out: Path | str,
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> LeRobotTraining:
    """Train a policy of LeRobot on a skill's demonstrations, on from a checkpoint that is there.

    Of the configuration `steps`, `batch`, `seed`, `device`, `threads` and the intervals of curve
    and checkpoint count; rate, decay and clipping are the policy's own preset.

    Raises MissingDependencyError without LeRobot, ConfigError for settings that it refuses or has
    no use for, or a checkpoint of another training, DatasetError for data without the skill.
    """
    settings = LeRobotSettings.of(config.settings)
    _check_plain(config)
    require(f"policy=lerobot/{settings.type}")
    frames = read_frames(dataset, skill, settings.cameras, objects=settings.objects)
    with torch_threads(config.threads):
        run = _Run(config, settings, frames, Path(out))
        while run.step < config.steps and not (stop and stop()):
            run.advance()
            due = run.step % config.checkpoint_every == 0 or run.step == config.steps
            if progress and (run.step % config.curve_every == 0 or due):
                progress(run.step, config.steps, run.curves.last("train"))
            if due:
                run.save()
        if 0 < run.step < config.steps:
            run.save()
    write_curves(Path(out), run.curves)
    loss = run.curves.last("train")
    done = run.step >= config.steps
    return LeRobotTraining(run.policy, frames, run.step, done, loss)


class _Run:
    """The state of one training."""

    def __init__(
        self, config: TrainConfig, settings: LeRobotSettings, frames: Frames, folder: Path
    ) -> None:
        from lerobot.policies.factory import make_pre_post_processors

        self.config, self.folder = config, folder
        device = find_device(config.device)
        theirs = make_config(settings.type, settings.settings, frames.inputs, device)
        self.windows = Windows(frames, theirs)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            module = make_module(theirs).to(device)
        pair = make_pre_post_processors(theirs, dataset_stats=frames.statistics)
        self.policy = LeRobotPolicy(_card(settings, theirs, frames), module, Processors(*pair))
        preset = theirs.get_optimizer_preset()
        self.clip = preset.grad_clip_norm or float("inf")
        self.optimizer = preset.build(module.get_optim_params())
        if not isinstance(self.optimizer, torch.optim.Optimizer):
            raise ConfigError(
                "a policy that is not learned from demonstrations",
                where=f"policy.type={settings.type}",
                expected="one optimiser",
            )
        identity = {"config": asdict(config), "device": device, "data": frames.digest()}
        self.identity = json.loads(json.dumps({**identity, "torch": torch.__version__}))
        self.step, self.curves = 0, Curves()
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))
        self._resume()
        preset = theirs.get_scheduler_preset()
        self.schedule: Any = preset.build(self.optimizer, config.steps) if preset else None
        with warnings.catch_warnings(action="ignore"):  # it misses the optimiser's steps
            for _ in range(self.step):
                if self.schedule:
                    self.schedule.step()

    def advance(self) -> None:
        """One step of LeRobot's loss and optimiser."""
        module, step = self.policy.module.train(), self.step
        batch = self.policy.processors.before(self.windows.batch(self._picks(step)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(self.config.seed, 3, step))
            loss, _ = module.forward(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.schedule:
            self.schedule.step()
        if hasattr(module, "update"):
            module.update()
        module.eval()
        self.step += 1
        self.curves.add(self.step, float(loss.detach()), self.config.curve_every)

    def save(self) -> None:
        """Make this state durable."""
        module = self.policy.module
        write_state(self.folder, module, self.optimizer, self.step, self.curves, self.identity)

    def _picks(self, step: int) -> NDArray[np.int64]:
        """Samples (batch,) of this step: a fresh order every epoch, the last odd ones left out."""
        count = len(self.windows)
        batch = min(self.config.batch, count)
        epoch, place = divmod(step, count // batch)
        if self._order[0] != epoch:
            rng = np.random.default_rng([self.config.seed, epoch])
            self._order = (epoch, rng.permutation(count))
        return self._order[1][place * batch : (place + 1) * batch]

    def _resume(self) -> None:
        found = read_state(self.folder, self.policy.module, self.optimizer, self.identity)
        if found is not None:
            self.step, self.curves = found


def _check_plain(config: TrainConfig) -> None:
    """Raise ConfigError for a key that was set and that LeRobot's training has no use for."""
    for name, default in asdict(TrainConfig()).items():
        if name not in _HEEDED and getattr(config, name) != default:
            raise ConfigError(
                "a key that a policy of LeRobot has no use for",
                where=f"train.{name}",
                expected=f"{default}, or nothing: its own preset decides",
                got=str(getattr(config, name)),
                hint="its own keys are policy.settings.NAME, such as optimizer_lr",
            )


def _card(settings: LeRobotSettings, theirs: Any, frames: Frames) -> LeRobotCard:
    horizon = int(getattr(theirs, "n_action_steps", 1))
    stateful = theirs.n_obs_steps > 1 or horizon == 1
    execute = 1 if stateful else min(settings.execute, horizon)
    chunk = ChunkSpec(horizon, 1.0 / frames.fps, execute, "joint", frames.inputs.joints)
    return LeRobotCard(settings.type, frames.inputs, chunk, frames.robot, "", stateful)
