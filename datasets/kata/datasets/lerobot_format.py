"""LeRobot's dataset format v3.0: where its files are and what stands in them.

Source: lerobot 0.6.1, `lerobot/datasets/{utils,io_utils,dataset_metadata,dataset_writer}.py`.
Nothing of it is imported: a recorder must start in milliseconds and survive without it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .schema import CAMERA_PREFIX, plain_names
from .statistics import Statistics
from .types import DatasetError, FeatureSpec, KeySpec, SpecError
from .video import codec

VERSION = "v3.0"
CHUNK_FILES = 1000
INFO, STATS, TASKS, KATA = (
    "meta/info.json",
    "meta/stats.json",
    "meta/tasks.parquet",
    "meta/kata.json",
)
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
DATA_MEGABYTES, VIDEO_MEGABYTES = 100, 200


class Layout(Protocol):
    """What the files say about a whole dataset; a `Schema` is one."""

    @property
    def robot(self) -> str:
        """Its name."""

    @property
    def fps(self) -> int:
        """Frames per s."""

    @property
    def spec(self) -> FeatureSpec:
        """Every column."""

    @property
    def cameras(self) -> Mapping[str, tuple[int, int]]:
        """Height and width by name."""


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A file's number: chunk folder and file within it."""

    chunk: int
    file: int

    def next(self) -> Slot:
        """The slot after this one."""
        full = self.file == CHUNK_FILES - 1
        return Slot(self.chunk + 1, 0) if full else Slot(self.chunk, self.file + 1)

    def path(self, template: str, video_key: str = "") -> str:
        """Path of the file below the dataset's root."""
        return template.format(chunk_index=self.chunk, file_index=self.file, video_key=video_key)


@dataclass(frozen=True, slots=True)
class VideoSpan:
    """Where an episode's pictures of one camera are: file, and seconds within it."""

    slot: Slot
    start_s: float
    stop_s: float


@dataclass(frozen=True, slots=True)
class Entry:
    """An episode as `meta/episodes` describes it; `start` and `stop` are rows of the dataset."""

    index: int
    start: int
    stop: int
    tasks: tuple[str, ...]
    data: Slot
    meta: Slot
    videos: Mapping[str, VideoSpan] = field(default_factory=dict)
    reason: str = ""
    seed: int | None = None

    def row(self) -> dict[str, Any]:
        """LeRobot's columns of the episode, and our two."""
        row: dict[str, Any] = {
            "episode_index": self.index,
            "tasks": list(self.tasks),
            "length": self.stop - self.start,
            "data/chunk_index": self.data.chunk,
            "data/file_index": self.data.file,
            "dataset_from_index": self.start,
            "dataset_to_index": self.stop,
        }
        for key, span in self.videos.items():
            row[f"videos/{key}/chunk_index"] = span.slot.chunk
            row[f"videos/{key}/file_index"] = span.slot.file
            row[f"videos/{key}/from_timestamp"] = span.start_s
            row[f"videos/{key}/to_timestamp"] = span.stop_s
        row["meta/episodes/chunk_index"] = self.meta.chunk
        row["meta/episodes/file_index"] = self.meta.file
        return row | {"reason": self.reason, "seed": self.seed}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Entry:
        """Inverse of `row`. Raises KeyError for a missing column."""
        keys = [
            k.split("/")[1] for k in row if k.startswith("videos/") and k.endswith("from_timestamp")
        ]
        videos = {
            key: VideoSpan(
                Slot(row[f"videos/{key}/chunk_index"], row[f"videos/{key}/file_index"]),
                row[f"videos/{key}/from_timestamp"],
                row[f"videos/{key}/to_timestamp"],
            )
            for key in keys
        }
        return cls(
            row["episode_index"],
            row["dataset_from_index"],
            row["dataset_to_index"],
            tuple(row["tasks"]),
            Slot(row["data/chunk_index"], row["data/file_index"]),
            Slot(row["meta/episodes/chunk_index"], row["meta/episodes/file_index"]),
            videos,
            row.get("reason") or "",
            row.get("seed"),
        )


