"""Pictures of a dataset's cameras by row, decoded once and kept within a bound.

Legend: `B` rows asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .clip_cache import Clip, ClipCache, Pictures
from .lerobot_format import VIDEO_PATH, Entry
from .schema import CAMERA_PREFIX, Schema
from .types import DatasetError, SpecError, UnknownNameError
from .video_reader import read_pictures

CACHE_BYTES = 2 << 30
"""How much decoded video a store keeps unless told otherwise: 2 GiB."""

_LOG = logging.getLogger(__name__)


class FrameStore:
    """Random access to pictures at the price of a copy, once an episode was decoded.

    The first picture of an episode decodes all of it, in order. Decoded episodes are kept in
    memory, or as memory-mapped files below `folder`, up to `limit` bytes. What does not fit is
    decoded anew each time, from the nearest key frame on; `prepare` chooses what is kept.
    A store sees a video as it was when the store first decoded it.

    Args:
        root, schema, entries: the dataset.
        limit: bytes of decoded pictures that are kept at most. Beside them there is at most one
            more episode of one camera at a time, while it is decoded.
        folder: where decoded episodes are kept for later runs and other processes; the system
            takes their memory back when it needs it.

    Raises:
        SpecError: a negative limit.
    """

    def __init__(
        self,
        root: Path,
        schema: Schema,
        entries: Sequence[Entry],
        limit: int = CACHE_BYTES,
        folder: Path | None = None,
    ) -> None:
        if limit < 0:
            raise SpecError("a cache below nothing", where="cache_bytes", got=str(limit))
        self.root, self.schema, self.limit, self.bytes = root, schema, limit, 0
        self._entries = tuple(entries)
        self._stops = np.array([entry.stop for entry in entries], dtype=np.int64)
        self._held: dict[tuple[str, int], Pictures] = {}
        self._files: dict[tuple[str, int], Path] = {}
        self._cache = ClipCache(folder, limit) if folder else None
        self._told = False

    def frame_bytes(self, cameras: Iterable[str]) -> int:
        """Bytes that the pictures of one frame take. Raises UnknownNameError."""
        return sum(3 * height * width for height, width in map(self._size, cameras))

    def fits(self, cameras: Iterable[str]) -> bool:
        """Whether all pictures of these cameras are kept once they are decoded."""
        return self.frame_bytes(cameras) * int(self._stops[-1]) <= self.limit

    def take(self, camera: str, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The pictures (B, height, width, 3) of rows (B,) of the dataset, in any order.

        Raises UnknownNameError, DatasetError for rows that there are not or a video that cannot
        be read, StorageError where the disk refuses to keep decoded pictures.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < self._stops[-1]:
            raise DatasetError(
                "rows that are not in the dataset",
                where=str(self.root),
                expected=f"0 to {self._stops[-1] - 1}",
                got=f"{rows.min()} to {rows.max()}",
            )
        out = np.empty((len(rows), *self._size(camera), 3), dtype=np.uint8)
        episodes = np.searchsorted(self._stops, rows, side="right")
        order = np.argsort(episodes, kind="stable")
        cuts = np.flatnonzero(np.diff(episodes[order])) + 1
        for places in np.split(order, cuts) if len(rows) else ():
            episode = int(episodes[places[0]])
            at = rows[places] - self._entries[episode].start
            pictures = self._pictures(camera, episode)
            out[places] = self._some(camera, episode, at) if pictures is None else pictures[at]
        return out

    def prepare(self, cameras: Sequence[str], episodes: Collection[int]) -> None:
        """Keep these episodes, decode those that are new, and let go of all others.

        Raises what `take` raises.
        """
        wanted = {(camera, episode) for camera in cameras for episode in episodes}
        for key in self._held.keys() - wanted:
            self.bytes -= self._held.pop(key).nbytes
            self._files.pop(key, None)
        for camera, episode in sorted(wanted, key=lambda key: key[1]):
            self._pictures(camera, episode)

    def _size(self, camera: str) -> tuple[int, int]:
        if camera not in self.schema.cameras:
            raise UnknownNameError("camera", camera, self.schema.cameras, where=str(self.root))
        return self.schema.cameras[camera]

    def _clip(self, camera: str, episode: int) -> Clip:
        entry, key = self._entries[episode], CAMERA_PREFIX + camera
        span = entry.videos[key]
        path = self.root / span.slot.path(VIDEO_PATH, key)
        count = entry.stop - entry.start
        return Clip(path, span.start_s, count, self.schema.fps, *self._size(camera))

    def _pictures(self, camera: str, episode: int) -> Pictures | None:
        """All pictures of an episode, or None where there is no room to keep them."""
        key = (camera, episode)
        found = self._held.get(key)
        if found is not None:
            return found
        clip = self._clip(camera, episode)
        if self.bytes + clip.bytes > self.limit:
            self._tell(camera)
            return None
        if self._cache is None:
            found = clip.decode()
        else:
            self._files[key], found = self._cache.fetch(clip, set(self._files.values()))
        self._held[key] = found
        self.bytes += clip.bytes
        return found

    def _some(self, camera: str, episode: int, at: NDArray[np.int64]) -> Pictures:
        """Pictures of an episode that is not kept, decoded for this call alone."""
        clip = self._clip(camera, episode)
        few, place = np.unique(at, return_inverse=True)
        pictures = read_pictures(clip.path, clip.start_s + few / clip.fps, clip.fps)
        clip.check(pictures)
        return pictures[place]

    def _tell(self, camera: str) -> None:
        if self._told:
            return
        self._told = True
        frame = self.frame_bytes(self.schema.cameras)
        _LOG.warning(
            "the pictures of %s need %.2f GB decoded and cache_bytes allows %.2f GB: those beyond "
            "(first of camera '%s') are decoded each time; give ChunkSampler window=%d, or a "
            "larger cache_bytes",
            self.root,
            frame * int(self._stops[-1]) / 1e9,
            self.limit / 1e9,
            camera,
            max(self.limit // frame, 1),
        )
