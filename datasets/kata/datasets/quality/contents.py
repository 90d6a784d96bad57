"""What of a dataset can be read, as arrays, whatever is wrong with the rest.

Legend: `F` frames that could be read, `E` episodes that they belong to, `W` numbers a frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..columns import Column, TextColumn
from ..lerobot_format import Entry
from ..schema import Schema
from ..types import Array, RobotSpec

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Contents:
    """The readable frames of a dataset, episode after episode.

    Attributes:
        entries: every episode that the metadata announces.
        columns: arrays (F, ...) and texts by key; without what could not be read.
        bounds: rows (start, stop) by episode, in the order of the rows.
        names: of the numbers of a column, where the dataset says.
        ours: whether Kata's own description of the dataset is there.
        robot: what is known of the robot; its limits are not checked without.
    """

    root: Path
    schema: Schema
    entries: tuple[Entry, ...]
    columns: Mapping[str, Column]
    bounds: Mapping[int, tuple[int, int]]
    names: Mapping[str, tuple[str, ...]]
    ours: bool
    robot: RobotSpec | None = None

    @property
    def fps(self) -> float:
        """Frames per s."""
        return float(self.schema.fps)

    @property
    def frames(self) -> int:
        """F."""
        return max((stop for _, stop in self.bounds.values()), default=0)

    @cached_property
    def starts(self) -> Rows:
        """First row of each readable episode (E,)."""
        return np.array([start for start, _ in self.bounds.values()], dtype=np.int64)

    @cached_property
    def lengths(self) -> Rows:
        """Frames of each readable episode (E,)."""
        return np.array([stop - start for start, stop in self.bounds.values()], dtype=np.int64)

    @cached_property
    def episodes(self) -> Rows:
        """Index of each readable episode (E,)."""
        return np.array(list(self.bounds), dtype=np.int64)

    @cached_property
    def place(self) -> Rows:
        """Position in (E,) of each row's episode (F,)."""
        return np.repeat(np.arange(len(self.bounds)), self.lengths)

    @cached_property
    def inside(self) -> Mask:
        """Whether a row and the next one are of one episode (F - 1,)."""
        return np.asarray(self.place[1:] == self.place[:-1])

    def at(self, row: int) -> tuple[int, int]:
        """Episode and frame of a row."""
        place = int(self.place[row])
        return int(self.episodes[place]), int(row - self.starts[place])

    def numbers(self, key: str) -> Array | None:
        """A numeric column as (F, W); None where there is none."""
        column = self.columns.get(key)
        if not isinstance(column, np.ndarray) or column.dtype.kind not in "fiub":
            return None
        return column.reshape(len(column), -1)

    def texts(self, key: str) -> TextColumn | None:
        """A text column; None where there is none."""
        column = self.columns.get(key)
        return column if isinstance(column, TextColumn) else None

    def runs(self, mask: Mask, least: int = 1) -> Iterator[tuple[int, int]]:
        """Rows (start, stop) of at least `least` marked rows (F,) in one episode."""
        if not mask.any():
            return
        edge = np.concatenate([[True], ~(mask[1:] & mask[:-1] & self.inside)])
        starts = np.flatnonzero(mask & edge)
        stops = np.flatnonzero(mask & np.concatenate([edge[1:], [True]])) + 1
        for start, stop in zip(starts, stops, strict=True):
            if stop - start >= least:
                yield int(start), int(stop)

    def grippers(self, key: str) -> Mask:
        """Which numbers of `key` (W,) are no joints of an arm, as far as names tell."""
        names = self.names.get(key, ())
        column = self.numbers(key)
        marked = np.zeros(0 if column is None else column.shape[1], dtype=bool)
        for i, name in enumerate(names[: len(marked)]):
            marked[i] = any(word in name.lower() for word in ("grip", "open", "finger", "jaw"))
        if self.ours and len(marked) == len(self.schema.joints):
            marked[list(self.schema.openings)] = True
        return marked

    def spread(self, values: Array) -> Array:
        """How far each number (F, W) ranges: between its 1 % and 99 % quantiles (W,)."""
        if not len(values):
            return np.zeros(values.shape[1])
        # A few thousand frames tell a quantile as well as all of them.
        few = values[:: max(1, len(values) // 5000)]
        low, high = np.nanquantile(np.where(np.isfinite(few), few, np.nan), [0.01, 0.99], axis=0)
        return np.nan_to_num(np.asarray(high - low, dtype=float))
