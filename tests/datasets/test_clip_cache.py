"""Decoded pictures on disk: found again, never stale, whole after a kill, shared by processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kata.datasets import clip_cache
from kata.datasets.dataset import Dataset
from kata.datasets.types import StorageError

from .numbered import numbered_dataset, read, record

CHILD = Path(__file__).with_name("child_decodes.py")
CLIP = 12 * 32 * 32 * 3
ROWS = np.arange(72)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six episodes of twelve frames."""
    return numbered_dataset(tmp_path / "data").root


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every decoding fail."""

    def refuse(*_: Any) -> Any:
        raise AssertionError("decoded again")

    monkeypatch.setattr(clip_cache.Clip, "decode", refuse)


def numbers(root: Path, cache: Path, **options: int) -> list[int]:
    """What a fresh reader sees in every row."""
    return read(Dataset.open(root, cache, **options).frames.take("front", ROWS))


def child(root: Path, cache: Path, limit: int, rounds: int) -> subprocess.Popen[str]:
    """A process that decodes into a cache."""
    words = [str(root), str(cache), str(limit), str(rounds)]
    return subprocess.Popen([sys.executable, str(CHILD), *words], stdout=subprocess.PIPE, text=True)


def test_a_later_run_decodes_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    assert numbers(root, cache) == list(range(72))
    files = list((cache / "frames").iterdir())
    assert [file.stat().st_size for file in files] == [CLIP] * 6
    forbid_decoding(monkeypatch)
    assert numbers(root, cache) == list(range(72))


def test_a_changed_video_is_never_served_stale(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert numbers(root, cache) == list(range(72))
    record(tmp_path / "other", 1, 12, first=500)
    inside = "videos/observation.images.front/chunk-000/file-000.mp4"
    old, new = root / inside, tmp_path / "other" / inside
    stat = old.stat()
    data = new.read_bytes()
    old.write_bytes(data + b"\0" * max(0, stat.st_size - len(data)))
    os.utime(old, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert numbers(root, cache) == [*range(500, 512), *range(12, 72)]


def test_a_video_that_changes_while_it_is_decoded_is_read_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path / "other", 1, 12, first=500)
    inside = "videos/observation.images.front/chunk-000/file-000.mp4"
    decode, swaps = clip_cache.Clip.decode, [tmp_path / "other" / inside]

    def swapped(clip: clip_cache.Clip) -> Any:
        pictures = decode(clip)
        if swaps:
            (root / inside).write_bytes(swaps.pop().read_bytes())
        return pictures

    monkeypatch.setattr(clip_cache.Clip, "decode", swapped)
    assert numbers(root, tmp_path / "cache") == [*range(500, 512), *range(12, 72)]


def test_a_file_that_is_not_whole_is_made_again(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    numbers(root, cache)
    for file in (cache / "frames").iterdir():
        file.write_bytes(b"half")
    assert numbers(root, cache) == list(range(72))


def test_the_folder_stays_within_its_bound(root: Path, tmp_path: Path) -> None:
    cache, limit = tmp_path / "cache", 3 * CLIP
    store = Dataset.open(root, cache, cache_bytes=limit).frames
    for episodes in ([0, 1], [2, 3], [4, 5], [0, 5]):
        store.prepare(["front"], episodes)
        kept = sum(file.stat().st_size for file in (cache / "frames").iterdir())
        assert store.bytes == 2 * CLIP
        assert kept <= limit
    assert read(store.take("front", ROWS)) == list(range(72))
    assert store.bytes <= limit


def test_what_a_killed_writer_left_goes_after_a_while(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache/frames"
    folder.mkdir(parents=True)
    for name, age_s in (("old", 4000.0), ("new", 60.0)):
        left = folder / f".{name}.rgb.0.tmp"
        left.write_bytes(b"half")
        os.utime(left, (time.time() - age_s,) * 2)
    assert numbers(root, tmp_path / "cache") == list(range(72))
    assert [path.name for path in folder.glob(".*")] == [".new.rgb.0.tmp"]


def test_a_cache_that_cannot_be_written_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/frames").write_text("a file")
    with pytest.raises(StorageError, match="the disk refused to write"):
        numbers(root, tmp_path / "cache")


def test_two_processes_share_it(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    # With room for two clips they take each other's files away all the time.
    for limit in (1 << 20, 2 * CLIP):
        children = [child(root, cache, limit, 3) for _ in range(2)]
        for process in children:
            out, _ = process.communicate(timeout=60)
            assert (process.returncode, out) == (0, "begun\nright\n")


def test_a_kill_leaves_no_wrong_picture(root: Path, tmp_path: Path) -> None:
    for attempt in range(4):
        cache = tmp_path / f"cache{attempt}"
        with child(root, cache, 1 << 20, 1) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            time.sleep(0.02 + 0.03 * attempt)
            os.kill(process.pid, signal.SIGKILL)
        assert numbers(root, cache) == list(range(72))
