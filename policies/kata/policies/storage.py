"""A policy on disk: `policy.json` and `policy.safetensors`. No code, no pickle, bounded reads."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from kata.datasets.files import write_file
from kata.datasets.types import KataError, PackageError

from .card import card_from_json
from .registry import make_policy

if TYPE_CHECKING:
    from .policy import ChunkPolicy

CARD_NAME, WEIGHTS_NAME = "policy.json", "policy.safetensors"
_CARD_BYTES = 16 << 20
_HEADER_SLACK = 1 << 20
_WIDEST = 1 << 16


def save_policy(policy: ChunkPolicy, folder: Path) -> None:
    """Write both files, each at once or not at all. Raises StorageError."""
    card = json.dumps(policy.card.to_json(), indent=1, allow_nan=False) + "\n"
    write_file(folder / WEIGHTS_NAME, save(weights_of(policy)))
    write_file(folder / CARD_NAME, card.encode())


def weights_of(policy: ChunkPolicy) -> dict[str, torch.Tensor]:
    """A copy of each weight by name, on the CPU; those of a part of a composition as `part0...`.

    Parts may be one and the same policy; in a file each has weights of its own.
    """
    weights = policy.network.state_dict()
    return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in weights.items()}


def read_policy(folder: Path, device: str) -> ChunkPolicy:
    """The policy of a folder; see `registry.load_policy`."""
    card = card_from_json(read_json(folder / CARD_NAME), where=str(folder / CARD_NAME))
    for one in card.singles:
        spec = one.chunk_spec
        if spec.horizon * spec.width + one.encoder.size > _WIDEST:
            raise PackageError("policy is too large", where=str(folder / CARD_NAME))
    try:
        policy = make_policy(card, device)
    except KataError as error:
        where = f"{folder / CARD_NAME} {error.where}".strip()
        raise PackageError(
            error.what, where=where, expected=error.expected, got=error.got, hint=error.hint
        ) from error
    wanted = policy.network.state_dict()
    size = sum(t.numel() * t.element_size() for t in wanted.values())
    tensors = read_tensors(folder / WEIGHTS_NAME, size + _HEADER_SLACK)
    _check_shapes(tensors, wanted, folder / WEIGHTS_NAME)
    policy.network.load_state_dict(tensors)
    return policy


def _check_shapes(
    got: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], where: Path
) -> None:
    if set(got) != set(wanted):
        raise PackageError(
            "weights do not fit the configuration",
            where=str(where),
            expected=f"{len(wanted)} tensors",
            got=f"missing {sorted(set(wanted) - set(got))[:3]}, "
            f"surplus {sorted(set(got) - set(wanted))[:3]}",
        )
    for name, tensor in got.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype:
            raise PackageError(
                "weights do not fit the configuration",
                where=f"{where} {name}",
                expected=f"{wanted[name].dtype} {tuple(wanted[name].shape)}",
                got=f"{tensor.dtype} {tuple(tensor.shape)}",
            )
        if not bool(torch.isfinite(tensor).all()):
            raise PackageError("weights are not finite", where=f"{where} {name}")


def read_bounded(path: Path, limit: int) -> bytes:
    """A regular file of at most `limit` bytes. Raises PackageError."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            # Opening a pipe or a device could wait for ever.
            raise PackageError("not a regular file", where=str(path))
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size > limit:
                raise PackageError(
                    "file is too large",
                    where=str(path),
                    expected=f"at most {limit} bytes",
                    got=str(status.st_size),
                )
            return file.read(limit)
    except OSError as error:
        raise PackageError(
            "cannot read",
            where=str(path),
            got=error.strerror or repr(error),
            hint="point to a folder that `save` wrote",
        ) from error


def read_json(path: Path) -> Any:
    """Strict JSON of a bounded file. Raises PackageError."""
    try:
        return json.loads(read_bounded(path, _CARD_BYTES), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise PackageError("not JSON", where=str(path), got=str(error)[:200]) from error


def _refuse(text: str) -> float:
    raise ValueError(f"number {text}")


def read_tensors(path: Path, limit: int) -> dict[str, torch.Tensor]:
    """Tensors of a bounded safetensors file. Raises PackageError."""
    data = read_bounded(path, limit)
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise PackageError(
            "damaged weights", where=str(path), expected="safetensors", got=str(error)[:200]
        ) from error
