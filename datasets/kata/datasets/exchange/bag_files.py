"""Bags on disk: which ones there are, and their messages.

A bag is an `.mcap` or `.db3` file, or the folder that `ros2 bag record` leaves. A folder of bags
is a dataset with an episode a bag.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..types import DatasetError, KataError
from .optional import need

MOST_BYTES = 4 * 2**30
"""Of a chunk of a bag when it is unpacked."""

_MCAP = b"\x89MCAP0\r\n"


@dataclass(frozen=True, slots=True)
class Logged:
    """A message as it lies in a bag: when it was logged in ns, its topic, type and bytes."""

    time_ns: int
    topic: str
    kind: str
    data: bytes


def bags_in(path: Path) -> list[Path]:
    """The bags of a file or folder, in the order of their names. Raises DatasetError."""
    if path.is_file() or (path / "metadata.yaml").is_file():
        return [path]
    found: list[Path] = []
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix in (".mcap", ".db3"))
        found += sorted(p.parent for p in path.glob("*/metadata.yaml"))
    if not found:
        raise DatasetError(
            "no bag here",
            where=str(path),
            expected="an .mcap or .db3 file, a bag's folder, or a folder of those",
            got="nothing of that" if path.exists() else "no such file",
        )
    return found


def topics_of(path: Path) -> dict[str, str]:
    """The type of each topic of a bag. Raises DatasetError."""
    with _Reader(path) as reader:
        return {c.topic: c.msgtype for c in reader.connections}


def messages_of(path: Path, topics: Collection[str]) -> Iterator[Logged]:
    """The messages of some topics in the order of their time. Raises DatasetError."""
    with _Reader(path) as reader:
        wanted = [c for c in reader.connections if c.topic in topics]
        if not wanted:
            return
        stream = reader.messages(connections=wanted)
        while True:
            try:
                found = next(stream, None)
            except Exception as error:
                raise damaged(path, error) from error
            if found is None:
                return
            connection, time_ns, data = found
            yield Logged(int(time_ns), connection.topic, connection.msgtype, bytes(data))


def metadata_of(path: Path) -> dict[str, dict[str, str]]:
    """The records of metadata in an `.mcap` file by name; none in other bags."""
    if path.suffix != ".mcap" or not path.is_file():
        return {}
    _check_chunks(path)
    reading = need("mcap.reader", "a bag of ROS 2")
    try:
        with path.open("rb") as file:
            records = reading.make_reader(file).iter_metadata()
            return {record.name: dict(record.metadata) for record in records}
    except Exception as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> DatasetError:
    """The error for a bag that cannot be read."""
    return DatasetError(
        "a bag that is damaged, or none",
        where=str(path),
        got=" ".join(str(error).split())[:160] or type(error).__name__,
        hint="`mcap recover` or `ros2 bag reindex` may mend a recording that was cut off",
    )


def _check_chunks(bag: Path) -> None:
    """Refuse chunks of an impossible size before anything unpacks them. Raises DatasetError."""
    try:
        for path in [bag] if bag.is_file() else sorted(p for p in bag.iterdir() if p.is_file()):
            with path.open("rb") as file:
                most = max(_chunk_sizes(file), default=0)
            if most > MOST_BYTES:
                got = f"{most} bytes"
                raise DatasetError("a chunk of an impossible size", where=str(path), got=got)
    except KataError:
        raise
    except Exception as error:
        raise damaged(bag, error) from error


def _chunk_sizes(file: BinaryIO) -> Iterator[int]:
    """The unpacked size in bytes that each chunk tells; other files than `.mcap` have none."""
    # By its content: the folder of a bag may give its files any name.
    if file.read(len(_MCAP)) != _MCAP:
        return
    file.seek(0)
    summary = need("mcap.reader", "a bag of ROS 2").make_reader(file).get_summary()
    # Without schemas in the summary, the bag is read from its begin whatever the index says.
    if summary and summary.schemas and summary.chunk_indexes:
        yield from (chunk.uncompressed_size for chunk in summary.chunk_indexes)
        return
    file.seek(0)
    streams = need("mcap.stream_reader", "a bag of ROS 2")
    for record in streams.StreamReader(file, emit_chunks=True).records:
        if hasattr(record, "uncompressed_size"):
            yield record.uncompressed_size


class _Reader:
    """An open bag. A context manager."""

    def __init__(self, path: Path) -> None:
        reading = need("rosbags.rosbag2", "a bag of ROS 2")
        _check_chunks(path)
        try:
            self._reader: Any = reading.Reader(path)
            self._reader.open()
        except Exception as error:
            raise damaged(path, error) from error

    def __enter__(self) -> Any:
        return self._reader

    def __exit__(self, *_: object) -> None:
        self._reader.close()
