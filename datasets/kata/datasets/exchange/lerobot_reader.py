"""A LeRobotDataset v3, Kata's or another's, as a source of episodes.

Legend: `T` frames of an episode.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..lerobot_format import (
    EPISODES_PATH,
    INFO,
    VIDEO_PATH,
    Entry,
    read_episode_stats,
    read_json,
    read_tasks,
    readable_features,
)
from ..quality.loading import read_contents
from ..schema import CAMERA_PREFIX
from ..statistics import Statistics
from ..types import DatasetError, Outcome
from .pictures import Clip
from .take import EPISODE_KEYS, Layout, Take, Values, carried


class LeRobotSource:
    """Reads episode by episode, so that a damaged one can be left out.

    Args:
        root: the dataset's folder.
        drop: episodes to leave out. Raises DatasetError where one of them is not there.
    """

    def __init__(self, root: Path, drop: Collection[int] = ()) -> None:
        self._root = root
        self._contents, self._faults, left = read_contents(root)
        features: dict[str, Any] = read_json(root / INFO)["features"]
        specs, _ = readable_features(features)
        schema = self._contents.schema
        self.layout = Layout(
            schema.robot,
            schema.fps,
            carried(schema.spec if self._contents.ours else specs),
            dict(schema.cameras),
            schema if self._contents.ours else None,
            "success" in specs,
        )
        tables = [k for k, s in specs.items() if len(s.shape) > 1 and s.dtype != "video"]
        self.notes = (
            *(f"left out: {why}" for why in left),
            *(f"left out: {key}: a table a frame" for key in tables),
        )
        self._tasks = read_tasks(root)
        self._stats: dict[Path, list[dict[str, Statistics]]] = {}
        self._entries = self._chosen(drop)

    @property
    def count(self) -> int:
        """How many episodes."""
        return len(self._entries)

    def _chosen(self, drop: Collection[int]) -> list[Entry]:
        known = [entry.index for entry in self._contents.entries]
        unknown = sorted(set(drop) - set(known))
        if unknown or set(known) <= set(drop):
            raise DatasetError(
                "cannot leave these episodes out",
                where="drop",
                expected=f"some of the episodes 0 to {known[-1]}, not all",
                got=", ".join(map(str, unknown or sorted(drop))),
            )
        return [entry for entry in self._contents.entries if entry.index not in drop]

    def takes(self) -> Iterator[Take]:
        """Every chosen episode. Raises DatasetError for one that is damaged."""
        for entry in self._entries:
            self._check(entry)
            start, stop = self._contents.bounds[entry.index]
            rows = slice(start, stop)
            columns = {key: self._values(key, rows) for key in self.layout.spec}
            yield Take(
                columns,
                self._sentences(entry, rows),
                self._outcome(entry, start),
                self._clips(entry),
            )

    def _check(self, entry: Entry) -> None:
        own = ("corrupt_file", "missing_file", "counts_disagree")
        for fault in self._faults:
            if fault.kind in own and fault.episode in (-1, entry.index):
                raise DatasetError(
                    "an episode that cannot be read whole",
                    where=f"{self._root}, {fault.place}",
                    got=fault.detail,
                    hint=f"restore the file from a copy, or leave it out: drop=[{entry.index}]",
                )

    def _values(self, key: str, rows: slice) -> Values:
        texts = self._contents.texts(key)
        if texts is not None:
            return [texts.names[code] for code in texts.codes[rows]]
        column = self._contents.columns.get(key)
        if not isinstance(column, np.ndarray):
            raise DatasetError("a column is missing", where=str(self._root), got=f"no {key}")
        part = column[rows]
        return part.reshape(len(part), -1)

    def _sentences(self, entry: Entry, rows: slice) -> tuple[str, ...]:
        codes = self._contents.columns.get("task_index")
        if not isinstance(codes, np.ndarray):
            count: int = rows.stop - rows.start
            return (entry.tasks[0] if entry.tasks else "",) * count
        found = (int(code) for code in codes[rows])
        return tuple(self._tasks[i] if 0 <= i < len(self._tasks) else "" for i in found)

    def _outcome(self, entry: Entry, row: int) -> Outcome:
        found: dict[str, Any] = {}
        for key in EPISODE_KEYS:
            column, texts = self._contents.columns.get(key), self._contents.texts(key)
            if texts is not None:
                found[key] = texts[row]
            elif isinstance(column, np.ndarray):
                found[key] = column[row].item()
        return Outcome(
            bool(found.get("success", True)),
            entry.reason,
            entry.seed,
            found.get("episode_uuid", ""),
            found.get("parent_uuid", ""),
            int(found.get("parent_frame", -1)),
        )

    def _clips(self, entry: Entry) -> dict[str, Clip]:
        clips = {}
        for camera in self.layout.cameras:
            key = CAMERA_PREFIX + camera
            if key not in entry.videos:
                where = f"{self._root}, episode {entry.index}, {key}"
                raise DatasetError("a video is missing", where=where)
            span = entry.videos[key]
            path = self._root / span.slot.path(VIDEO_PATH, key)
            count, known = entry.stop - entry.start, self._statistics(entry).get(key)
            clips[camera] = Clip(path, span.start_s, count, self.layout.fps, known)
        return clips

    def _statistics(self, entry: Entry) -> dict[str, Statistics]:
        """What the metadata know of an episode's pictures."""
        path = self._root / entry.meta.path(EPISODES_PATH)
        if path not in self._stats:
            keys = [CAMERA_PREFIX + camera for camera in self.layout.cameras]
            self._stats[path] = read_episode_stats(path, keys)
        mine = [e.index for e in self._contents.entries if e.meta == entry.meta]
        return self._stats[path][mine.index(entry.index)]
