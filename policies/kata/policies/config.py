"""What a training is asked to do; `configs/train/*.yaml` holds the same keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kata.datasets.types import ConfigError, UnknownNameError

from .settings import check_range

PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training.

    Attributes:
        policy, settings: a registered policy and what differs from its defaults.
        steps: budget; never a time, so that the result does not depend on the machine's load.
        batch: chunks a step.
        lr, warmup: peak learning rate, and the steps to reach it; then a cosine to zero.
        ema: decay of the averaged weights, which are the ones that are saved.
        clip: bound on the gradient's norm.
        held_out: share of the episodes that is not trained on.
        feature_noise: spread of noise on normalised features, as augmentation.
        feature_floor: least spread of a feature that its normaliser divides by.
        action_floor, turn_floor: the same of actions, in m (or rad of a joint), and in rad of the
            tool's turn; they keep what is only noise in the demonstrations, such as the heading
            of a tool whose heading does not matter, from counting as much as what does.
        feature_clip, action_clip: bound of a normalised number.
        curve_every, held_out_every, checkpoint_every: in steps.
        threads: torch threads; more than one slows small networks down on shared cores.
        processes: of this machine that share each batch, each with a GPU of its own if any.
        precision: `fp32`, or `bf16` for the network's products.
        accumulate: pieces that a process cuts its share of a batch into, to save memory.
        compile: whether torch compiles the network before the first step.
        device: `cpu`, `cuda` or `auto`.
    """

    policy: str = "regression"
    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 4000
    batch: int = 128
    lr: float = 1e-3
    warmup: int = 100
    weight_decay: float = 1e-4
    ema: float = 0.995
    clip: float = 1.0
    held_out: float = 0.05
    feature_noise: float = 0.0
    feature_floor: float = 0.01
    action_floor: float = 0.005
    turn_floor: float = 0.05
    feature_clip: float = 5.0
    action_clip: float = 5.0
    curve_every: int = 50
    held_out_every: int = 500
    checkpoint_every: int = 500
    threads: int = 1
    processes: int = 1
    precision: str = "fp32"
    accumulate: int = 1
    compile: bool = False
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "curve_every", "held_out_every", "checkpoint_every"):
            check_range(name, getattr(self, name), 1, 1e9)
        for name in ("lr", "clip", "feature_clip", "action_clip"):
            check_range(name, getattr(self, name), 1e-9, 1e9)
        for name in ("feature_floor", "action_floor", "turn_floor"):
            check_range(name, getattr(self, name), 1e-9, 1e9)
        for name in ("warmup", "weight_decay", "feature_noise", "seed"):
            check_range(name, getattr(self, name), 0, 2**62)
        check_range("ema", self.ema, 0.0, 1.0)
        check_range("held_out", self.held_out, 0.0, 0.9)
        for name in ("threads", "processes", "accumulate"):
            check_range(name, getattr(self, name), 1, 256)
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS, where="precision")
        if not isinstance(self.settings, Mapping):
            raise ConfigError("wrong type", where="settings", expected="a mapping")

    def beyond_one_process(self) -> tuple[str, ...]:
        """The keys that ask for more than one process in float32."""
        plain = {"processes": 1, "precision": "fp32", "accumulate": 1, "compile": False}
        return tuple(name for name, value in plain.items() if getattr(self, name) != value)
