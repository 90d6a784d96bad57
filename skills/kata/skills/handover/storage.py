"""A boundary on disk: `boundary.json` and `boundary.safetensors`. No code, no pickle.

Legend: `M` members of the ensemble, `R` trees, `P` stored starts, `D` joints.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from kata.datasets.types import PackageError, StorageError

from .boosting import Trees
from .boundary import LearnedBoundary
from .start_model import StartModel, StartQuality

FORMAT = 1
CARD_NAME, TENSORS_NAME = "boundary.json", "boundary.safetensors"
_MOST_BYTES = 16 << 20


def save_boundary(boundary: LearnedBoundary, folder: Path) -> None:
    """Write both files; equal boundaries give equal bytes. Raises StorageError."""
    model = boundary.model
    card = {
        "format": FORMAT,
        "kind": "learned",
        "members": len(model.members),
        "base": [trees.base for trees in model.members],
        "scale": model.scale,
        "shift": model.shift,
        "quality": model.quality.to_data(),
    }
    tensors: dict[str, NDArray[Any]] = {
        "starts.position": boundary.position,
        "starts.tool": boundary.tool,
    }
    for m, trees in enumerate(model.members):
        tensors[f"{m}.feature"] = trees.feature
        tensors[f"{m}.threshold"] = trees.threshold
        tensors[f"{m}.leaf"] = trees.leaf
    try:
        folder.mkdir(parents=True, exist_ok=True)
        packed = save({name: np.ascontiguousarray(t) for name, t in sorted(tensors.items())})
        (folder / TENSORS_NAME).write_bytes(packed)
        (folder / CARD_NAME).write_text(json.dumps(card, indent=1) + "\n")
    except OSError as error:
        raise StorageError("cannot write the boundary", where=str(folder), got=str(error)) from None


def load_boundary(folder: Path) -> LearnedBoundary:
    """The boundary of a package's folder. Raises PackageError for one that is not sound."""
    card = _read_card(folder / CARD_NAME)
    path = folder / TENSORS_NAME
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise PackageError("boundary is too large", where=str(path))
        tensors = load(path.read_bytes())
        members = tuple(
            Trees(
                float(card["base"][m]),
                tensors[f"{m}.feature"],
                tensors[f"{m}.threshold"],
                tensors[f"{m}.leaf"],
            )
            for m in range(int(card["members"]))
        )
        quality = StartQuality(**{**card["quality"], "samples": int(card["quality"]["samples"])})
        model = StartModel(members, float(card["scale"]), float(card["shift"]), quality)
        boundary = LearnedBoundary(model, tensors["starts.position"], tensors["starts.tool"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        raise PackageError(
            "cannot read the boundary", where=str(path), got=f"{type(error).__name__}: {error}"
        ) from None
    _check(boundary, path)
    return boundary


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_bytes()[:_MOST_BYTES])
    except (OSError, ValueError) as error:
        raise PackageError("cannot read the boundary", where=str(path), got=str(error)) from None
    if not isinstance(card, dict) or card.get("format") != FORMAT or card.get("kind") != "learned":
        got = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise PackageError(
            "unknown boundary", where=str(path), expected=f"format: {FORMAT}", got=str(got)
        )
    return card


def _check(boundary: LearnedBoundary, path: Path) -> None:
    """Shapes that fit each other and finite numbers, so that nothing fails while a robot moves."""
    sound = boundary.position.ndim == 2 and boundary.tool.shape == (len(boundary.position), 7)
    sound &= bool(boundary.model.members) and bool(np.isfinite(boundary.tool).all())
    for trees in boundary.model.members:
        rounds = len(trees.feature)
        sound &= trees.feature.shape == (rounds, 3) == trees.threshold.shape
        sound &= trees.leaf.shape == (rounds, 4) and bool(np.isfinite(trees.leaf).all())
        sound &= not rounds or bool(trees.feature.min() >= 0)
    if not sound:
        raise PackageError("boundary is not sound", where=str(path), expected="matching shapes")
