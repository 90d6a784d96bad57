"""A network run by ONNX Runtime: made here from the network in memory, never read from a file.

Only the network changes its engine. Noise, steps, prefix and cost stay where they are, so the same
seed gives the same noise and nothing is supported in one engine alone.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kata.datasets.types import ConfigError, MissingDependencyError

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


class OnnxNetwork:
    """Called as the network is that it was made of, with any number of rows.

    The weights are those of the moment at which it was made.

    Args:
        network: on the CPU.
        example: what it is called with; the first axis of each is the batch, of at least two rows.

    Raises:
        MissingDependencyError: without ONNX Runtime and what makes graphs for it.
        ConfigError: for a network that cannot be put into a graph.
    """

    def __init__(self, network: nn.Module, example: Sequence[Tensor]) -> None:
        for package in _PACKAGES:
            if importlib.util.find_spec(package) is None:
                raise MissingDependencyError(package, "onnx", purpose="inference=onnx")
        from onnxruntime import InferenceSession, SessionOptions

        self.names = tuple(f"input_{i}" for i in range(len(example)))
        options = SessionOptions()
        # Chunks are small: a second thread costs more than it brings, and the slowest call most.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session: Any = InferenceSession(
            _graph(network, example, self.names), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, *inputs: Tensor) -> Tensor:
        """What the network answers."""
        feeds = {name: x.numpy() for name, x in zip(self.names, inputs, strict=True)}
        return torch.from_numpy(self.session.run(None, feeds)[0])


def _graph(network: nn.Module, example: Sequence[Tensor], names: Sequence[str]) -> bytes:
    """The network as a serialised ONNX model whose batch may have any length."""
    rows = torch.export.Dim("rows")
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter warns of its own internals
            made = torch.onnx.export(
                network,
                tuple(example),
                input_names=list(names),
                dynamic_shapes=tuple({0: rows} for _ in example),
                dynamo=True,
                verbose=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        raise ConfigError(
            "the network cannot be put into an ONNX graph",
            where="inference=onnx",
            got=str(error).strip().splitlines()[0][:200],
            hint="use inference=torch",
        ) from error
    finally:
        log.setLevel(level)
    assert made is not None
    serialised: bytes = made.model_proto.SerializeToString()
    return serialised
