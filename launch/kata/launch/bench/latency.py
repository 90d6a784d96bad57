"""From an observation to a chunk: the median call and the slowest, against LeRobot's policies."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .measure import Sample
from .registry import BenchContext
from .table import BenchResult, Bound, Row

if TYPE_CHECKING:
    from kata.policies.policy import ChunkPolicy

DEFAULT = "diffusion, 4 steps"
"""What `kata train` makes unless told otherwise."""

KINDS: Mapping[str, tuple[str, Mapping[str, int | str]]] = {
    DEFAULT: ("diffusion", {}),
    "diffusion, 1 step": ("diffusion", {"steps": 1}),
    "diffusion, 10 steps": ("diffusion", {"steps": 10}),
    "flow, 4 steps": ("flow", {}),
    "regression": ("regression", {}),
    "diffusion, 4 steps, unet": ("diffusion", {"network": "unet"}),
    "diffusion, 4 steps, transformer": ("diffusion", {"network": "transformer"}),
}
"""A registered policy and what differs from its defaults, by the name of its rows."""

NOTES = (
    (
        "Wall time of a call on one thread, in rounds; a value is that of the median round. Ours "
        "is `chunk()`: checks, features, noise, network, prefix, decoding. Weights are random, "
        "which changes no time."
    ),
    (
        "LeRobot's is `reset()` and `select_action()` on tensors that are ready, without its "
        "processors, state only, as `configs/policy/lerobot` sets it; at default size with its own "
        "defaults and DDIM-10. Its p99 is of 7 calls a round, ours of 100."
    ),
    (
        "What limits it: of the default policy a third is features and checks in numpy, the rest "
        "small matrix products and what torch adds to each, which ONNX Runtime saves."
    ),
)

_SCENES = 16
_MS = 1e3


@dataclass(frozen=True, slots=True)
class Latency:
    """Median and 99th percentile of the calls of each round, in ms."""

    p50: Sample
    p99: Sample


@dataclass(slots=True)
class _Bench:
    context: BenchContext
    rows: list[Row] = field(default_factory=list)

    def run(self) -> None:
        from .lerobot_latency import LEROBOT

        quick = self.context.quick
        theirs = {}
        for name, make in LEROBOT.items():
            if quick and name.endswith("default size"):
                continue
            self.context.say(name)
            calls = 1 if quick or name.endswith("default size") else 7
            theirs[name] = latency(make(self.context.seed), rounds=3, calls=calls)
        sampler, regressor = "LeRobot diffusion, DDIM-10", "LeRobot ACT"
        differences = []
        for name, (kind, settings) in KINDS.items():
            against = regressor if kind == "regression" else sampler
            policy = make_policy(kind, settings, self.context.seed)
            self.context.say(name)
            found = self._ours(name, policy, theirs[against], against)
            if name == DEFAULT:
                self._default(found, theirs)
            if not quick or name == DEFAULT:
                differences.append(self._by_onnx(name, policy, theirs[against], against))
        worst = Sample.of([max(differences)])
        self.rows.append(
            Row("greatest difference of ONNX from torch", "", worst, None, Bound(1e-4, "ours"))
        )

    def _ours(self, name: str, policy: ChunkPolicy, other: Latency, against: str) -> Latency:
        found = latency(asking(policy), rounds=5, calls=3 if self.context.quick else 100)
        must = Bound(3.0, "ours") if name == DEFAULT else None
        self.rows += [
            Row(f"{name}: p50", "ms", found.p50, other.p50, must, against=against),
            Row(f"{name}: p99", "ms", found.p99, other.p99, against=against),
        ]
        return found

    def _default(self, found: Latency, theirs: Mapping[str, Latency]) -> None:
        """What only the default policy has: its slowest call, and LeRobot's own sizes."""
        share = Sample.of([found.p99.median / found.p50.median])
        self.rows.append(Row(f"{DEFAULT}: p99 over p50", "x", share, None, Bound(2.5, "ours")))
        self.rows += [
            Row(f"{DEFAULT}: p50, against {name}", "ms", found.p50, other.p50, against=name)
            for name, other in theirs.items()
            if name.endswith("default size")
        ]

    def _by_onnx(self, name: str, policy: ChunkPolicy, other: Latency, against: str) -> float:
        """The same policy by ONNX Runtime; the greatest difference from torch."""
        from kata.policies.inference import set_inference

        difference = set_inference(policy, "onnx")
        self._ours(f"{name}, onnx", policy, other, against)
        return difference


def run(context: BenchContext) -> BenchResult:
    """Rows for each policy, by torch and by ONNX Runtime.

    Raises MissingDependencyError without LeRobot or ONNX Runtime.
    """
    from kata.policies.device import torch_threads

    bench = _Bench(context)
    with torch_threads(1):
        bench.run()
    return BenchResult(tuple(bench.rows), notes=NOTES)


def latency(call: Callable[[int], object], rounds: int, calls: int) -> Latency:
    """Seconds of `call(0)`, `call(1)`, ... on the clock, after a warm-up of one round."""
    p50, p99 = [], []
    for number in range(rounds + 1):
        times = []
        for i in range(calls):
            begun = time.perf_counter()
            call(i)
            times.append(time.perf_counter() - begun)
        if number:
            p50.append(_MS * float(np.median(times)))
            p99.append(_MS * float(np.percentile(times, 99)))
    return Latency(Sample.of(p50), Sample.of(p99))


def make_policy(kind: str, settings: Mapping[str, Any], seed: int) -> ChunkPolicy:
    """A policy with random weights for one object in focus, as `kata train` would shape it."""
    import torch

    from kata.policies import make_policy as make
    from kata.policies import policy_settings
    from kata.policies.card import Card
    from kata.policies.demonstrations import TOOL_CHUNK
    from kata.policies.features import StateEncoder
    from kata.policies.normalise import Normaliser

    encoder = StateEncoder(joints=8, gripper=7, slots=1)

    def unit(*shape: int) -> Normaliser:
        zeros = np.zeros(shape, np.float32)
        return Normaliser(zeros, zeros + 1, 5.0)

    torch.manual_seed(seed)
    return make(
        Card(
            kind,
            policy_settings(kind, settings),
            encoder,
            TOOL_CHUNK,
            unit(encoder.size),
            unit(TOOL_CHUNK.horizon, TOOL_CHUNK.width),
        )
    )


def asking(policy: ChunkPolicy, scenes: int = _SCENES) -> Callable[[int], object]:
    """A call that asks the policy about one of several scenes."""
    from kata.datasets.types import ChunkRequest
    from kata.policies.fakes import fake_observation

    seen: Sequence[Any] = [fake_observation(i, slots=1) for i in range(scenes)]
    policy.reset(0)
    return lambda i: policy.chunk(seen[i % scenes], ChunkRequest(seen[i % scenes].time_s))
