"""Pictures of one camera in one episode: in memory, in a video, or compressed one by one.

Legend: `T` pictures, each (height, width, 3) uint8, RGB.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..statistics import Statistics
from ..types import DatasetError
from ..video import VideoEncoder
from ..video_reader import read_video

Picture = NDArray[np.uint8]

_BLOCK = 200
"""Pictures that are in memory at once."""


class Pictures(Protocol):
    """T pictures that can be gone through again and again."""

    @property
    def count(self) -> int:
        """T."""

    def __iter__(self) -> Iterator[Picture]:
        """One after the other. Raises DatasetError for one that cannot be read."""


@dataclass(frozen=True)
class Clip:
    """Pictures that are part of a video, and their statistics where those are known."""

    path: Path
    start_s: float
    count: int
    fps: int
    known: Statistics | None = None

    def __iter__(self) -> Iterator[Picture]:
        for begin in range(0, self.count, _BLOCK):
            part = min(_BLOCK, self.count - begin)
            yield from read_video(self.path, self.start_s + begin / self.fps, part, self.fps)


@dataclass(frozen=True)
class Still:
    """Pictures that are made on demand: `get(i)` is the i-th."""

    count: int
    get: Callable[[int], Picture]

    def __iter__(self) -> Iterator[Picture]:
        return (self.get(i) for i in range(self.count))


def decode(data: bytes | memoryview, where: str) -> Picture:
    """A JPEG or PNG as (height, width, 3) RGB. Raises DatasetError."""
    import cv2

    found = None
    if len(data):
        found = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise DatasetError(
            "a picture that cannot be read", where=where, expected="JPEG or PNG", got="other bytes"
        )
    return np.ascontiguousarray(found[..., ::-1], dtype=np.uint8)


def encode_png(picture: Picture) -> bytes:
    """A picture as PNG: smaller, and the same to the bit."""
    import cv2

    done, data = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    assert done
    return data.tobytes()


def encode_video(
    pictures: Pictures, size: tuple[int, int], fps: int, where: str
) -> tuple[bytes, Statistics]:
    """The video of T pictures and the statistics of their pixels.

    A clip of a video is copied without encoding it again where that is possible. Raises
    DatasetError for pictures of another size.
    """
    if isinstance(pictures, Clip) and pictures.known is not None and pictures.fps == fps:
        copied = _copy(pictures)
        if copied is not None:
            return copied, pictures.known
    encoder = VideoEncoder(*size, fps)
    try:
        for picture in pictures:
            if picture.shape != (*size, 3):
                raise DatasetError(
                    "a picture of another size",
                    where=where,
                    expected=str((*size, 3)),
                    got=str(picture.shape),
                )
            encoder.add(picture)
    finally:
        encoder.close()
    return encoder.bytes(), encoder.statistics()


def _copy(clip: Clip) -> bytes | None:
    """The clip's packets as a video of their own; None where it does not begin with a key frame.

    Raises DatasetError for a file that is no video.
    """
    import av

    sink = io.BytesIO()
    period = 1.0 / clip.fps
    try:
        with av.open(str(clip.path)) as source, av.open(sink, "w", format="mp4") as out:
            found: Any = source.streams.video[0]
            stream: Any = out.add_stream_from_template(found, opaque=True)
            packets = _packets(source, found, clip)
            if packets is None or len(packets) != clip.count:
                return None
            first = packets[0].pts
            tick = Fraction(1, clip.fps) / found.time_base
            if abs(float(first * found.time_base) - clip.start_s) > 0.5 * period:
                return None
            for i, packet in enumerate(packets):
                packet.pts = packet.dts = int(i * tick)
                packet.stream = stream
                out.mux(packet)
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        where = str(clip.path)
        raise DatasetError("a video cannot be read", where=where, got=str(error)) from error
    return sink.getvalue()


def _packets(source: Any, stream: Any, clip: Clip) -> Sequence[Any] | None:
    """The clip's packets in order; None where they depend on others or on later ones."""
    period = 1.0 / clip.fps
    begin, end = clip.start_s - 0.5 * period, clip.start_s + (clip.count - 0.5) * period
    source.seek(max(0, int(begin / stream.time_base)), stream=stream)
    packets: list[Any] = []
    for packet in source.demux(stream):
        if packet.pts is None or not packet.size:
            continue
        time_s = float(packet.pts * stream.time_base)
        if time_s >= end:
            break
        if time_s >= begin:
            packets.append(packet)
    in_order = all(a.pts < b.pts for a, b in pairwise(packets))
    return packets if packets and packets[0].is_keyframe and in_order else None
