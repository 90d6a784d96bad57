"""The recorder: frames in, a LeRobotDataset v3 out, and no finished episode ever lost.

Each episode is a file of data, a file a camera and a file of metadata, so nothing is rewritten
that grows with the dataset. `save_episode` returns after all of them are written and moved to
their places in this order: tasks, data, videos, metadata (from here on the episode exists, and is
durable), statistics, totals. Opening repairs what a kill left in between; see `repair`.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .files import refused
from .journal import Aside, Journal
from .lerobot_format import (
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
    read_json,
    stats_bytes,
    stored_keys,
    tasks_bytes,
)
from .repair import repair
from .schema import CAMERA_PREFIX, Schema
from .statistics import Statistics
from .storage import acquire_lock, clear_staging, commit
from .types import AtomTable, DatasetError, Frame, Outcome, RobotSpec
from .video import VideoEncoder

_NAMESPACE = uuid.UUID("5f0d0a4e-58a5-4f0f-9d6b-7f1c3a2f9e10")


class EpisodeRecorder:
    """Records episodes of one robot in one scene into a folder; continues an existing one.

    Implements the `Recorder` protocol. A context manager: leaving it closes the dataset and sets
    an unfinished episode aside.

    Args:
        root: the dataset's folder; made if it does not exist.
        robot, table, entities: what the frames are about; see `Schema`.
        fps: frames per s.
        cameras: height and width by name; these pictures are recorded as video.
        flush_frames: how often the unfinished episode is written aside; a kill loses at most
            this many frames of it.

    Raises:
        DatasetError: the folder holds a dataset of another robot, scene or rate, or another
            recorder writes it.
        StorageError: the disk refuses.
    """

    def __init__(
        self,
        root: Path | str,
        robot: RobotSpec,
        table: AtomTable,
        entities: Sequence[str],
        *,
        fps: int = 20,
        cameras: Mapping[str, tuple[int, int]] | None = None,
        flush_frames: int = 20,
    ) -> None:
        self.root = Path(root)
        self.schema = Schema.of(robot, table, entities, fps, cameras)
        self.last_uuid = ""
        self._flush_frames = flush_frames
        self._stats: dict[str, Statistics] = {}
        self._entries: list[Entry] = []
        self._tasks: dict[str, int] = {}
        self._discards = 0
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refused(error, self.root, "nothing was written") from error
        self._lock = acquire_lock(self.root)
        try:
            self.interrupted: tuple[Aside, ...] = self._open()
        except BaseException:
            self.close()
            raise
        self._begin()

    def _open(self) -> tuple[Aside, ...]:
        if not (self.root / INFO).exists():
            if any(self.root.glob("data/*/*.parquet")):
                raise DatasetError(
                    "a dataset without meta/info.json",
                    where=str(self.root),
                    hint="restore meta/info.json from a copy, or record into another folder",
                )
            kata = json_bytes(self.schema.to_json())
            commit(self.root, [(KATA, kata), (INFO, info_bytes(self.schema, 0, 0, 0))], "nothing")
            return ()
        if not (self.root / KATA).exists():
            raise DatasetError(
                "not a dataset that Kata recorded",
                where=str(self.root),
                expected="meta/kata.json",
                got="LeRobot's files only",
                hint="record into another folder",
            )
        found = Schema.from_json(read_json(self.root / KATA), where=str(self.root / KATA))
        found.check_same(self.schema, where=str(self.root))
        state = repair(self.root)
        self._entries, self._stats = list(state.entries), state.stats
        self._tasks = {task: i for i, task in enumerate(state.tasks)}
        return state.interrupted

    def _begin(self) -> None:
        """Empty buffers for the next episode."""
        self._frames = self._flushed = 0
        self._capacity = 256
        self._arrays: dict[str, NDArray[Any]] = {
            key: np.empty((self._capacity, *spec.shape), spec.dtype)
            for key, spec in self.schema.frame_arrays
        }
        self._texts: dict[str, list[str]] = {key: [] for key in (*self.schema.frame_texts, "task")}
        self._encoders: dict[str, VideoEncoder] = {}
        self._videos: dict[str, bytes] | None = None
        name = f"unfinished-{len(self._entries):06d}-{self._discards:03d}"
        while (self.root / "aside" / f"{name}.json").exists():
            self._discards += 1
            name = f"unfinished-{len(self._entries):06d}-{self._discards:03d}"
        fields = [(key, arrow_type(spec)) for key, spec in self.schema.frame_arrays]
        fields += [(key, pa.string()) for key in self._texts]
        self._journal = Journal(self.root, name, pa.schema(fields))

    @property
    def episodes(self) -> int:
        """Saved episodes in the dataset."""
        return len(self._entries)

    @property
    def frames(self) -> int:
        """Frames of the unfinished episode."""
        return self._frames

    def add(self, frame: Frame) -> None:
        """Take one frame. Raises SpecError if it does not fit; then it was not taken.

        Raises StorageError where the disk refuses to keep the unfinished episode aside; the frame
        was taken, and the episode can go on as soon as there is room.
        """
        self._check_open()
        if self._videos is not None:
            raise DatasetError(
                "the episode waits to be saved",
                where=str(self.root),
                hint="call save_episode again, or discard it",
            )
        row = self.schema.row(frame)
        if self._frames == self._capacity:
            self._grow()
        at = self._frames
        for key, array in self._arrays.items():
            array[at] = row[key]
        for key, texts in self._texts.items():
            texts.append(row[key])
        for camera, (height, width) in self.schema.cameras.items():
            if camera not in self._encoders:
                self._encoders[camera] = VideoEncoder(height, width, self.schema.fps)
            self._encoders[camera].add(row[CAMERA_PREFIX + camera])
        self._frames += 1
        if self._frames - self._flushed >= self._flush_frames:
            self._flush()

    def _grow(self) -> None:
        self._capacity *= 2
        for key, array in self._arrays.items():
            more = np.empty((self._capacity, *array.shape[1:]), array.dtype)
            more[: len(array)] = array
            self._arrays[key] = more

    def _flush(self) -> None:
        """Bring the journal up to date."""
        span = slice(self._flushed, self._frames)
        columns = [
            arrow_column(self._arrays[key][span], spec) for key, spec in self.schema.frame_arrays
        ]
        columns += [pa.array(texts[span], pa.string()) for texts in self._texts.values()]
        batch = pa.record_batch(columns, schema=self._journal.schema)
        self._journal.append(
            batch, {name: encoder.pending() for name, encoder in self._encoders.items()}
        )
        for encoder in self._encoders.values():
            encoder.taken()
        self._flushed = self._frames

    def save_episode(self, outcome: Outcome) -> int:
        """Make the episode durable and return its index.

        Raises DatasetError for an episode without frames. Raises StorageError where the disk
        refuses: the dataset is as before, the episode is still in memory, and `save_episode` may
        be called again.
        """
        self._check_open()
        if not self._frames:
            raise DatasetError("an episode without frames cannot be saved", where=str(self.root))
        if self._videos is None:
            for encoder in self._encoders.values():
                encoder.close()
            self._videos = {name: enc.bytes() for name, enc in self._encoders.items()}
        if self._flushed < self._frames or self._encoders:
            self._flush()
        tasks = dict(self._tasks)
        for task in self._texts["task"]:
            tasks.setdefault(task, len(tasks))
        name = outcome.episode_uuid or self._identity(outcome)
        columns = self._columns(outcome, name, tasks)
        entry = self._entry(outcome)
        stats = self._episode_stats(columns)
        total = {k: self._stats[k].merge(v) if k in self._stats else v for k, v in stats.items()}
        files: list[tuple[str, Any]] = []
        if len(tasks) > len(self._tasks):
            files.append((TASKS, tasks_bytes(list(tasks))))
        files.append((entry.data.path(DATA_PATH), self._data_bytes(columns)))
        for camera, data in self._videos.items():
            key = CAMERA_PREFIX + camera
            files.append((entry.videos[key].slot.path(VIDEO_PATH, key), data))
        files.append(
            (entry.meta.path(EPISODES_PATH), parquet_bytes(episodes_table([(entry, stats)])))
        )
        announced = len(files) - 1
        files.append((STATS, stats_bytes(total)))
        files.append((INFO, info_bytes(self.schema, entry.index + 1, entry.stop, len(tasks))))
        kept = f"the {len(self._entries)} saved episodes are whole, and this one is in memory"
        commit(self.root, files, kept, decisive=announced)
        self._entries.append(entry)
        self._tasks, self._stats, self.last_uuid = tasks, total, name
        self._discards = 0
        self._journal.remove()
        self._begin()
        return entry.index

    def _identity(self, outcome: Outcome) -> str:
        """A name that the episode's place and content decide, so that a run can be repeated."""
        digest = hashlib.sha256(f"{self.schema.fingerprint} {len(self._entries)}".encode())
        digest.update(f"{outcome.seed} {outcome.parent_uuid} {self.last_uuid}".encode())
        for key in ("observation.state", "observation.tool_pose", "action", "executed"):
            if key in self._arrays:
                digest.update(self._arrays[key][: self._frames].tobytes())
        return str(uuid.uuid5(_NAMESPACE, digest.hexdigest()))

    def _columns(
        self, outcome: Outcome, name: str, tasks: Mapping[str, int]
    ) -> dict[str, NDArray[Any] | list[str]]:
        """All stored columns of the episode."""
        count, start = self._frames, self._next_row
        frame = np.arange(count, dtype=np.int64)
        columns: dict[str, NDArray[Any] | list[str]] = {
            key: array[:count] for key, array in self._arrays.items()
        }
        columns |= {key: self._texts[key] for key in self.schema.frame_texts}
        columns |= {
            "success": np.full(count, outcome.success),
            "episode_uuid": [name] * count,
            "parent_uuid": [outcome.parent_uuid] * count,
            "parent_frame": np.full(count, outcome.parent_frame, dtype=np.int64),
            "timestamp": (frame / self.schema.fps).astype(np.float32),
            "frame_index": frame,
            "episode_index": np.full(count, len(self._entries), dtype=np.int64),
            "index": start + frame,
            "task_index": np.array([tasks[task] for task in self._texts["task"]], dtype=np.int64),
        }
        return columns

    @property
    def _next_row(self) -> int:
        return self._entries[-1].stop if self._entries else 0

    def _entry(self, outcome: Outcome) -> Entry:
        """Where the episode goes."""
        last = self._entries[-1] if self._entries else None
        videos = {}
        for camera in self.schema.cameras:
            key = CAMERA_PREFIX + camera
            slot = last.videos[key].slot.next() if last else Slot(0, 0)
            videos[key] = VideoSpan(slot, 0.0, self._frames / self.schema.fps)
        return Entry(
            len(self._entries),
            self._next_row,
            self._next_row + self._frames,
            tuple(dict.fromkeys(self._texts["task"])),
            last.data.next() if last else Slot(0, 0),
            last.meta.next() if last else Slot(0, 0),
            videos,
            outcome.reason,
            outcome.seed,
        )

    def _episode_stats(self, columns: Mapping[str, Any]) -> dict[str, Statistics]:
        keys = numeric_keys(self.schema)
        # One wide array: a call for all columns costs a tenth of a call for each.
        wide = np.concatenate([columns[k].reshape(self._frames, -1) for k, _ in keys], axis=1)
        whole = Statistics.of(wide)
        stats, at = {}, 0
        for key, spec in keys:
            stats[key] = whole.part(at, at + spec.shape[0])
            at += spec.shape[0]
        for camera, encoder in self._encoders.items():
            stats[CAMERA_PREFIX + camera] = encoder.statistics()
        return stats

    def _data_bytes(self, columns: Mapping[str, Any]) -> memoryview:
        keys = stored_keys(self.schema)
        table = pa.table({key: arrow_column(columns[key], spec) for key, spec in keys})
        texts = [key for key, spec in keys if spec.dtype == "string"]
        return parquet_bytes(table, dictionary=texts)

    def discard(self, reason: str) -> None:
        """Set the unfinished episode aside under `aside/`, with the reason; nothing if empty."""
        self._check_open()
        if self._frames:
            for encoder in self._encoders.values():
                encoder.close()
            self._flush()
            self._journal.close(reason, self._frames)
            self._discards += 1
        self._begin()

    def close(self) -> None:
        """End recording; an unfinished episode is set aside. Closing again does nothing."""
        if self._lock < 0:
            return
        try:
            if getattr(self, "_frames", 0):
                self.discard("closed before it was saved")
        finally:
            clear_staging(self.root)
            os.close(self._lock)
            self._lock = -1

    def _check_open(self) -> None:
        if self._lock < 0:
            raise DatasetError("the recorder is closed", where=str(self.root))

    def __enter__(self) -> EpisodeRecorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
