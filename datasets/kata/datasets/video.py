"""Video of one camera: encoded as frames come, cut and joined without encoding again.

H.264 with a key frame every other frame, so that a picture is found without decoding many.
PyAV is loaded where it is used.
"""

from __future__ import annotations

import io
import weakref
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .statistics import Statistics
from .types import DatasetError

KEY_FRAME_EVERY = 2
ENCODER_OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "20", "bf": "0"},
    "mpeg4": {"qscale": "4", "bf": "0"},
}
_STATS_EVERY = 5
_STATS_PIXELS = 150


def codec() -> tuple[str, str]:
    """The encoder to use, and the name of what it makes: H.264, or MPEG-4 without libx264."""
    import av

    return ("libx264", "h264") if "libx264" in av.codecs_available else ("mpeg4", "mpeg4")


class VideoEncoder:
    """Encodes pictures (height, width, 3) uint8 at a fixed rate into memory."""

    def __init__(self, height: int, width: int, fps: int) -> None:
        import av

        self.fps, self.frames = fps, 0
        self._sink = io.BytesIO()
        self._taken = 0
        # Fragments need no table at the end: what was written so far is a whole video.
        flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        self._container = av.open(self._sink, "w", format="mp4", options=flags)
        encoder = codec()[0]
        stream: Any = self._container.add_stream(
            encoder, rate=fps, options=dict(ENCODER_OPTIONS[encoder])
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = KEY_FRAME_EVERY
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, fps)
        self._stream = stream
        # PyAV crashes the process where an open encoder is left to the garbage collector.
        self._finish = weakref.finalize(self, _finish, self._container, stream)
        step = max(1, max(height, width) // _STATS_PIXELS)
        self._thin = (slice(None, None, step), slice(None, None, step))
        self._histogram = np.zeros((3, 256), dtype=np.int64)
        self._sampled = 0

    def add(self, image: NDArray[np.uint8]) -> None:
        """Encode one picture."""
        import av

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = self.frames, Fraction(1, self.fps)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
        if self.frames % _STATS_EVERY == 0:
            few = image[self._thin].reshape(-1, 3)
            for channel in range(3):
                self._histogram[channel] += np.bincount(few[:, channel], minlength=256)
            self._sampled += 1
        self.frames += 1

    def pending(self) -> bytes:
        """The bytes that came since `taken`; all of them one after the other are a video."""
        with self._sink.getbuffer() as whole:
            data = bytes(whole[self._taken :])
        return data

    def taken(self) -> None:
        """What is pending was written away."""
        self._taken = self._sink.getbuffer().nbytes

    def close(self) -> None:
        """Encode what is still waiting; the encoder takes no more. Again does nothing."""
        self._finish()

    def bytes(self) -> bytes:
        """The closed video as one plain mp4."""
        return join_videos([self._sink.getvalue()], self.fps)

    def statistics(self) -> Statistics:
        """Of the pixels, in [0, 1], from every fifth picture."""
        return Statistics.of_histogram(self._histogram, self._sampled)


def _finish(container: Any, stream: Any) -> None:
    for packet in stream.encode(None):
        container.mux(packet)
    container.close()


def join_videos(parts: Sequence[bytes | Path], fps: int) -> bytes:
    """One plain mp4 of several videos of the same camera, without encoding again.

    Raises DatasetError for parts that cannot be read, or of different encodings.
    """
    import av

    sink = io.BytesIO()
    stream: Any = None
    offset = 0
    with av.open(sink, "w", format="mp4") as out:
        for part in parts:
            where = str(part) if isinstance(part, Path) else "video in memory"
            try:
                file: Any = str(part) if isinstance(part, Path) else io.BytesIO(part)
                with av.open(file, "r") as source:
                    found: Any = source.streams.video[0]
                    if stream is None:
                        stream = out.add_stream_from_template(found, opaque=True)
                        first = _encoding(found)
                    elif _encoding(found) != first:
                        raise DatasetError("video of another encoding", where=where)
                    tick = Fraction(1, fps) / found.time_base
                    count = 0
                    packets: Any = source.demux(found)
                    for packet in packets:
                        if packet.dts is None:
                            continue
                        shift = int(offset * tick)
                        packet.pts += shift
                        packet.dts += shift
                        packet.stream = stream
                        out.mux(packet)
                        count += 1
                    offset += count
            except (av.FFmpegError, IndexError) as error:
                raise DatasetError("a video cannot be read", where=where, got=str(error)) from error
    return sink.getvalue()


def same_encoding(a: Path, b: Path) -> bool:
    """Whether two videos can be joined. Raises DatasetError for one that cannot be read."""
    import av

    found = []
    for path in (a, b):
        try:
            with av.open(str(path)) as container:
                found.append(_encoding(container.streams.video[0]))
        except (av.FFmpegError, IndexError) as error:
            raise DatasetError("a video cannot be read", where=str(path), got=str(error)) from error
    return found[0] == found[1]


def _encoding(stream: Any) -> tuple[Any, ...]:
    context = stream.codec_context
    return context.name, context.width, context.height, context.pix_fmt, context.extradata
