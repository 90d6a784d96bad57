"""Training: from demonstrations to a saved policy, the same to the bit with or without a kill.

The budget is in steps, never in time, and all randomness is a function of seed and step; so a
checkpoint needs no generator's state, and a resumed run walks the same path.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kata.datasets.types import ConfigError

from .card import Card
from .checkpoint import Checkpoint, Curves, read_checkpoint, write_checkpoint, write_curves
from .compute import Compute, launched_ranks
from .config import TrainConfig
from .demonstrations import Demonstrations
from .device import find_device, torch_threads
from .normalise import Normaliser
from .policy import ChunkPolicy
from .registry import make_policy, policy_settings

OnCheckpoint = Callable[[int, ChunkPolicy], None]
"""Gets the step and a copy of the averaged policy; may evaluate it or do what it likes."""

Progress = Callable[[int, int, float], None]
"""Gets step, all steps and the mean loss since the last call."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training gave.

    Attributes:
        finished: False if `stop` ended it; call `train` again to go on.
        resumed_from: the step of the checkpoint that it began with; 0 for none.
        held_out: last loss on held-out episodes; None without any.
    """

    policy: ChunkPolicy
    folder: Path
    step: int
    finished: bool
    resumed_from: int
    loss: float
    held_out: float | None
    curves: Curves


def train(
    config: TrainConfig,
    data: Demonstrations,
    out: Path | str,
    *,
    on_checkpoint: OnCheckpoint | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> TrainResult:
    """Train a policy into `out`: policy, `curves.json` and a checkpoint to resume from.

    Goes on from a checkpoint that is there. With `config.processes` above one, that many are
    started; in one that was launched with others (`torchrun`, `accelerate launch`), this is its
    part, and all must ask for the same. Raises ConfigError if the checkpoint came from another
    configuration or other data, PackageError if it is damaged, StorageError if the disk refuses,
    ExecutionError if one of the processes dies.
    """
    folder = Path(out)
    if config.processes > 1 and launched_ranks() == 1:
        from .ranks import train_on_ranks

        return train_on_ranks(config, data, folder, on_checkpoint, progress, stop)
    compute = Compute(config)
    try:
        with torch_threads(config.threads):
            run = Run(config, data, folder, compute)
            while run.step < config.steps and not (stop and compute.agreed(stop())):
                run.advance()
                due = run.step % config.checkpoint_every == 0 or run.step == config.steps
                if progress and (run.step % config.curve_every == 0 or due):
                    progress(run.step, config.steps, run.curves.last("train"))
                if due:
                    run.save()
                    if on_checkpoint:
                        on_checkpoint(run.step, copy.deepcopy(run.averaged))
            if 0 < run.step < config.steps:
                run.save()
            return run.finish()
    finally:
        compute.close()


def card_of(config: TrainConfig, data: Demonstrations, rows: Any) -> Card:
    """The card of a policy for these demonstrations, normalisers fitted to their `rows`."""
    return Card(
        policy=config.policy,
        settings=policy_settings(config.policy, config.settings),
        encoder=data.encoder,
        chunk_spec=data.chunk_spec,
        features=Normaliser.fit(data.features[rows], config.feature_floor, config.feature_clip),
        actions=Normaliser.fit(data.actions[rows], _floors(config, data), config.action_clip),
        robot=data.robot,
        hand=data.hand,
    )


def _floors(config: TrainConfig, data: Demonstrations) -> NDArray[np.float32]:
    """Least spread (A,) of each number of an action."""
    floors = np.full(data.chunk_spec.width, config.action_floor, dtype=np.float32)
    if data.chunk_spec.frame == "tool":
        floors[3:6] = config.turn_floor
    return floors


def seed_of(seed: int, *path: int) -> int:
    """A seed for one place of a training, below 2**63."""
    state = np.random.SeedSequence([seed, *path]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.lr * 0.5 * (1.0 + math.cos(math.pi * share))


_FREE = frozenset({"processes", "accumulate"})
"""What may differ between a training and its continuation: it changes rounding, and no more."""


class Run:
    """The state of one training: what a checkpoint holds, and the data it reads.

    Goes on from the folder's checkpoint. Raises as `train` does.
    """

    def __init__(
        self, config: TrainConfig, data: Demonstrations, folder: Path, compute: Compute
    ) -> None:
        self.config, self.folder, self.compute = config, folder, compute
        device = compute.device
        rows, held = data.split(config.held_out, config.seed)
        card = card_of(config, data, rows)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.policy = make_policy(card, device)
        self.averaged = copy.deepcopy(self.policy)
        self.network = self.policy.network.train()
        self.weights: list[Tensor] = list(self.network.parameters())
        self.mean_weights: list[Tensor] = list(self.averaged.network.parameters())
        for weight in self.mean_weights:
            weight.requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=config.lr, weight_decay=config.weight_decay, fused=True
        )
        self.model = compute.wrapped(self.network)
        self.features, self.actions = _tensors(card, data, rows, device)
        self.batch = min(config.batch, len(rows))
        compute.check_batch(self.batch)
        # A few thousand rows tell the held-out loss well enough.
        some = held[:: max(1, len(held) // 2048)]
        self.held = _tensors(card, data, some, device) if len(held) else None
        self.identity = _identity(config, data)
        self.step, self.curves, self.order = 0, Curves(), torch.empty(0)
        self.order_epoch = -1
        self.resumed_from = self._resume()
        self._check_together()

    def advance(self) -> None:
        """One step of the optimiser and of the average."""
        config, step = self.config, self.step
        rows = self._rows(step)
        features, actions = self.features[rows], self.actions[rows]
        if config.feature_noise > 0.0:
            generator = torch.Generator().manual_seed(seed_of(config.seed, 2, step))
            noise = torch.randn(features.shape, generator=generator).to(features.device)
            features = features + config.feature_noise * noise
        loss = self.policy.loss(self.model, features, actions, seed_of(config.seed, 3, step))
        self.optimizer.zero_grad()
        self.compute.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.weights, config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, step)
        self.optimizer.step()
        decay = min(config.ema, (1.0 + step) / (10.0 + step))
        with torch.no_grad():
            torch._foreach_lerp_(self.mean_weights, self.weights, 1.0 - decay)
        self.step += 1
        self.curves.add(self.step, float(loss.detach()), config.curve_every)
        if self.held and (self.step % config.held_out_every == 0 or self.step == config.steps):
            self.curves.held_out.append((self.step, self._held_out_loss()))

    def save(self) -> None:
        """Make this state durable, the averaged policy with it."""
        if not self.compute.main:
            return
        moments = [self.optimizer.state[weight] for weight in self.weights]
        write_checkpoint(
            self.folder,
            Checkpoint(
                self.step,
                self.identity,
                self.curves,
                [weight.detach() for weight in self.weights],
                self.mean_weights,
                moments,
            ),
        )

    def finish(self) -> TrainResult:
        """Write the curves, and the policy if it is done."""
        if self.compute.main:
            if self.step >= self.config.steps:
                self.averaged.save(self.folder)
            write_curves(self.folder, self.curves)
        return TrainResult(
            policy=self.averaged,
            folder=self.folder,
            step=self.step,
            finished=self.step >= self.config.steps,
            resumed_from=self.resumed_from,
            loss=self.curves.last("train"),
            held_out=self.curves.last("held_out") if self.curves.held_out else None,
            curves=self.curves,
        )

    def _rows(self, step: int) -> Tensor:
        """Rows (batch,) of this step: a fresh order every epoch, the last odd rows left out."""
        count, batch = len(self.features), self.batch
        epoch, place = divmod(step, count // batch)
        if epoch != self.order_epoch:
            generator = torch.Generator().manual_seed(seed_of(self.config.seed, 1, epoch))
            self.order = torch.randperm(count, generator=generator).to(self.features.device)
            self.order_epoch = epoch
        return self.order[place * batch : (place + 1) * batch]

    def _held_out_loss(self) -> float:
        assert self.held is not None
        with torch.no_grad():
            seed = seed_of(self.config.seed, 4)
            return float(self.averaged.loss(self.averaged.network, *self.held, seed))

    def _resume(self) -> int:
        found = read_checkpoint(self.folder, self.weights, self.identity)
        if found is None:
            return 0
        with torch.no_grad():
            for i, weight in enumerate(self.weights):
                weight.copy_(found.weights[i])
                self.mean_weights[i].copy_(found.averaged[i])
                self.optimizer.state[weight] = found.moments[i]
        self.step, self.curves = found.step, found.curves
        return found.step

    def _check_together(self) -> None:
        """Raise ConfigError unless all processes go on from the same step."""
        steps = self.compute.gathered(self.step)
        if len(set(steps)) > 1:
            raise ConfigError(
                "the processes found different checkpoints",
                where=str(self.folder),
                expected="one checkpoint, that of the first process, for all of them",
                got=f"steps {', '.join(map(str, steps))}",
                hint="out must lie in a shared folder, since only the first process writes",
            )


def _identity(config: TrainConfig, data: Demonstrations) -> dict[str, Any]:
    """What a checkpoint must share with the training that goes on from it."""
    asked = {name: value for name, value in asdict(config).items() if name not in _FREE}
    identity = {"config": asked, "device": find_device(config.device), "data": data.digest()}
    # As a checkpoint will give it back.
    found: dict[str, Any] = json.loads(json.dumps({**identity, "torch": torch.__version__}))
    return found


def _tensors(card: Card, data: Demonstrations, rows: Any, device: str) -> tuple[Tensor, Tensor]:
    features = torch.as_tensor(card.features.encode(data.features[rows]), device=device)
    return features, torch.as_tensor(card.actions.encode(data.actions[rows]), device=device)
