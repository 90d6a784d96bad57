"""Merge the many small files of a recorded dataset into few large ones, in a new folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .files import refused, sync
from .lerobot_format import (
    DATA_MEGABYTES,
    DATA_PATH,
    EPISODES_PATH,
    INFO,
    KATA,
    STATS,
    TASKS,
    VIDEO_MEGABYTES,
    VIDEO_PATH,
    Entry,
    Slot,
    VideoSpan,
    episodes_table,
    json_bytes,
    parquet_bytes,
    read_episode_stats,
    read_json,
    read_table,
)
from .repair import Repair, repair
from .statistics import Statistics
from .storage import clear_staging, commit, writer_lock
from .types import DatasetError, StorageError
from .video import join_videos, same_encoding

_MEGABYTE = 1 << 20
_EPISODES_A_FILE = 1000
_KEPT = "the dataset that was to be compacted is untouched"


@dataclass(frozen=True, slots=True)
class Compacted:
    """What `compact` did: the episodes and frames it kept, and how many files hold them."""

    episodes: int
    frames: int
    files_before: int
    files_after: int


def compact(
    root: Path | str,
    out: Path | str,
    *,
    data_megabytes: float = DATA_MEGABYTES,
    video_megabytes: float = VIDEO_MEGABYTES,
) -> Compacted:
    """Copy a dataset into a new folder with files of up to these sizes; frames stay the same.

    `out` appears when all of it is written. Episodes that were set aside are not copied.

    Raises:
        DatasetError: `out` is not empty, `root` is being recorded, empty or corrupt.
        StorageError: the disk refuses; `root` is untouched, and `out` does not exist.
    """
    root, out = Path(root), Path(out)
    if out.exists() and any(out.iterdir()):
        raise DatasetError("the folder is not empty", where=str(out), expected="a new folder")
    if not (root / INFO).exists():
        raise DatasetError("no dataset here", where=str(root), expected="meta/info.json")
    partial = out.with_name(out.name + ".partial")
    with writer_lock(root):
        state = repair(root)
        if not state.entries:
            raise DatasetError("a dataset without episodes", where=str(root))
        shutil.rmtree(partial, ignore_errors=True)
        try:
            _write(root, partial, state, data_megabytes, video_megabytes)
            try:
                if out.exists():
                    out.rmdir()
                partial.rename(out)
                sync(out.parent)
            except OSError as error:
                raise refused(error, out, _KEPT) from error
        except (DatasetError, StorageError):
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return Compacted(
        len(state.entries), state.entries[-1].stop, _count_files(root), _count_files(out)
    )


def _count_files(root: Path) -> int:
    folders = ("data", "videos", "meta/episodes")
    return sum(path.is_file() for folder in folders for path in (root / folder).rglob("*"))


def _write(
    root: Path, out: Path, state: Repair, data_megabytes: float, video_megabytes: float
) -> None:
    entries = _merge_data(root, out, state.entries, data_megabytes * _MEGABYTE)
    info = read_json(root / INFO)
    for key in state.entries[0].videos:
        entries = _merge_videos(root, out, entries, key, int(info["fps"]), video_megabytes)
    stats = _all_stats(root, list(info["features"]))
    slot = Slot(0, 0)
    for first in range(0, len(entries), _EPISODES_A_FILE):
        part = [replace(entry, meta=slot) for entry in entries[first : first + _EPISODES_A_FILE]]
        rows = list(zip(part, stats[first : first + _EPISODES_A_FILE], strict=True))
        commit(out, [(slot.path(EPISODES_PATH), parquet_bytes(episodes_table(rows)))], _KEPT)
        slot = slot.next()
    info |= {"data_path": DATA_PATH}
    info |= {"video_path": VIDEO_PATH} if entries[0].videos else {}
    copied = [name for name in (KATA, TASKS, STATS) if (root / name).exists()]
    files: list[tuple[str, Any]] = [(name, (root / name).read_bytes()) for name in copied]
    commit(out, [*files, (INFO, json_bytes(info))], _KEPT)
    clear_staging(out)


def _all_stats(root: Path, keys: Sequence[str]) -> list[dict[str, Statistics]]:
    """The statistics of every episode; only the keys that all of them have."""
    paths = sorted((root / "meta/episodes").glob("*/*.parquet"))
    stats = [found for path in paths for found in read_episode_stats(path, keys)]
    common = [key for key in keys if all(key in found for found in stats)]
    return [{key: found[key] for key in common} for found in stats]


def _episode_tables(root: Path, entries: Sequence[Entry]) -> Iterator[pa.Table]:
    """Each episode's rows; a source file is read once, whatever it holds."""
    slot, table, row = None, None, 0
    for entry in entries:
        if entry.data != slot:
            slot, row = entry.data, 0
            table = read_table(root / slot.path(DATA_PATH)).replace_schema_metadata(None)
        assert table is not None
        count = entry.stop - entry.start
        part = table.slice(row, count)
        if part.num_rows != count:
            raise DatasetError(
                "frames are missing",
                where=str(root / entry.data.path(DATA_PATH)),
                expected=f"{count} frames of episode {entry.index}",
                got=f"{part.num_rows}",
            )
        yield part
        row += count


