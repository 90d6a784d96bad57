"""Which engine runs a policy's network: torch, or ONNX Runtime with its answers compared."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from kata.datasets.types import ConfigError, Policy, UnknownNameError

from .policy import ChunkPolicy
from .settings import INFERENCES

TOLERANCE = 1e-4
"""Greatest difference of a normalised action between the engines."""

_ROWS = 3


def set_inference(policy: Policy, inference: str) -> float:
    """Run a policy's network with `torch` or `onnx` from now on.

    Returns the greatest difference between the two on fixed inputs, in normalised units, of any
    part where several are composed; 0 for torch. With `onnx` the network is put into a graph in
    memory, which takes seconds; weights that change afterwards are not seen.

    Raises:
        UnknownNameError: for another engine.
        MissingDependencyError: without the packages of `onnx`.
        ConfigError: for a policy that is no `ChunkPolicy` or not on the CPU, whose network cannot
            be put into a graph, or whose chunks differ by more than `TOLERANCE`; the policy stays
            as it was then.
    """
    if inference not in INFERENCES:
        raise UnknownNameError("inference", inference, INFERENCES, where="inference")
    if not isinstance(policy, ChunkPolicy):
        if inference == "onnx":
            raise _refused(type(policy).__name__, "a chunk policy of Kata's own")
        return 0.0
    if inference == "torch":
        for member in policy.members:
            member.engine = None
        return 0.0
    if policy.device.type != "cpu":
        raise _refused(policy.name, "a policy on the CPU", str(policy.device))
    before = [member.engine for member in policy.members]
    try:
        return max([_change(member) for member in policy.members])
    except BaseException:
        for member, engine in zip(policy.members, before, strict=True):
            member.engine = engine
        raise


def _change(policy: ChunkPolicy) -> float:
    """Put ONNX Runtime in; its greatest difference from torch."""
    from .onnx_network import OnnxNetwork

    seen = _Recorder(policy.network)
    wanted = _chunks(policy, seen)
    if not seen.inputs:
        raise _refused(policy.name, "a policy that runs its network by `answer`")
    got = _chunks(policy, OnnxNetwork(policy.network, seen.inputs))
    difference = max(float((a - b).abs().max()) for a, b in zip(wanted, got, strict=True))
    if not difference <= TOLERANCE:
        expected = f"chunks within {TOLERANCE:g} of torch's"
        raise _refused(policy.name, expected, f"{difference:.2g}")
    return difference


class _Recorder:
    """Answers as the network, and keeps what it was first asked."""

    def __init__(self, network: Callable[..., Tensor]) -> None:
        self.network = network
        self.inputs: tuple[Tensor, ...] = ()

    def __call__(self, *inputs: Tensor) -> Tensor:
        self.inputs = self.inputs or inputs
        return self.network(*inputs)


def _chunks(policy: ChunkPolicy, engine: Callable[..., Tensor]) -> list[Tensor]:
    """Normalised chunks for fixed inputs, by this engine: several rows together, and one alone."""
    policy.engine = engine
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(_ROWS, policy.card.encoder.size, generator=generator)
    with torch.no_grad():
        together = policy.predict(features, range(_ROWS))
        alone = policy.predict(features[:1], [_ROWS])
    return [together, alone]


def _refused(policy: str, expected: str, got: str = "") -> ConfigError:
    return ConfigError(
        "the policy cannot be run by ONNX Runtime",
        where=f"inference=onnx, policy {policy}",
        expected=expected,
        got=got,
        hint="use inference=torch",
    )
