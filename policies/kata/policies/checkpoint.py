"""A training's checkpoint: one safetensors file, replaced whole, that a kill cannot tear."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from kata.datasets.files import write_file
from kata.datasets.types import ConfigError, PackageError

CHECKPOINT_NAME, CURVES_NAME = "checkpoint.safetensors", "curves.json"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
Point = tuple[int, float]


@dataclass(slots=True)
class Curves:
    """Losses over steps: means in training, and on held-out episodes.

    `pending` are the losses since the last point.
    """

    train: list[Point] = field(default_factory=list)
    held_out: list[Point] = field(default_factory=list)
    pending: list[float] = field(default_factory=list)

    def add(self, step: int, loss: float, every: int) -> None:
        """Take one step's loss; every so many steps their mean becomes a point."""
        self.pending.append(loss)
        if step % every == 0:
            self.train.append((step, sum(self.pending) / len(self.pending)))
            self.pending.clear()

    def last(self, name: Literal["train", "held_out"]) -> float:
        """The newest value of a curve; NaN before the first."""
        points = self.train if name == "train" else self.held_out
        if name == "train" and self.pending:
            return sum(self.pending) / len(self.pending)
        return points[-1][1] if points else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"train": self.train, "held_out": self.held_out, "pending": self.pending}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Curves:
        """Inverse of `to_json`."""
        train, held = (
            [(int(step), float(loss)) for step, loss in data[name]]
            for name in ("train", "held_out")
        )
        return cls(train, held, [float(loss) for loss in data["pending"]])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that a training needs to go on, weights in the network's order.

    Attributes:
        identity: configuration and data; another training must not go on from this one.
        moments: AdamW's state of each weight: `step`, `exp_avg`, `exp_avg_sq`.
    """

    step: int
    identity: dict[str, Any]
    curves: Curves
    weights: Sequence[Tensor]
    averaged: Sequence[Tensor]
    moments: Sequence[dict[str, Tensor]]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint. Raises StorageError; the old one is kept then."""
    tensors = {}
    for i, (weight, mean, moments) in enumerate(
        zip(checkpoint.weights, checkpoint.averaged, checkpoint.moments, strict=True)
    ):
        tensors[f"weight.{i}"] = weight
        tensors[f"averaged.{i}"] = mean
        tensors |= {f"{name}.{i}": moments[name] for name in _MOMENTS}
    state = {
        "step": checkpoint.step,
        "identity": checkpoint.identity,
        "curves": checkpoint.curves.to_json(),
    }
    data = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        metadata={"state": json.dumps(state)},
    )
    write_file(folder / CHECKPOINT_NAME, data)


def read_checkpoint(
    folder: Path, like: Sequence[Tensor], identity: Mapping[str, Any]
) -> Checkpoint | None:
    """The folder's checkpoint, on the device of `like`; None if there is none.

    Raises ConfigError for one of another identity, PackageError for one that is damaged.
    """
    path = folder / CHECKPOINT_NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt", device=str(like[0].device)) as file:
            state = json.loads(file.metadata()["state"])
            check_identity(folder, state["identity"], identity)
            rows = range(len(like))
            weights = [file.get_tensor(f"weight.{i}") for i in rows]
            averaged = [file.get_tensor(f"averaged.{i}") for i in rows]
            moments = [{name: file.get_tensor(f"{name}.{i}") for name in _MOMENTS} for i in rows]
        curves = Curves.from_json(state["curves"])
        found = Checkpoint(
            int(state["step"]), state["identity"], curves, weights, averaged, moments
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise PackageError(
            "damaged checkpoint",
            where=str(path),
            got=str(error)[:200],
            hint="delete it to train anew",
        ) from error
    shapes = [(a.shape, b.shape) for a, b in zip(weights, averaged, strict=True)]
    if any(pair != (weight.shape, weight.shape) for pair, weight in zip(shapes, like, strict=True)):
        raise PackageError("checkpoint of another network", where=str(path))
    return found


def check_identity(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise ConfigError, with what differs, if a folder's checkpoint is of another training.

    To be asked before its tensors are read: those of another network do not fit, and would look
    like damage.
    """
    if found != wanted:
        raise ConfigError(
            "the checkpoint there came from another training",
            where=str(folder),
            got=", ".join(_differences(found, wanted)),
            hint="choose another out=DIR, or delete that folder",
        )


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before, now = ({**part.get("config", {}), **part} for part in (old, new))
    keys = sorted((set(before) | set(now)) - {"config"})
    return [f"another {key}" for key in keys if before.get(key) != now.get(key)]


def write_curves(folder: Path, curves: Curves) -> None:
    """Write `curves.json`: lists of [step, loss] for `train` and `held_out`."""
    body = {"train": curves.train, "held_out": curves.held_out}
    write_file(folder / CURVES_NAME, (json.dumps(body) + "\n").encode())