def _merge_data(root: Path, out: Path, entries: Sequence[Entry], limit_bytes: float) -> list[Entry]:
    """Write the data files; the episodes with their new places."""
    slot, moved = Slot(0, 0), []
    group: list[pa.Table] = []
    schema: pa.Schema | None = None
    size = 0
    for entry, source in zip(entries, _episode_tables(root, entries), strict=True):
        schema = schema or source.schema
        table = source.select(schema.names).cast(schema)
        if group and size + table.nbytes > limit_bytes:
            commit(out, [(slot.path(DATA_PATH), _one_group_each(group, schema))], _KEPT)
            slot, group, size = slot.next(), [], 0
        group.append(table)
        size += table.nbytes
        moved.append(replace(entry, data=slot))
    assert schema is not None
    commit(out, [(slot.path(DATA_PATH), _one_group_each(group, schema))], _KEPT)
    return moved


def _one_group_each(tables: Sequence[pa.Table], schema: pa.Schema) -> memoryview:
    """A Parquet file with a row group an episode, so that one is read without the others."""
    sink = pa.BufferOutputStream()
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    with pq.ParquetWriter(sink, schema, compression="snappy", use_dictionary=texts) as writer:
        for table in tables:
            writer.write_table(table)
    return memoryview(sink.getvalue())


def _merge_videos(
    root: Path, out: Path, entries: Sequence[Entry], key: str, fps: int, megabytes: float
) -> list[Entry]:
    """Write one camera's video files; the episodes with their new places."""
    frames: dict[Slot, int] = {}
    for entry in entries:
        slot = entry.videos[key].slot
        frames[slot] = frames.get(slot, 0) + entry.stop - entry.start
    places: dict[Slot, tuple[Slot, float]] = {}
    target, group, size, count = Slot(0, 0), list[Path](), 0, 0
    for slot, length in frames.items():
        path = root / slot.path(VIDEO_PATH, key)
        try:
            more = path.stat().st_size
        except OSError as error:
            raise DatasetError("a video is missing", where=str(path)) from error
        full = size + more > megabytes * _MEGABYTE
        if group and (full or not same_encoding(group[0], path)):
            commit(out, [(target.path(VIDEO_PATH, key), join_videos(group, fps))], _KEPT)
            target, group, size, count = target.next(), [], 0, 0
        places[slot] = (target, count / fps)
        group.append(path)
        size, count = size + more, count + length
    commit(out, [(target.path(VIDEO_PATH, key), join_videos(group, fps))], _KEPT)
    moved = []
    for entry in entries:
        span = entry.videos[key]
        slot, offset = places[span.slot]
        shifted = VideoSpan(slot, span.start_s + offset, span.stop_s + offset)
        moved.append(replace(entry, videos={**entry.videos, key: shifted}))
    return moved
