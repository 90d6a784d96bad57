"""Where torch computes, and on how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from kata.datasets.types import ConfigError, UnknownNameError


def find_device(name: str) -> str:
    """`cpu` or `cuda` of `cpu`, `cuda` or `auto`. Raises ConfigError where there is no CUDA."""
    if name not in ("auto", "cpu", "cuda"):
        raise UnknownNameError("device", name, ("auto", "cpu", "cuda"))
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ConfigError(
            "no CUDA device",
            where="device",
            expected="a GPU that torch can use",
            hint="use device=cpu or device=auto; `kata doctor` says what this machine has",
        )
    return "cuda" if there and name != "cpu" else "cpu"


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run on this many torch threads, and restore the number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
