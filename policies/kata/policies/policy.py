"""The base of all chunk policies: observation in, chunk out, one at a time or batched.

A policy of its own kind gives `Settings`, `build`, `loss` and `predict`; encoding, normalising,
time, prefix, seeds and storage are the same for all. Add it to `registry.POLICIES`.
Legend: `B` batch, `F` features, `H` actions of a chunk, `A` width of an action.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from kata.datasets.types import (
    ActionChunk,
    Array,
    ChunkRequest,
    ChunkSpec,
    ConfigError,
    FeatureSpec,
    Observation,
    SpecError,
)
from kata.datasets.types.overlap import GUIDE

from .align import check_prefix, continued, offset_steps, placed
from .card import Card, settings_of
from .device import torch_threads
from .guidance import Frozen
from .guidance_cost import Cost, Steering, SteeringOptions, check_costs

_LARGEST = 400_000_000
"""Weights of a network: more than any policy here has use for, and still 1.6 GB."""

_NOTHING = ChunkRequest(0.0)
"""Stands in the rows that only fill a pass."""


class ChunkPolicy(ABC):
    """A learned policy; implements the `Policy` protocol and a batched form.

    Attributes:
        card: what it is, all but the weights.
        spec: the raw keys that it reads; an observation that lacks one raises SpecError.
        chunk_spec: what its chunks look like.
        network: the weights.
        engine: what answers in the network's place; None for the network itself.
        steering_options: how hard costs steer.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[Any]]
    guide: ClassVar[float] = GUIDE
    """How much what runs pulls at a chunk that is there; 0 where it has guided its making."""

    def __init__(self, card: Card, device: str = "cpu") -> None:
        self.card = card
        self.spec: FeatureSpec = card.encoder.spec
        self.chunk_spec: ChunkSpec = card.chunk_spec
        self.settings: Any = settings_of(self.Settings, card.settings, where=self.name)
        self.device = torch.device(device)
        self._check_size()
        self.engine: Callable[..., Tensor] | None = None
        self.steering_options = SteeringOptions()
        self.network = self.build().to(self.device)
        self.network.eval()
        self._center = torch.as_tensor(card.actions.center, device=self.device)
        self._scale = torch.as_tensor(card.actions.scale, device=self.device)
        self._seed, self._calls = 0, 0

    @abstractmethod
    def build(self) -> nn.Module:
        """A fresh network, on the CPU, initialised from torch's global generator."""

    @abstractmethod
    def loss(self, network: nn.Module, features: Tensor, actions: Tensor, seed: int) -> Tensor:
        """Training loss () of normalised features (B, F) and chunks (B, H, A).

        All randomness comes from `seed`, so that a resumed training repeats it.
        """

    @abstractmethod
    def predict(
        self,
        features: Tensor,
        seeds: Sequence[int],
        frozen: Frozen | None = None,
        costs: Sequence[Cost | None] = (),
    ) -> Tensor:
        """Normalised chunks (B, H, A) of normalised features (B, F), one seed a row.

        It asks the network by `answer`.
        """

    def answer(self, *inputs: Tensor) -> Tensor:
        """What the network says to these inputs, each (B, ...), by whichever engine runs it."""
        out: Tensor = (self.engine or self.network)(*inputs)
        return out

    def reset(self, seed: int) -> None:
        """Begin an episode; equal seeds give equal chunks."""
        self._seed, self._calls = seed, 0

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The next actions; fewer than H if the request starts after the observation.

        Action k is reached at `request.start_s + (k + 1) * step_s`; what lies between the
        observation and the start is left out. `delay_s` moves nothing, because actions are bound
        to the clock: it is only checked that some remain. With a prefix the chunk begins with its
        committed actions as they are and goes on from them. Raises SpecError for an observation
        that does not fit `spec` or is not finite, for a request out of reach, and for a prefix
        that does not fit.
        """
        return self.chunks([observation], [request])[0]

    def chunks(
        self,
        observations: Sequence[Observation],
        requests: Sequence[ChunkRequest],
        rows: Sequence[int] | None = None,
    ) -> list[ActionChunk]:
        """Chunks for a vector of worlds in one pass, on one thread.

        A second thread would gain nothing on so few rows, and make the slowest call slower.
        Row i draws what a policy after `reset(seed + i)` would draw at the same call; `rows`
        gives other numbers than 0, 1, ... when some worlds of the vector have finished.
        """
        rows = range(len(requests)) if rows is None else rows
        draws = [(self._seed + row, self._calls) for row in rows]
        chunks = self.chunks_of(draws, observations, requests)
        self._calls += 1
        return chunks

    def chunks_of(
        self,
        draws: Sequence[tuple[int, int]],
        observations: Sequence[Observation],
        requests: Sequence[ChunkRequest],
        pass_rows: int = 1,
    ) -> list[ActionChunk]:
        """Chunks for worlds that are not in step, in one pass; this policy's own count stays.

        Where `draws[i]` is `(seed, call)`, row i draws what a policy after `reset(seed)` would
        draw at that call, counted from 0. The pass is filled up to `pass_rows` rows: a network's
        last bits depend on the size of its batch, so that with passes of one size a chunk is the
        same to the bit whatever else is in its pass.
        """
        check_costs(requests, self.chunk_spec)
        if not len(observations) == len(requests) == len(draws) or not observations:
            raise SpecError("chunks", expected="as many requests as observations, at least one")
        spec, pairs = self.chunk_spec, list(zip(observations, requests, strict=True))
        offsets = [offset_steps(o.time_s, request, spec) for o, request in pairs]
        for request, at in zip(requests, offsets, strict=True):
            check_prefix(request, at, spec)
        surplus = max(0, pass_rows - len(pairs))
        features = self._features([*observations, *[observations[0]] * surplus])
        seeds = [draw_seed(*draw) for draw in draws] + [0] * surplus
        asked = [*requests, *[_NOTHING] * surplus]
        frozen = self._frozen(asked, [*offsets, *[0.0] * surplus])
        with torch_threads(1), torch.no_grad():
            normal = self.predict(features, seeds, frozen, [request.cost for request in asked])
        values = self.decode(normal).cpu().numpy().astype(float)
        return [
            self._chunk(o, r, continued(v, r, at, self.guide))
            for (o, r), v, at in zip(pairs, values, offsets, strict=False)
        ]

    def steering(self, costs: Sequence[Cost | None], frozen: Frozen | None) -> Steering | None:
        """What moves the clean estimates of a pass down its costs; None without any."""
        if not any(cost is not None for cost in costs):
            return None
        mask = None if frozen is None else frozen.mask
        return Steering(costs, self._center, self._scale, mask, self.steering_options)

    @property
    def members(self) -> Sequence[ChunkPolicy]:
        """The policies whose networks answer: itself, or a composition's parts."""
        return (self,)

    def decode(self, normal: Tensor) -> Tensor:
        """Chunks (B, H, A) in SI units of normalised ones."""
        return normal * self._scale + self._center

    def save(self, folder: Path | str) -> None:
        """Write `policy.safetensors` and `policy.json`; equal policies give equal bytes."""
        from .storage import save_policy

        save_policy(self, Path(folder))

    def _check_size(self) -> None:
        """Raise ConfigError for a network that no machine should be asked to hold."""
        with torch.device("meta"):  # shapes only
            check_size(count_weights(self.build()), self.name)

    def _features(self, observations: Sequence[Observation]) -> Tensor:
        """Normalised features (B, F) on the device."""
        read: dict[int, dict[str, Any]] = {}
        for observation in observations:
            if id(observation) not in read:
                values = observation.values()
                self.spec.check(values, where="observation")
                read[id(observation)] = values
        raw = [read[id(observation)] for observation in observations]
        stacked = {key: np.stack([values[key] for values in raw]) for key in self.spec}
        features = self.card.encoder.encode(stacked)
        if not np.isfinite(features).all():
            raise SpecError(
                "observation is not finite",
                where=self.name,
                hint="mark what is not known as invalid (EntityState.valid)",
            )
        return torch.as_tensor(self.card.features.encode(features), device=self.device)

    def _frozen(self, requests: Sequence[ChunkRequest], offsets: Sequence[float]) -> Frozen | None:
        """What already runs, for the rows that have a prefix; None if none has."""
        spec = self.chunk_spec
        rows = [placed(request, at, spec) for request, at in zip(requests, offsets, strict=True)]
        weights = np.array([weights for weights, _ in rows], dtype=np.float32)
        if not weights.any():
            return None
        values = np.array([values for _, values in rows], dtype=np.float32)
        normal = (torch.as_tensor(values, device=self.device) - self._center) / self._scale
        return Frozen(torch.as_tensor(weights, device=self.device)[..., None], normal)

    def _chunk(self, observation: Observation, request: ChunkRequest, values: Array) -> ActionChunk:
        spec, hand = self.chunk_spec, self.card.hand
        reference = observation.tool(hand) if spec.frame == "tool" else None
        return ActionChunk(request.start_s, spec.step_s, spec.frame, values, reference, hand)


def count_weights(network: nn.Module) -> int:
    """How many there are; those that two of its modules share count twice."""
    return sum(weight.numel() for _, weight in network.named_parameters(remove_duplicate=False))


def check_size(weights: int, where: str) -> None:
    """Raise ConfigError for more weights than a policy may have."""
    if weights > _LARGEST:
        raise ConfigError(
            "network is too large",
            where=where,
            expected=f"at most {_LARGEST} weights",
            got=str(weights),
            hint="choose a smaller hidden, or fewer blocks",
        )


def draw_seed(seed: int, call: int) -> int:
    """Seed of the noise of one call of an episode."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{call}".encode(), digest_size=7).digest())
