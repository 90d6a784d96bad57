"""A LeRobot training's checkpoint: weights and optimiser in one file, replaced whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from kata.datasets.files import write_file
from kata.datasets.types import PackageError

from ..checkpoint import CHECKPOINT_NAME, Curves, check_identity


def write_state(
    folder: Path,
    module: Any,
    optimizer: torch.optim.Optimizer,
    step: int,
    curves: Curves,
    identity: Mapping[str, Any],
) -> None:
    """Replace the folder's checkpoint. Raises StorageError; the old one is kept then."""
    # A copy each: LeRobot's modules may share weights, which the format does not allow.
    tensors = {f"weight.{k}": t.detach().cpu().clone() for k, t in module.state_dict().items()}
    for place, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"moment.{place}.{name}"] = torch.as_tensor(value).detach().cpu().clone()
    state = {"step": step, "curves": curves.to_json(), "identity": dict(identity)}
    write_file(folder / CHECKPOINT_NAME, save(tensors, metadata={"state": json.dumps(state)}))


def read_state(
    folder: Path, module: Any, optimizer: torch.optim.Optimizer, identity: Mapping[str, Any]
) -> tuple[int, Curves] | None:
    """Put a checkpoint into module and optimiser: its step and curves; None without.

    Raises ConfigError for one of another identity, PackageError for one that is damaged.
    """
    path = folder / CHECKPOINT_NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            state = json.loads(file.metadata()["state"])
            check_identity(folder, state["identity"], identity)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        weights = {k.removeprefix("weight."): t for k, t in tensors.items() if k[0] == "w"}
        moments: dict[int, dict[str, Any]] = {}
        for key, tensor in tensors.items():
            if key.startswith("moment."):
                _, place, name = key.split(".", 2)
                moments.setdefault(int(place), {})[name] = tensor
        module.load_state_dict(weights)
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
        return int(state["step"]), Curves.from_json(state["curves"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise PackageError(
            "damaged checkpoint",
            where=str(path),
            got=str(error)[:200],
            hint="delete it to train anew",
        ) from error
