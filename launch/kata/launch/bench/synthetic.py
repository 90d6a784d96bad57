"""Datasets made for a bench: as many frames as asked for in seconds, and pictures that move."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kata.datasets.lerobot_format import (
    DATA_PATH,
    EPISODES_PATH,
    INFO,
    STATS,
    TASKS,
    VIDEO_PATH,
    Entry,
    Slot,
    VideoSpan,
    arrow_column,
    episodes_table,
    info_bytes,
    parquet_bytes,
    stats_bytes,
    tasks_bytes,
)
from kata.datasets.schema import CAMERA_PREFIX, LEROBOT_KEYS, Schema
from kata.datasets.statistics import Statistics
from kata.datasets.video import VideoEncoder

FPS = 20
STATE, ACTION = "observation.state", "action"
CAMERAS: Mapping[str, tuple[int, int]] = {"front": (96, 96), "wrist": (96, 96)}
_FRAMES_A_FILE = 100_000
_JOINTS = tuple(f"joint{i + 1}" for i in range(8))


def write_dataset(
    root: Path,
    frames: int,
    *,
    length: int = 200,
    cameras: Mapping[str, tuple[int, int]] | None = None,
    tool: bool = False,
    seed: int = 0,
) -> Path:
    """A LeRobotDataset v3 of joint positions, joint targets and pictures, and nothing else.

    It is all that a policy on them needs, so that no reader pays for columns it does not use;
    with `tool`, the poses of a hand are there too. Episodes have `length` frames; the data stand
    in few files, each episode's video in its own.
    """
    hands = ("hand",) if tool else ()
    schema = Schema("bench", "", _JOINTS, hands, hands, (), (), FPS, cameras=dict(cameras or {}))
    rng = np.random.default_rng(seed)
    entries = tuple(_entries(frames, length, cameras or {}))
    position = np.cumsum(rng.normal(0.0, 0.01, (frames + 1, len(_JOINTS))), axis=0, dtype="f4")
    columns = {STATE: position[:-1], ACTION: position[1:], **_bookkeeping(entries)}
    if tool:
        poses = rng.normal(size=(frames + 1, 8)).astype("f4")
        poses[:, 3:7] /= np.linalg.norm(poses[:, 3:7], axis=1, keepdims=True)
        columns |= {"observation.tool_pose": poses[:-1, :7], "action.tool": poses[1:]}
    _write(root, TASKS, tasks_bytes(["move"]))
    for slot in dict.fromkeys(entry.data for entry in entries):
        rows = [entry for entry in entries if entry.data == slot]
        span = slice(rows[0].start, rows[-1].stop)
        table = {key: arrow_column(v[span], schema.spec[key]) for key, v in columns.items()}
        _write(root, slot.path(DATA_PATH), parquet_bytes(pa.table(table)))
    _write_videos(root, schema, entries, rng)
    _write(root, Slot(0, 0).path(EPISODES_PATH), parquet_bytes(_episodes(entries)))
    stats = {key: Statistics.of(columns[key]) for key in (STATE, ACTION)}
    _write(root, STATS, stats_bytes(stats))
    info = json.loads(info_bytes(schema, len(entries), frames, 1))
    used = {*columns, *(CAMERA_PREFIX + name for name in schema.cameras)}
    info["features"] = {key: value for key, value in info["features"].items() if key in used}
    _write(root, INFO, json.dumps(info).encode())
    return root


def moving_pictures(
    count: int, size: tuple[int, int], rng: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    """A window (height, width, 3) that wanders over a smooth scene, with a camera's noise."""
    height, width = size
    scene = rng.uniform(0.0, 255.0, (height // 8 + 8, width // 8 + 8, 3))
    for axis, step in ((0, 8), (1, 8)):
        scene = np.repeat(scene, step, axis=axis)
        scene = np.mean([np.roll(scene, k, axis=axis) for k in range(step)], axis=0)
    noise = rng.normal(0.0, 2.0, (height, width, 3))
    for i in range(count):
        x, y = (int(24 + 23 * np.sin(i * speed)) for speed in (0.05, 0.031))
        yield np.clip(scene[y : y + height, x : x + width] + noise, 0, 255).astype(np.uint8)


def _write_videos(
    root: Path, schema: Schema, entries: tuple[Entry, ...], rng: np.random.Generator
) -> None:
    for entry in entries:
        for key, video in entry.videos.items():
            name = key.removeprefix(CAMERA_PREFIX)
            encoder = VideoEncoder(*schema.cameras[name], FPS)
            for picture in moving_pictures(entry.stop - entry.start, schema.cameras[name], rng):
                encoder.add(picture)
            encoder.close()
            _write(root, video.slot.path(VIDEO_PATH, key), encoder.bytes())


def _entries(frames: int, length: int, cameras: Mapping[str, object]) -> Iterator[Entry]:
    slot = Slot(0, 0)
    for index, start in enumerate(range(0, frames, length)):
        stop = min(start + length, frames)
        span = VideoSpan(slot, 0.0, (stop - start) / FPS)
        videos = {CAMERA_PREFIX + name: span for name in cameras}
        data = Slot(0, start // _FRAMES_A_FILE)
        yield Entry(index, start, stop, ("move",), data, Slot(0, 0), videos)
        slot = slot.next()


def _bookkeeping(entries: tuple[Entry, ...]) -> dict[str, NDArray[np.generic]]:
    lengths = np.array([entry.stop - entry.start for entry in entries])
    row = np.arange(entries[-1].stop)
    frame = row - np.repeat([entry.start for entry in entries], lengths)
    columns = {
        "timestamp": (frame / FPS).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.repeat(np.arange(len(entries)), lengths),
        "index": row,
        "task_index": np.zeros_like(row),
    }
    return {key: columns[key] for key in LEROBOT_KEYS}


def _episodes(entries: tuple[Entry, ...]) -> pa.Table:
    return episodes_table([(entry, {}) for entry in entries])


def _write(root: Path, name: str, data: bytes | memoryview) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
