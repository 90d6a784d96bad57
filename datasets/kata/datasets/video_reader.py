"""Pictures out of a video: the right one, wherever the key frames are.

A decoder can only start at a key frame, and a file's index is in the order of decoding, so a
jump may land behind the picture that was asked for; then it jumps further back. PyAV is loaded
where it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .types import Array, DatasetError

_JUMP = 8
"""Frames ahead from which a jump is cheaper than decoding what lies between."""


def read_video(path: Path, start_s: float, count: int, fps: int) -> NDArray[np.uint8]:
    """`count` pictures (count, height, width, 3) from a time on. Raises DatasetError."""
    return read_pictures(path, start_s + np.arange(count) / fps, fps)


def read_pictures(path: Path, times_s: Sequence[float] | Array, fps: int) -> NDArray[np.uint8]:
    """The pictures (n, height, width, 3) at n ascending times.

    Raises DatasetError for a file that is no video, that has no picture within half a frame of
    one of the times, or whose pictures change their size.
    """
    import av
    from av.video.reformatter import VideoReformatter

    reformat = VideoReformatter().reformat  # one for all frames: making one costs a third of it
    out = np.empty((0, 0, 0, 3), dtype=np.uint8)
    try:
        with av.open(str(path)) as container:
            scan = _Scan(container, fps)
            for i, time_s in enumerate(times_s):
                frame = scan.frame_at(float(time_s))
                if frame is None:
                    raise _lacks(path, float(times_s[0]), len(times_s), i)
                picture = reformat(frame, format="rgb24").to_ndarray()
                if not i:
                    out = np.empty((len(times_s), *picture.shape), dtype=np.uint8)
                if picture.shape != out.shape[1:]:
                    raise DatasetError(
                        "a video whose pictures change their size",
                        where=str(path),
                        expected=str(out.shape[1:3]),
                        got=str(picture.shape[:2]),
                    )
                out[i] = picture
    except (av.FFmpegError, OSError, IndexError) as error:
        raise DatasetError("a video cannot be read", where=str(path), got=str(error)) from error
    return out


class _Scan:
    """Walks through a video and jumps where that is shorter."""

    def __init__(self, container: Any, fps: int) -> None:
        self._container, self._fps = container, fps
        self._stream = container.streams.video[0]
        self._stream.codec_context.thread_count = 1
        self._frames: Iterator[Any] = iter(())
        self._frame: Any = None

    def frame_at(self, time_s: float) -> Any:
        """The frame nearest to a time, or None if there is none within half a frame."""
        near = 0.5 / self._fps
        if self._frame is None or time_s - self._frame.time > _JUMP / self._fps:
            self._jump(time_s)
        while self._frame is not None and self._frame.time < time_s - near:
            self._frame = next(self._frames, None)
        found = self._frame is not None and self._frame.time <= time_s + near
        return self._frame if found else None

    def _jump(self, time_s: float) -> None:
        """Go to a frame that is not after a time."""
        back_s = 1.0 / self._fps
        while True:
            begin_s = max(time_s - back_s, 0.0)
            self._container.seek(int(begin_s / self._stream.time_base), stream=self._stream)
            decoded = self._container.decode(self._stream)
            self._frames = (frame for frame in decoded if frame.pts is not None)
            self._frame = next(self._frames, None)
            early = self._frame is not None and self._frame.time <= time_s
            if early or begin_s == 0.0:
                return
            back_s = 4.0 * back_s + 1.0


def _lacks(path: Path, start_s: float, count: int, found: int) -> DatasetError:
    return DatasetError(
        "a video is too short",
        where=str(path),
        expected=f"{count} pictures from {start_s:.3f} s on",
        got=f"{found}",
    )
