"""A policy of LeRobot behind our protocol: its processors and its own way to select actions.

Legend: `A` actions of a chunk, `D` joints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kata.datasets.types import (
    ActionChunk,
    Array,
    ChunkRequest,
    ChunkSpec,
    FeatureSpec,
    Observation,
    SpecError,
)

from ..align import check_prefix, continued, offset_steps
from .card import LeRobotCard
from .package import offline

_QUEUES = ("_action_queue", "_queues")
"""Where LeRobot's policies keep the actions that they have chosen and not yet given."""


@dataclass(frozen=True, slots=True)
class Processors:
    """LeRobot's pipelines of a policy: before it and after it."""

    before: Any
    after: Any


class LeRobotPolicy:
    """A trained policy of LeRobot; implements the `Policy` protocol.

    A chunk is what LeRobot would execute before it looks again: the action that `select_action`
    gives and those that it then holds ready. A policy with a history of observations or an
    average over chunks is asked every frame and goes on with what it holds ready; any other
    begins anew at each chunk.

    Attributes:
        card: what it is, all but the weights.
        module: LeRobot's torch module, in evaluation mode.
    """

    def __init__(self, card: LeRobotCard, module: Any, processors: Processors) -> None:
        self.card, self.module, self.processors = card, module.eval(), processors
        self.spec: FeatureSpec = card.inputs.spec
        self.chunk_spec: ChunkSpec = card.chunk_spec
        self._seed, self._calls = 0, 0

    def reset(self, seed: int) -> None:
        """Begin an episode; equal seeds give equal chunks."""
        self._seed, self._calls = seed, 0
        self.module.reset()

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The next absolute joint targets; see `kata.policies.policy.ChunkPolicy.chunk`.

        Raises SpecError for an observation that does not fit `spec` or is not finite, for a
        request out of reach, and for a cost: LeRobot's policies cannot be steered.
        """
        if request.cost is not None:
            raise SpecError("a policy of LeRobot cannot be steered by a cost", where=self.card.type)
        offset = offset_steps(observation.time_s, request, self.chunk_spec)
        check_prefix(request, offset, self.chunk_spec)
        values = self.actions(self._batch(observation))
        left = continued(values, request, offset)
        if not len(left):
            raise SpecError(
                "request out of the chunk's reach",
                where=self.card.type,
                expected=f"a start within {len(values)} actions of the observation",
                got=f"{offset:g} steps after it",
            )
        return ActionChunk(request.start_s, self.chunk_spec.step_s, "joint", left)

    def actions(self, batch: Mapping[str, Any]) -> Array:
        """Actions (A, D) that LeRobot selects for its own batch of one observation."""
        if not self.card.stateful:
            self.module.reset()
        draw = f"{self._seed}/{self._calls}".encode()
        seed = int.from_bytes(hashlib.blake2b(draw, digest_size=7).digest())
        self._calls += 1
        with torch.random.fork_rng(devices=[]), torch.inference_mode(), offline():
            torch.manual_seed(seed)
            first = self.module.select_action(self.processors.before(dict(batch)))
            chosen = torch.cat([first, *self._ready()])
            after = self.processors.after(chosen)
        values: Array = after.detach().cpu().numpy().astype(float)
        return values

    def save(self, folder: Path | str) -> None:
        """Write `policy.json` and LeRobot's own files; equal policies give equal bytes."""
        from .storage import save_policy

        save_policy(self, Path(folder))

    def _ready(self) -> list[torch.Tensor]:
        """Actions, each (1, D), that the policy holds ready after the one just selected."""
        for name in _QUEUES:
            queue = getattr(self.module, name, None)
            if isinstance(queue, Mapping):
                queue = queue.get("action")
            if queue is not None:
                return list(queue)
        return []

    def _batch(self, observation: Observation) -> dict[str, Any]:
        """LeRobot's batch (1, ...) of an observation."""
        values = observation.values()
        self.spec.check(values, where="observation")
        read = {key: np.asarray(values[key])[None] for key in self.spec}
        if not all(np.isfinite(value).all() for value in read.values()):
            raise SpecError("observation is not finite", where=self.card.type)
        return {**self.card.inputs.tensors(read), "task": [observation.language]}
