"""Episodes as a LeRobotDataset v3 of few, large files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..files import told, write_synced
from ..lerobot_format import (
    DATA_MEGABYTES,
    DATA_PATH,
    EPISODES_PATH,
    INFO,
    KATA,
    STATS,
    TASKS,
    VIDEO_PATH,
    Entry,
    Slot,
    VideoSpan,
    arrow_column,
    arrow_type,
    episodes_table,
    info_bytes,
    json_bytes,
    numeric_keys,
    parquet_bytes,
    stats_bytes,
    stored_keys,
    tasks_bytes,
)
from ..schema import CAMERA_PREFIX, LEROBOT_KEYS
from ..statistics import Statistics
from ..types import DatasetError, FeatureSpec, KeySpec
from .pictures import encode_video
from .take import EPISODE_KEYS, Layout, Take, flag
from .tally import outcome_values

_MEGABYTE = 1e6


@dataclass(frozen=True)
class _Written:
    """All that the files say about themselves, as `info_bytes` asks for it."""

    robot: str
    fps: int
    spec: FeatureSpec
    cameras: Mapping[str, tuple[int, int]]


class LeRobotSink:
    """Writes into an empty folder; with Kata's description where the layout has one."""

    def __init__(self, root: Path, layout: Layout) -> None:
        self.root, self.layout = root, layout
        for camera, (height, width) in layout.cameras.items():
            if height % 2 or width % 2:
                raise DatasetError(
                    "pictures of a size that video cannot hold",
                    where=f"camera '{camera}'",
                    expected="even height and width",
                    got=str((height, width)),
                )
        spec = layout.schema.spec if layout.schema else _spec(layout)
        self._written = _Written(layout.robot, layout.fps, spec, layout.cameras)
        self._entries: list[tuple[Entry, dict[str, Statistics]]] = []
        self._tasks: dict[str, int] = {}
        self._total: dict[str, Statistics] = {}
        self._slot, self._size = Slot(0, 0), 0.0
        self._writer: pq.ParquetWriter | None = None
        self._videos = dict.fromkeys(layout.cameras, Slot(0, 0))

    def add(self, take: Take) -> None:
        """Write one episode: its pictures, then its rows."""
        number = len(self._entries)
        start = self._entries[-1][0].stop if number else 0
        columns = self._columns(take, number, start)
        stats = {
            key: Statistics.of(np.asarray(columns[key]).reshape(take.frames, -1))
            for key, _ in numeric_keys(self._written)
        }
        videos = {}
        for camera, size in self.layout.cameras.items():
            key, slot = CAMERA_PREFIX + camera, self._videos[camera]
            where = f"episode {number}, {camera}"
            data, stats[key] = encode_video(take.pictures[camera], size, self.layout.fps, where)
            self._write(slot.path(VIDEO_PATH, key), data)
            videos[key] = VideoSpan(slot, 0.0, take.frames / self.layout.fps)
            self._videos[camera] = slot.next()
        self._rows(columns)
        entry = Entry(
            number,
            start,
            start + take.frames,
            tuple(dict.fromkeys(take.tasks)),
            self._slot,
            Slot(0, 0),
            videos,
            take.outcome.reason,
            take.outcome.seed,
        )
        self._entries.append((entry, stats))
        for key, value in stats.items():
            self._total[key] = self._total[key].merge(value) if key in self._total else value

    def close(self) -> None:
        """Write the metadata; nothing where there is no episode."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if not self._entries:
            return
        last = self._entries[-1][0]
        self._write(TASKS, tasks_bytes(list(self._tasks)))
        table = episodes_table(self._entries)
        self._write(Slot(0, 0).path(EPISODES_PATH), parquet_bytes(table))
        self._write(STATS, stats_bytes(self._total))
        if self.layout.schema:
            self._write(KATA, json_bytes(self.layout.schema.to_json()))
        body = info_bytes(self._written, last.index + 1, last.stop, len(self._tasks))
        self._write(INFO, body)

    def _columns(self, take: Take, number: int, start: int) -> dict[str, Any]:
        count = take.frames
        frame = np.arange(count, dtype=np.int64)
        for task in take.tasks:
            self._tasks.setdefault(task, len(self._tasks))
        columns: dict[str, Any] = dict(take.columns)
        for key, value in outcome_values(take, number).items():
            columns[key] = [value] * count if isinstance(value, str) else np.full(count, value)
        return columns | {
            "timestamp": (frame / self.layout.fps).astype(np.float32),
            "frame_index": frame,
            "episode_index": np.full(count, number, dtype=np.int64),
            "index": start + frame,
            "task_index": np.array([self._tasks[task] for task in take.tasks], dtype=np.int64),
        }

    def _rows(self, columns: Mapping[str, Any]) -> None:
        keys = stored_keys(self._written)
        arrays = [
            arrow_column(
                columns[key]
                if spec.dtype == "string"
                else np.asarray(columns[key], dtype=spec.dtype),
                spec,
            )
            for key, spec in keys
        ]
        schema = pa.schema([(key, arrow_type(spec)) for key, spec in keys])
        table = pa.table(arrays, schema=schema)
        if self._writer is not None and self._size + table.nbytes > DATA_MEGABYTES * _MEGABYTE:
            self._writer.close()
            self._writer, self._slot, self._size = None, self._slot.next(), 0.0
        if self._writer is None:
            path = self.root / self._slot.path(DATA_PATH)
            texts = [key for key, spec in keys if spec.dtype == "string"]
            with told(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._writer = pq.ParquetWriter(
                    path, schema, compression="snappy", use_dictionary=texts
                )
        with told(self.root):
            self._writer.write_table(table)
        self._size += table.nbytes

    def _write(self, name: str, data: bytes | memoryview) -> None:
        path = self.root / name
        with told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_synced(path, data)


def _spec(layout: Layout) -> FeatureSpec:
    """The columns of a dataset that is not Kata's: what it brought, and what names episodes."""
    keys: dict[str, KeySpec] = dict(layout.spec.items())
    for camera, (height, width) in layout.cameras.items():
        names = ("height", "width", "channels")
        keys[CAMERA_PREFIX + camera] = KeySpec("video", (height, width, 3), names)
    for key in (*EPISODE_KEYS, *LEROBOT_KEYS):
        if key != "success" or layout.knows_success:
            keys[key] = flag(key)
    return FeatureSpec.of(keys)
