"""How a training computes: device, precision, compiler, and how many processes share a batch.

One process in float32 needs torch alone. What goes beyond it is accelerate's, which takes seconds
to import and is loaded only then; the loop is the same.
"""

from __future__ import annotations

import os
import shutil
from typing import Any, cast

import torch
from torch import Tensor, nn

from kata.datasets.types import ConfigError

from .batch_parts import BatchParts
from .config import TrainConfig
from .device import find_device


def launched_ranks() -> int:
    """Processes that were started together for one training, this one among them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


class Compute:
    """What one process of a training computes with.

    Attributes:
        device: where its tensors are.
        rank, ranks: which of how many processes it is.
        main: whether it is the one that writes.

    Args:
        config: `device`, `precision`, `compile` and `accumulate` are read.
        alone: look at a training, with neither accelerate nor other processes.

    Raises ConfigError for what this machine does not have.
    """

    def __init__(self, config: TrainConfig, *, alone: bool = False) -> None:
        self.config = config
        self.device = find_device(config.device)
        self.rank, self.ranks = 0, 1
        self._accelerator: Any = None
        if not alone and (launched_ranks() > 1 or config.precision != "fp32"):
            self._accelerator = _accelerator(config, cpu=self.device == "cpu")
            self.device = str(self._accelerator.device)
            self.rank = self._accelerator.process_index
            self.ranks = self._accelerator.num_processes

    @property
    def main(self) -> bool:
        """Whether this process writes what all of them have learned."""
        return self.rank == 0

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network as the loss of a step calls it; its weights are the same."""
        model = network
        if self.config.compile:
            _check_compiler(self.device)
            model = cast("nn.Module", torch.compile(model))
        if self._accelerator is None and self.config.accumulate == 1:
            return model
        model = BatchParts(model, self.rank, self.ranks, self.config.accumulate)
        if self._accelerator is None:
            return model
        return cast("nn.Module", self._accelerator.prepare_model(model))

    def check_batch(self, batch: int) -> None:
        """Raise ConfigError for a batch with less than a row for each part of it."""
        ranks, pieces = max(self.ranks, self.config.processes), self.config.accumulate
        if batch < ranks * pieces:
            raise ConfigError(
                "a batch too small to be shared",
                where="batch",
                expected=f"at least processes x accumulate = {ranks} x {pieces}",
                got=str(batch),
            )

    def backward(self, loss: Tensor) -> None:
        """The gradient of the whole batch's loss, into the weights of each process."""
        if self._accelerator is None:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            # Data parallel torch takes the mean over processes; each has a part of one sum.
            self._accelerator.backward(loss * self.ranks)

    def agreed(self, answer: bool) -> bool:
        """The answer of the main process, in every process."""
        if self.ranks == 1:
            return answer
        told = torch.tensor([int(answer)], device=self.device)
        torch.distributed.broadcast(told, src=0)
        return bool(told.item())

    def gathered(self, value: int) -> list[int]:
        """The value of each process, by rank."""
        if self.ranks == 1:
            return [value]
        told = [torch.tensor([0], device=self.device) for _ in range(self.ranks)]
        torch.distributed.all_gather(told, torch.tensor([value], device=self.device))
        return [int(one.item()) for one in told]

    def close(self) -> None:
        """Forget accelerate's state, since the next training here may ask for another device."""
        if self._accelerator is not None:
            from accelerate.state import AcceleratorState

            self._accelerator.free_memory()
            AcceleratorState._reset_state(reset_partial_state=True)


def _accelerator(config: TrainConfig, *, cpu: bool) -> Any:
    from accelerate import Accelerator

    return Accelerator(cpu=cpu, mixed_precision="bf16" if config.precision == "bf16" else "no")


def _check_compiler(device: str) -> None:
    wanted = [os.environ.get("CXX", ""), "g++", "clang++"]
    if device == "cpu" and not any(shutil.which(name) for name in wanted if name):
        raise ConfigError(
            "torch.compile finds no C++ compiler",
            where="compile",
            expected="g++ or clang++",
            hint="install one, or leave compile out",
        )
