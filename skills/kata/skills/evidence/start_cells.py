"""Cells of trials that began alike: by argument, by what held at the start, by where things were.

Each way of looking at a start (`Factor`) puts every trial into exactly one of its cells. Lengths in
m, in the frame of the robot's base. Legend: `N` trials, `S` slots of focus, `K` numbers an entity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kata.datasets.types import Array
from kata.datasets.types.pose import quat_conjugate, quat_multiply, quat_yaw

from .trials import Trial

_X, _QUATERNION, _ARTICULATION, _SYMMETRY = slice(0, 3), slice(3, 7), 13, 14
_LEAST_SPREAD = 0.02
"""What differs by less than this (m, or a share of an articulation's way) is taken as equal."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One way of looking at starts: its name, and the cell (N,) that each trial falls into."""

    name: str
    cells: tuple[str, ...]

    @property
    def partition(self) -> frozenset[frozenset[int]]:
        """The trials of each cell."""
        return frozenset(
            frozenset(i for i, cell in enumerate(self.cells) if cell == one)
            for one in set(self.cells)
        )


def factors(trials: Sequence[Trial], parameters: Sequence[str]) -> list[Factor]:
    """All ways in which the starts differ; of those that part the trials alike the first.

    Args:
        trials: of one skill.
        parameters: names of its contract's parameters, in order.
    """
    if not trials:
        return []
    found: dict[frozenset[frozenset[int]], Factor] = {}
    for factor in _all(trials, parameters):
        partition = factor.partition
        if len(partition) > 1:
            found.setdefault(partition, factor)
    return list(found.values())


def _all(trials: Sequence[Trial], parameters: Sequence[str]) -> Iterator[Factor]:
    values = [trial.call.partition("(")[2].rstrip(")").split(", ") for trial in trials]
    if any(trial.start_kind for trial in trials):
        yield Factor("start", tuple(trial.start_kind or "unknown" for trial in trials))
    for slot, name in enumerate(parameters):
        yield Factor(name, tuple(row[slot] for row in values))
    known = set.intersection(*(set(trial.conditions) for trial in trials))
    for text in (text for text in trials[0].conditions if text in known):
        yield Factor(text, tuple("yes" if t.conditions[text] else "no" for t in trials))
    tool = np.array([trial.start.tool for trial in trials])
    yield from _thirds("tool height", tool[:, 2], "m")
    focus = np.array([trial.start.focus for trial in trials])
    for slot, name in enumerate(parameters[: focus.shape[1]]):
        yield from _slot(name, focus[:, slot], tool)


def _slot(name: str, row: Array, tool: Array) -> Iterator[Factor]:
    """Of one entity (N, K) that the call is about, and the tool (N, 7)."""
    place = row[:, _X]
    reach = np.hypot(place[:, 0], place[:, 1])
    if np.ptp(place[:, :2], axis=0).max() > _LEAST_SPREAD:
        yield _quadrants(f"{name} place", reach, place[:, 1])
        yield from _thirds(f"{name} reach", reach, "m")
    yield from _thirds(f"{name} distance", np.linalg.norm(place - tool[:, :3], axis=1), "m")
    fold = 2.0 * np.pi / np.maximum(row[:, _SYMMETRY], 1.0)
    heading = quat_yaw(quat_multiply(row[:, _QUATERNION], quat_conjugate(tool[:, 3:])))
    turn = np.abs(heading - fold * np.round(heading / fold))
    yield from _thirds(f"{name} turn", np.degrees(turn), "deg")
    yield from _thirds(f"{name} articulation", row[:, _ARTICULATION], "")


def _quadrants(name: str, reach: Array, y: Array) -> Factor:
    """Near or far from the base, to its left or right."""
    middle = round(float(np.median(reach)), 2)
    cells = [
        f"{'far' if r >= middle else 'near'} {'left' if side >= 0 else 'right'}"
        for r, side in zip(reach, y, strict=True)
    ]
    return Factor(f"{name} (near: under {middle:.2f} m)", tuple(cells))


def _thirds(name: str, values: Array, unit: str) -> Iterator[Factor]:
    """Low, middle and high values, a third of the trials each, with round numbers between them."""
    digits, least = (0, 2.0) if unit == "deg" else (2, _LEAST_SPREAD)
    if not np.isfinite(values).all() or np.ptp(values) < least:
        return
    low, high = (round(float(edge), digits) for edge in np.quantile(values, [1 / 3, 2 / 3]))
    shown = [f"{edge:.{digits}f}" for edge in (low, high)]
    tail = f" {unit}" if unit else ""
    parts = (f"under {shown[0]}", f"{shown[0]} to {shown[1]}", f"over {shown[1]}")
    where = (values >= low).astype(int) + (values > high)
    yield Factor(name, tuple(f"{parts[i]}{tail}" for i in where))
