"""A boundary on disk: `boundary.json` and `boundary.safetensors`. No code, no pickle.

The card has `format`, `kind`, whose boundary it is, and under `sections` a card for each component;
the tensors of a component bear its name in front, as in `model/leaf`. Format 1 is read as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import PackageError

from .boundary import LearnedBoundary
from .novelty import Novelty
from .progress import ProgressModel
from .sections import Fits, Section
from .start_model import StartModel
from .start_pool import StartPool
from .tensors import read_tensors, write_both

FORMAT = 2
CARD_NAME, TENSORS_NAME = "boundary.json", "boundary.safetensors"
_MOST_BYTES = 8 << 20
_MOST_MEMBERS = 64

SECTIONS: Mapping[str, type[Section]] = MappingProxyType(
    {"model": StartModel, "pool": StartPool, "novelty": Novelty, "progress": ProgressModel}
)
"""Class of each section by its name; a boundary's field of that name holds it, or None."""

_NEEDED = ("model", "pool")


def save_boundary(boundary: LearnedBoundary, folder: Path) -> None:
    """Write both files; equal boundaries give equal bytes. Raises StorageError."""
    cards: dict[str, Any] = {}
    tensors: dict[str, NDArray[Any]] = {}
    for name in SECTIONS:
        section: Section | None = getattr(boundary, name)
        if section is not None:
            cards[name], arrays = section.to_parts()
            tensors |= {f"{name}/{key}": np.ascontiguousarray(a) for key, a in arrays.items()}
    whose = {} if boundary.fits is None else boundary.fits.to_data()
    card = {"format": FORMAT, "kind": "learned", **whose, "sections": cards}
    write_both(folder / CARD_NAME, card, folder / TENSORS_NAME, tensors)


def load_boundary(folder: Path) -> LearnedBoundary:
    """The boundary of a package's folder. Raises PackageError for one that is not sound."""
    path = folder / CARD_NAME
    card = _read_card(path)
    tensors = read_tensors(folder / TENSORS_NAME, _MOST_BYTES, "boundary")
    if card["format"] == 1:
        card, tensors = _of_format_1(card, tensors, path)
    fits = _parse(path, "", lambda: Fits.from_data(card)) if "skill" in card else None
    cards = card.get("sections")
    if not isinstance(cards, dict):
        raise _unsound(path, "sections", f"got {type(cards).__name__}")
    unknown = sorted(set(cards) - set(SECTIONS))
    missing = [name for name in _NEEDED if name not in cards]
    if unknown or missing:
        raise PackageError(
            "boundary is not sound",
            where=str(path),
            expected=f"sections {', '.join(_NEEDED)}; besides at most {', '.join(SECTIONS)}",
            got=", ".join(map(str, cards)) or "none",
        )
    read: dict[str, Any] = {
        name: _section(path, name, part, tensors) for name, part in cards.items()
    }
    return _parse(path, "", lambda: LearnedBoundary(**read, fits=fits))


def _section(path: Path, name: str, card: Any, tensors: Mapping[str, NDArray[Any]]) -> Section:
    if not isinstance(card, dict):
        raise _unsound(path, name, f"got {type(card).__name__}")
    mine = {
        key.removeprefix(f"{name}/"): array
        for key, array in tensors.items()
        if key.startswith(f"{name}/")
    }
    return _parse(path, name, lambda: SECTIONS[name].of_parts(card, mine))


def _parse[T](path: Path, section: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise _unsound(path, section, f"{type(error).__name__}: {error}") from None


def _unsound(path: Path, section: str, got: str) -> PackageError:
    where = f"{path}, sections.{section}" if section else str(path)
    return PackageError(
        "boundary is not sound",
        where=where,
        expected="parts of shapes that fit each other, finite numbers",
        got=got[:300],
        hint="measure the skill anew",
    )


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_bytes()[:_MOST_BYTES])
    except (OSError, ValueError, RecursionError) as error:
        raise PackageError("cannot read the boundary", where=str(path), got=str(error)) from None
    known = isinstance(card, dict) and card.get("kind") == "learned"
    if not known or card.get("format") not in (1, FORMAT):
        got = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise PackageError(
            "unknown boundary", where=str(path), expected=f"format: 1 or {FORMAT}", got=str(got)
        )
    return dict(card)


def _of_format_1(
    card: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], path: Path
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Format 1 had one card for the start model, and starts without a word whose they were."""
    if not isinstance(card.get("members"), int) or not 0 < card["members"] <= _MOST_MEMBERS:
        raise _unsound(path, "", f"members: {card.get('members')!r}"[:80])
    members = range(card["members"])

    def read() -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        model = {key: card[key] for key in ("base", "scale", "shift", "quality")}
        rate = float(card["quality"]["rate"])
        model |= {"encoding": 1, "rounds": [len(tensors[f"{m}.feature"]) for m in members]}
        found = {
            f"model/{part}": np.concatenate([tensors[f"{m}.{part}"] for m in members])
            for part in ("feature", "threshold", "leaf")
        }
        found["pool/position"] = tensors["starts.position"]
        found["pool/tool"] = tensors["starts.tool"]
        return {"format": FORMAT, "sections": {"model": model, "pool": {"rate": rate}}}, found

    return _parse(path, "", read)
