"""Decoded pictures on disk: a file a clip, whole or not there, named by what it was decoded from.

A name is the hash of the video's bytes, the span and the version of the decoder, so a changed
video never finds old pictures. A file appears by a rename after it was synced, so a kill leaves
none that is wrong, and two processes at worst decode the same clip twice. A file is raw pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .files import refused, write_file
from .storage import clear_abandoned
from .types import DatasetError
from .video_reader import read_video

Pictures = NDArray[np.uint8]
_SUFFIX = ".rgb"


@dataclass(frozen=True, slots=True)
class Clip:
    """The pictures of one camera in one episode: `count` of them from `start_s` on."""

    path: Path
    start_s: float
    count: int
    fps: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the pictures: (count, height, width, 3)."""
        return (self.count, self.height, self.width, 3)

    @property
    def bytes(self) -> int:
        """What the decoded pictures take."""
        return self.count * self.height * self.width * 3

    def decode(self) -> Pictures:
        """All pictures. Raises DatasetError."""
        pictures = read_video(self.path, self.start_s, self.count, self.fps)
        self.check(pictures)
        return pictures

    def check(self, pictures: Pictures) -> None:
        """Raise DatasetError for pictures (n, ...) of another size than the dataset says."""
        if pictures.shape[1:] != self.shape[1:]:
            raise DatasetError(
                "pictures of another size",
                where=str(self.path),
                expected=f"height and width {self.shape[1:3]}",
                got=str(pictures.shape[1:3]),
                hint="restore the file from a copy",
            )


class ClipCache:
    """A folder of decoded clips that never holds more than `limit` bytes of them.

    Processes that share it may exceed the limit by one clip each while they write.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._digests: dict[Path, tuple[tuple[int, ...], str]] = {}
        clear_abandoned(folder)

    def fetch(self, clip: Clip, in_use: Collection[Path]) -> tuple[Path, Pictures]:
        """A clip's file and its pictures, mapped from there and decoded if need be.

        Of the other files, those that are not `in_use` make room, the oldest first.
        Raises DatasetError for a video that cannot be read, StorageError where the disk refuses.
        """
        path, known = self._path(clip)
        if not known:
            while True:
                pictures = clip.decode()
                again, _ = self._path(clip)
                if again == path:
                    break
                path = again  # the video was replaced while it was decoded
            self._make_room(clip.bytes, in_use)
            write_file(path, memoryview(pictures).cast("B"))
        try:
            path.touch()
            return path, np.asarray(np.memmap(path, np.uint8, "r", shape=clip.shape))
        except FileNotFoundError:
            # Another process needed the room at once; it has no need of a file then.
            return path, clip.decode()
        except OSError as error:
            raise refused(error, path, "the dataset is untouched") from error

    def _path(self, clip: Clip) -> tuple[Path, bool]:
        """Where a clip belongs, and whether it is there."""
        span = f"{clip.start_s!r} {clip.count} {clip.fps} {clip.shape} av {version('av')}"
        digest = hashlib.sha256(f"{self._digest(clip.path)} {span}".encode()).hexdigest()
        path = self.folder / f"{digest[:40]}{_SUFFIX}"
        with suppress(OSError):
            return path, path.stat().st_size == clip.bytes
        return path, False

    def _digest(self, path: Path) -> str:
        """Hash of a video's bytes, read again only where the file is another one."""
        try:
            stat = path.stat()
            stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            known = self._digests.get(path)
            if known is None or known[0] != stamp:
                with path.open("rb") as file:
                    known = (stamp, hashlib.file_digest(file, "sha256").hexdigest())
                self._digests[path] = known
        except OSError as error:
            raise DatasetError(
                "a video cannot be read",
                where=str(path),
                got=str(error.strerror or error),
                hint="restore the file from a copy",
            ) from error
        return known[1]

    def _make_room(self, size: int, in_use: Collection[Path]) -> None:
        """Delete clips until one more of this size fits."""
        found = []
        for path in self.folder.glob(f"*{_SUFFIX}"):
            with suppress(OSError):
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, path))
        total = sum(item[1] for item in found) + size
        for _, freed, path in sorted(found):
            if total <= self.limit:
                return
            if path not in in_use:
                # Whoever has it mapped keeps its pictures until the mapping ends.
                path.unlink(missing_ok=True)
                total -= freed