def features(schema: Layout) -> dict[str, dict[str, Any]]:
    """LeRobot's features, in their order."""
    out: dict[str, dict[str, Any]] = {}
    for key, spec in schema.spec.items():
        names = list(spec.names) or None
        out[key] = {"dtype": spec.dtype, "shape": list(spec.shape), "names": names}
        if spec.dtype == "video":
            out[key]["info"] = {
                "video.height": spec.shape[0],
                "video.width": spec.shape[1],
                "video.codec": codec()[1],
                "video.pix_fmt": "yuv420p",
                "video.fps": schema.fps,
                "video.channels": 3,
                "is_depth_map": False,
                "has_audio": False,
            }
    return out


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """A JSON file with a line for each key; the encoder that indents is twenty times slower."""
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in data.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def info_bytes(schema: Layout, episodes: int, frames: int, tasks: int) -> bytes:
    """`meta/info.json`; its size does not depend on the number of episodes."""
    info = {
        "codebase_version": VERSION,
        "fps": schema.fps,
        "features": features(schema),
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": tasks,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": DATA_MEGABYTES,
        "video_files_size_in_mb": VIDEO_MEGABYTES,
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH if schema.cameras else None,
        "robot_type": schema.robot,
        "splits": {"train": f"0:{episodes}"} if episodes else {},
    }
    return json_bytes(info)


def spec_of_features(found: Mapping[str, Mapping[str, Any]]) -> FeatureSpec:
    """What a dataset's own `info.json` states, of the columns that can be read."""
    return FeatureSpec.of(readable_features(found)[0])


def readable_features(
    found: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, KeySpec], dict[str, str]]:
    """The columns that can be read, and why each other one cannot."""
    specs: dict[str, KeySpec] = {}
    left: dict[str, str] = {}
    for key, feature in found.items():
        kind, shape = str(feature.get("dtype")), feature.get("shape") or (1,)
        unit, frame = str(feature.get("unit", "")), str(feature.get("frame", ""))
        if kind == "image":
            left[key] = "pictures that are stored one by one are not read"
            continue
        try:
            size = tuple(int(n) for n in shape)
            specs[key] = KeySpec(kind, size, plain_names(feature), unit, frame)
        except (TypeError, ValueError, SpecError):
            left[key] = f"a column of type {kind} and shape {shape} is not read"
    return specs, left


def arrow_type(spec: KeySpec) -> pa.DataType:
    """How a column is stored: a scalar for shape (1,), a list of fixed size otherwise."""
    inner = pa.string() if spec.dtype == "string" else pa.from_numpy_dtype(np.dtype(spec.dtype))
    return inner if spec.shape == (1,) else pa.list_(inner, spec.shape[0])


def arrow_column(values: Any, spec: KeySpec) -> pa.Array:
    """Rows (F, ...) or texts as stored; numbers are not copied."""
    if spec.dtype == "string":
        return pa.array(values, pa.string())
    if spec.shape == (1,):
        return pa.array(np.ravel(values))
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(values)), spec.shape[0])


def stored_keys(schema: Layout) -> tuple[tuple[str, KeySpec], ...]:
    """The columns of the data files: all but the videos."""
    return tuple((key, spec) for key, spec in schema.spec.items() if spec.dtype != "video")


def numeric_keys(schema: Layout) -> tuple[tuple[str, KeySpec], ...]:
    """The columns that have statistics in the data files."""
    return tuple((key, spec) for key, spec in stored_keys(schema) if spec.dtype != "string")


def parquet_bytes(table: pa.Table, *, dictionary: bool | list[str] = False) -> memoryview:
    """A whole Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table, sink, compression="snappy", use_dictionary=dictionary, write_statistics=False
    )
    return memoryview(sink.getvalue())


def tasks_bytes(tasks: Sequence[str]) -> memoryview:
    """`meta/tasks.parquet`, with the index that pandas (and so LeRobot) looks for."""
    column = {"field_name": "task_index", "name": "task_index", "metadata": None}
    index = {"field_name": "task", "name": "task", "metadata": None}
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {**column, "pandas_type": "int64", "numpy_type": "int64"},
            {**index, "pandas_type": "unicode", "numpy_type": "object"},
        ],
        "pandas_version": "2.0.0",
    }
    table = pa.table(
        {
            "task_index": pa.array(range(len(tasks)), pa.int64()),
            "task": pa.array(list(tasks), pa.string()),
        }
    )
    return parquet_bytes(table.replace_schema_metadata({b"pandas": json.dumps(pandas).encode()}))


def stats_shape(key: str) -> tuple[int, ...] | None:
    """The shape of a key's statistics: a number a channel for pictures, else flat."""
    return (3, 1, 1) if key.startswith(CAMERA_PREFIX) else None


