"""Video: every picture at its time, whole at any moment, joined without loss."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from kata.datasets.types import DatasetError
from kata.datasets.video import VideoEncoder, join_videos
from kata.datasets.video_reader import read_video

SIZE = (16, 24)


def encode(levels: list[int], fps: int) -> VideoEncoder:
    """A closed video of plain grey pictures."""
    encoder = VideoEncoder(*SIZE, fps)
    for level in levels:
        encoder.add(np.full((*SIZE, 3), level, dtype=np.uint8))
    encoder.close()
    return encoder


@pytest.mark.parametrize("fps", [7, 20, 30, 60])
def test_every_picture_has_its_time(fps: int) -> None:
    data = encode(list(range(0, 250, 10)), fps).bytes()
    with av.open(io.BytesIO(data)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert np.allclose(times, np.arange(25) / fps, atol=1e-5)


def test_joined_videos_keep_their_pictures_and_times(tmp_path: Path) -> None:
    parts = [list(range(0, 100, 10)), list(range(100, 130, 10)), list(range(130, 250, 10))]
    joined = join_videos([encode(part, 20).bytes() for part in parts], 20)
    path = tmp_path / "joined.mp4"
    path.write_bytes(joined)
    start = 0
    for part in parts:
        found = read_video(path, start / 20, len(part), 20)
        assert np.abs(found.mean(axis=(1, 2, 3)) - part).max() < 3
        start += len(part)
    with pytest.raises(DatasetError, match="too short"):
        read_video(path, 0.0, 26, 20)


def test_what_was_written_so_far_is_a_video() -> None:
    encoder = VideoEncoder(*SIZE, 20)
    aside = b""
    for level in range(30):
        encoder.add(np.full((*SIZE, 3), 8 * level, dtype=np.uint8))
        if level in (9, 19):
            assert encoder.pending() == encoder.pending()
            aside += encoder.pending()
            encoder.taken()
    with av.open(io.BytesIO(aside)) as container:
        count = sum(1 for _ in container.decode(video=0))
    assert 10 <= count <= 20


def test_its_statistics_are_those_of_the_pixels() -> None:
    found = encode([0, 1, 2, 3, 4, 51, 51, 51, 51, 51], 20).statistics()
    assert found.frames == 2
    assert found.mean == pytest.approx([0.1] * 3)
    assert found.max == pytest.approx([0.2] * 3)


def test_videos_of_other_sizes_are_not_joined() -> None:
    other = VideoEncoder(32, 32, 20)
    other.add(np.zeros((32, 32, 3), dtype=np.uint8))
    other.close()
    with pytest.raises(DatasetError, match="another encoding"):
        join_videos([encode([0], 20).bytes(), other.bytes()], 20)


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "front.mp4"
    path.write_bytes(b"no video")
    for call in (lambda: join_videos([path], 20), lambda: read_video(path, 0.0, 1, 20)):
        with pytest.raises(DatasetError, match=r"front\.mp4"):
            call()


def test_without_libx264_it_is_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    path = tmp_path / "front.mp4"
    path.write_bytes(encode(list(range(0, 250, 10)), 20).bytes())
    found = read_video(path, 0.0, 25, 20)
    assert np.abs(found.mean(axis=(1, 2, 3)) - np.arange(0, 250, 10)).max() < 6
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
