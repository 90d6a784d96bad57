"""A transition graph on disk: `transitions.json` and `transitions.safetensors`. No code, no pickle.

The card has `format`, whose graph it is and its skills; the tensors are the arrays of the graph.
Legend: `N` nodes, `E` edges, `D` joints.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import PackageError

from ..tensors import read_tensors, write_both
from .graph import TransitionGraph
from .states import MOST_BUFFER_STEPS, States

FORMAT = 1
CARD_NAME, TENSORS_NAME = "transitions.json", "transitions.safetensors"
_MOST_CARD_BYTES = 1 << 20
_MOST_BYTES = 64 << 20
_STATES = {"position": None, "velocity": None, "tool": 7, "thing": 3, "thing_velocity": 3}
"""Arrays of the states with their widths; None is D."""


def save_graph(graph: TransitionGraph, folder: Path) -> None:
    """Write both files; equal graphs give equal bytes. Raises StorageError."""
    card = {
        "format": FORMAT,
        "robot": graph.robot,
        "joints": list(graph.joints),
        "arms": list(graph.arms),
        "skills": list(graph.skills),
    }
    tensors: dict[str, NDArray[Any]] = {
        name: np.ascontiguousarray(getattr(graph.states, name), dtype=np.float32)
        for name in _STATES
    }
    tensors |= {
        "skill": graph.skill.astype(np.int32),
        "episode": graph.episode.astype(np.int32),
        "carrying": graph.carrying.astype(np.uint8),
        "edges": np.ascontiguousarray(graph.edges, dtype=np.int32),
        "buffer": graph.buffer.astype(np.uint8),
    }
    write_both(folder / CARD_NAME, card, folder / TENSORS_NAME, tensors)


def load_graph(folder: Path) -> TransitionGraph:
    """The graph of a folder. Raises PackageError for one that is not sound."""
    card = _read_card(folder / CARD_NAME)
    tensors = read_tensors(folder / TENSORS_NAME, _MOST_BYTES, "transition graph")
    try:
        return _graph(card, tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise PackageError(
            "a transition graph that is not sound",
            where=str(folder),
            expected="arrays of shapes that fit each other, finite numbers, edges between nodes",
            got=f"{type(error).__name__}: {error}"[:300],
            hint="make it anew from the demonstrations",
        ) from None


def _graph(card: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> TransitionGraph:
    joints, skills = _names(card, "joints"), _names(card, "skills")
    arms = tuple(card["arms"])
    if not arms or not all(type(arm) is int and 0 <= arm < len(joints) for arm in arms):
        raise ValueError(f"arms: {arms}")
    if not isinstance(card["robot"], str):
        raise ValueError("robot is no text")
    nodes = len(tensors["position"])
    states = {}
    for name, width in _STATES.items():
        array = np.asarray(tensors[name], dtype=np.float64)
        if array.shape != (nodes, width or len(joints)) or not np.isfinite(array).all():
            raise ValueError(f"{name}: {array.shape}")
        states[name] = array
    whole = {
        "skill": _whole(tensors, "skill", (nodes,), len(skills)),
        "episode": _whole(tensors, "episode", (nodes,), max(nodes, 1)),
        "edges": _whole(tensors, "edges", (len(tensors["edges"]), 2), nodes),
        "buffer": _whole(tensors, "buffer", (len(tensors["edges"]),), MOST_BUFFER_STEPS + 1),
    }
    carrying = _whole(tensors, "carrying", (nodes,), 2).astype(bool)
    if not nodes or (np.diff(whole["episode"]) < 0).any():
        raise ValueError("nodes are not in the order of their demonstrations")
    return TransitionGraph(
        robot=card["robot"],
        joints=joints,
        arms=arms,
        skills=skills,
        states=States(**states),
        carrying=carrying,
        **whole,
    )


def _names(card: dict[str, Any], key: str) -> tuple[str, ...]:
    names = card[key]
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise ValueError(f"{key} are no names")
    return tuple(names)


def _whole(
    tensors: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...], below: int
) -> NDArray[np.int64]:
    """An array of whole numbers from 0 and below a bound."""
    array = tensors[name]
    if array.shape != shape or array.dtype.kind not in "iu":
        raise ValueError(f"{name}: {array.dtype} {array.shape}")
    found = array.astype(np.int64)
    if found.size and (found.min() < 0 or found.max() >= below):
        raise ValueError(f"{name}: {found.min()} to {found.max()}, expected 0 to {below - 1}")
    return found


def _read_card(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            card = json.loads(file.read(_MOST_CARD_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise PackageError(
            "cannot read the transition graph", where=str(path), got=str(error)
        ) from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        got = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise PackageError(
            "unknown transition graph",
            where=str(path),
            expected=f"format: {FORMAT}",
            got=str(got),
            hint="make it anew from the demonstrations",
        )
    return card