def stats_bytes(stats: Mapping[str, Statistics]) -> bytes:
    """`meta/stats.json`."""
    data = {key: value.to_lerobot(stats_shape(key)) for key, value in stats.items()}
    return json_bytes(data)


def episodes_table(entries: Sequence[tuple[Entry, Mapping[str, Statistics]]]) -> pa.Table:
    """Rows of `meta/episodes`, each with its statistics, as LeRobot flattens them."""
    rows = [entry.row() for entry, _ in entries]
    columns: dict[str, pa.Array] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name == "tasks":
            columns[name] = pa.array(values, pa.list_(pa.string()))
        elif name == "reason":
            columns[name] = pa.array(values, pa.string())
        else:
            real = name.endswith("_timestamp")
            columns[name] = pa.array(values, pa.float64() if real else pa.int64())
    for key in entries[0][1]:
        nested = pa.list_(pa.float64())
        if stats_shape(key):
            nested = pa.list_(pa.list_(nested))
        parts = [stats[key].to_lerobot(stats_shape(key)) for _, stats in entries]
        for name in parts[0]:
            kind = pa.list_(pa.int64()) if name == "count" else nested
            columns[f"stats/{key}/{name}"] = pa.array([part[name] for part in parts], kind)
    return pa.table(columns)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file, or some columns of it. Raises DatasetError naming the file."""
    try:
        return pq.read_table(path, columns=columns, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise corrupt(path, error) from error


def corrupt(path: Path, error: Exception) -> DatasetError:
    """The error for a file that is missing or cannot be read."""
    missing = isinstance(error, FileNotFoundError)
    return DatasetError(
        "a file of the dataset is missing" if missing else "a file of the dataset is corrupt",
        where=str(path),
        got=" ".join(str(error).split())[:200],
        hint="restore the file from a copy",
    )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises DatasetError naming the file."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise corrupt(path, error) from error
    if not isinstance(data, dict):
        raise corrupt(path, ValueError("not an object"))
    return data


def read_info(root: Path) -> dict[str, Any]:
    """`meta/info.json` of a dataset. Raises DatasetError: none there, or another version."""
    if not (root / INFO).exists():
        raise DatasetError(
            "no dataset here",
            where=str(root),
            expected="a LeRobotDataset v3 folder with meta/info.json",
            got="a folder without it" if root.is_dir() else "no such folder",
            hint="kata record skill=pick out=DIR makes one, kata data import brings others in",
        )
    info = read_json(root / INFO)
    if info.get("codebase_version") != VERSION:
        raise DatasetError(
            "dataset of another version",
            where=str(root / INFO),
            expected=VERSION,
            got=str(info.get("codebase_version")),
            hint="convert it with LeRobot's own script first",
        )
    return info


def read_tasks(root: Path) -> list[str]:
    """The tasks in the order of their index; none where there is no such file."""
    if not (root / TASKS).exists():
        return []
    table = read_table(root / TASKS)
    names = [name for name in table.column_names if name != "task_index"]
    pairs = zip(table["task_index"].to_pylist(), table[names[0]].to_pylist(), strict=True)
    return [str(task) for _, task in sorted(pairs)]


def read_entries(root: Path) -> list[Entry]:
    """Every episode that is on disk, in order. Raises DatasetError."""
    entries: list[Entry] = []
    for path in sorted((root / "meta/episodes").glob("*/*.parquet")):
        entries += read_entry_file(path)
    return sorted(entries, key=lambda entry: entry.index)


def read_entry_file(path: Path) -> list[Entry]:
    """The episodes of one file of `meta/episodes`. Raises DatasetError."""
    try:
        names = pq.read_schema(path).names
        wanted = [name for name in names if not name.startswith("stats/")]
        return [Entry.of_row(row) for row in read_table(path, wanted).to_pylist()]
    except (KeyError, pa.ArrowException, OSError) as error:
        raise corrupt(path, error) from error


def read_episode_stats(path: Path, keys: Sequence[str]) -> list[dict[str, Statistics]]:
    """The statistics of each episode in one file of `meta/episodes`. Raises DatasetError."""
    out = []
    for row in read_table(path).to_pylist():
        found: dict[str, Statistics] = {}
        for key in keys:
            head = f"stats/{key}/"
            data = {n.removeprefix(head): v for n, v in row.items() if n.startswith(head)}
            if data.get("mean") is not None:
                found[key] = Statistics.from_lerobot(data)
        out.append(found)
    return out
