"""Videos: whether they are there, long enough, and show something that moves.

Only what looks suspicious from the sizes of the compressed pictures is decoded: a picture that
is all one colour, or no different from the one before, compresses to next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..lerobot_format import VIDEO_PATH, Entry
from ..schema import CAMERA_PREFIX
from ..types import DatasetError
from ..video_reader import read_video
from .contents import Contents
from .faults import Fault

FROZEN_S, BLACK_S = 0.5, 0.15
_BLACK, _FLAT = 12, 4.0
"""A picture is black below this mean and with less than this standard deviation, of 255."""
_SMALL = 0.12
"""A picture smaller than this share of the usual one of its kind is decoded and looked at."""


@dataclass(frozen=True, slots=True)
class _Packets:
    """Compressed pictures of a file in their order: time in s, size in bytes, key frame or not."""

    time_s: NDArray[np.float64]
    size: NDArray[np.int64]
    key: NDArray[np.bool_]


def check_pictures(contents: Contents) -> Iterator[Fault]:
    """Every camera of every episode."""
    for camera in contents.schema.cameras:
        key = CAMERA_PREFIX + camera
        files: dict[Path, _Packets | str] = {}
        for entry in contents.entries:
            if key not in entry.videos:
                yield Fault("missing_video", entry.index, 0, key, detail="meta/episodes names none")
                continue
            path = contents.root / entry.videos[key].slot.path(VIDEO_PATH, key)
            if path not in files:
                files[path] = _packets(path)
            yield from _episode(contents, entry, key, path, files[path])


def _packets(path: Path) -> _Packets | str:
    """The packets of a file, or why they cannot be read."""
    import av

    if not path.exists():
        return "there is no such file"
    try:
        with av.open(str(path)) as container:
            stream: Any = container.streams.video[0]
            found = [
                (float(p.pts * stream.time_base), p.size, p.is_keyframe)
                for p in container.demux(stream)
                if p.pts is not None and p.size
            ]
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        return str(error)
    found.sort()
    return _Packets(
        np.array([f[0] for f in found], dtype=np.float64),
        np.array([f[1] for f in found], dtype=np.int64),
        np.array([f[2] for f in found], dtype=bool),
    )


def _episode(
    contents: Contents, entry: Entry, key: str, path: Path, packets: _Packets | str
) -> Iterator[Fault]:
    name = path.relative_to(contents.root)
    if isinstance(packets, str):
        yield Fault("missing_video", entry.index, 0, key, detail=f"{name}: {packets}")
        return
    span, period, count = entry.videos[key], 1.0 / contents.fps, entry.stop - entry.start
    first = int(np.searchsorted(packets.time_s, span.start_s - 0.25 * period))
    # The next episode of the same file begins where this one's time ends.
    last = int(np.searchsorted(packets.time_s, span.start_s + (count - 0.25) * period))
    if last - first < count:
        detail = f"{last - first} pictures for {count} frames in {name}"
        missing = count - (last - first)
        yield Fault("short_video", entry.index, last - first, key, missing, detail)
        return
    size, keys = packets.size[first:last], packets.key[first:last]
    suspicious = np.zeros(count, dtype=bool)
    for kind in (True, False):
        usual = packets.size[packets.key == kind]
        if len(usual):
            suspicious |= (keys == kind) & (size < max(_SMALL * np.quantile(usual, 0.75), 60.0))
    # Key frames are as large as ever where the picture is frozen, and surrounded by small ones.
    for start, stop in _spans(suspicious | _between(suspicious, keys)):
        begin = max(0, start - 1)
        try:
            pictures = read_video(
                path, span.start_s + begin * period, stop - begin, round(contents.fps)
            )
        except DatasetError as error:
            yield Fault("missing_video", entry.index, begin, key, detail=f"{name}: {error.got}")
            return
        yield from _look(contents, entry, key, begin, pictures)


def _between(small: NDArray[np.bool_], keys: NDArray[np.bool_]) -> NDArray[np.bool_]:
    after = np.append(small[1:], small[-1:])
    return np.asarray(keys & after)


def _spans(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _look(
    contents: Contents, entry: Entry, key: str, begin: int, pictures: NDArray[np.uint8]
) -> Iterator[Fault]:
    """Faults of consecutive pictures of an episode, of which the first is number `begin`."""
    flat = pictures.reshape(len(pictures), -1)
    black = (flat.mean(axis=1) < _BLACK) & (flat.std(axis=1) < _FLAT)
    for start, stop in _spans(black):
        if stop - start >= max(2, round(BLACK_S * contents.fps)):
            detail = f"{stop - start} pictures are black"
            yield Fault("black_picture", entry.index, begin + start, key, stop - start, detail)
    few = flat.astype(np.int16)
    same = np.abs(np.diff(few, axis=0)).mean(axis=1) < 0.5
    same &= ~(black[1:] & black[:-1])
    for start, stop in _spans(same):
        frames = stop - start
        if frames < max(4, round(FROZEN_S * contents.fps)):
            continue
        if _moves(contents, entry, begin + start, begin + stop + 1):
            detail = f"{frames} pictures are those before, while the robot moves"
            yield Fault("frozen_picture", entry.index, begin + start + 1, key, frames, detail)


def _moves(contents: Contents, entry: Entry, begin: int, end: int) -> bool:
    """Whether the robot moves in these frames as it usually does, so that a camera must see it."""
    state = contents.numbers("observation.state")
    if state is None or entry.index not in contents.bounds:
        return True
    row = contents.bounds[entry.index][0]
    part = state[row + begin : row + end]
    part = part[np.isfinite(part).all(axis=1)]
    spread = np.maximum(contents.spread(state), 1e-6)
    return not len(part) or bool((np.ptp(part, axis=0) / spread).max() > 0.1)
