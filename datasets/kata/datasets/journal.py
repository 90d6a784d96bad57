"""The unfinished episode, kept aside while it grows.

`aside/NAME.arrows` is an Arrow stream that gets a batch of frames now and then, so a kill loses
only the frames after the last batch; `aside/NAME.CAMERA.mp4` is a fragmented video that grows
with it; `aside/NAME.json` says why the episode was set aside and is written last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from .files import Bytes, refused, write_all
from .types import DatasetError

FOLDER = "aside"
INTERRUPTED = "interrupted: the recorder ended without saving or discarding it"


@dataclass(frozen=True, slots=True)
class Aside:
    """An episode that was not saved: its name, why, how many frames, and where they are."""

    name: str
    reason: str
    frames: int
    path: Path

    def table(self) -> pa.Table:
        """The frames' own columns as far as they were written."""
        return read_frames(self.path)


class Journal:
    """Grows the files of one unfinished episode. A refused write changes nothing."""

    def __init__(self, root: Path, name: str, schema: pa.Schema) -> None:
        self.folder, self.name, self.schema = root / FOLDER, name, schema
        self.path = self.folder / f"{name}.arrows"
        self._sizes: dict[Path, int] = {}

    def append(self, batch: pa.RecordBatch, videos: Mapping[str, Bytes]) -> None:
        """Add frames, and what each camera's video gained. Raises StorageError."""
        head = b"" if self.path in self._sizes else bytes(memoryview(self.schema.serialize()))
        self._grow({self.path: head + bytes(memoryview(batch.serialize()))} | self._named(videos))

    def _named(self, videos: Mapping[str, Bytes]) -> dict[Path, Bytes]:
        return {self.folder / f"{self.name}.{key}.mp4": data for key, data in videos.items()}

    def _grow(self, parts: Mapping[Path, Bytes]) -> None:
        for path, data in parts.items():
            size = self._sizes.get(path, 0)
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
                try:
                    # Whatever an earlier refused write left behind is overwritten.
                    os.ftruncate(descriptor, size)
                    os.lseek(descriptor, size, os.SEEK_SET)
                    write_all(descriptor, data)
                finally:
                    os.close(descriptor)
            except OSError as error:
                for other in parts:
                    self._cut(other)
                kept = "the saved episodes are whole, and this one's frames are still in memory"
                raise refused(error, path, kept) from error
        for path, data in parts.items():
            self._sizes[path] = self._sizes.get(path, 0) + len(data)

    def _cut(self, path: Path) -> None:
        try:
            os.truncate(path, self._sizes.get(path, 0))
        except OSError:
            return  # what is left of it is cut before the next write

    def close(self, reason: str, frames: int) -> None:
        """Set the episode aside for good. Raises StorageError."""
        write_reason(self.folder / f"{self.name}.json", self.name, reason, frames)

    def remove(self) -> None:
        """Forget it: the episode is saved in the dataset."""
        for path in self._sizes:
            path.unlink(missing_ok=True)
        self._sizes.clear()


def write_reason(path: Path, name: str, reason: str, frames: int) -> None:
    """Write an `aside/NAME.json` atomically. Raises StorageError."""
    text = json.dumps({"name": name, "reason": reason, "frames": frames})
    temporary = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text)
        temporary.replace(path)
    except OSError as error:
        raise refused(error, path, "the saved episodes are whole") from error


def read_frames(path: Path) -> pa.Table:
    """The whole batches of a stream that may end in the middle. Raises DatasetError."""
    batches = []
    try:
        reader = pa.ipc.open_stream(path.read_bytes())
    except (OSError, pa.ArrowException) as error:
        raise DatasetError("no frames were kept", where=str(path), got=str(error)) from error
    while True:
        try:
            batches.append(reader.read_next_batch())
        except (StopIteration, pa.ArrowException, OSError):
            break
    return pa.Table.from_batches(batches, reader.schema)


def adopt_interrupted(root: Path) -> list[Aside]:
    """Close what a killed recorder left unfinished, and say what it was."""
    adopted = []
    for path in sorted((root / FOLDER).glob("*.arrows")):
        if path.with_suffix(".json").exists():
            continue
        try:
            frames = read_frames(path).num_rows
        except DatasetError:
            frames = 0
        write_reason(path.with_suffix(".json"), path.stem, INTERRUPTED, frames)
        adopted.append(Aside(path.stem, INTERRUPTED, frames, path))
    return adopted


def asides(root: Path) -> list[Aside]:
    """Every episode that was set aside in a dataset."""
    found = []
    for path in sorted((root / FOLDER).glob("*.json")):
        data: dict[str, Any] = json.loads(path.read_text())
        frames, reason = int(data["frames"]), str(data["reason"])
        found.append(Aside(path.stem, reason, frames, path.with_suffix(".arrows")))
    return found
