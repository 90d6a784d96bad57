"""Columns of a dataset as contiguous arrays, in memory or mapped from a cache on disk.

Legend: `F` frames of the dataset.
"""

from __future__ import annotations

import errno
import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .files import sync, told, write_synced
from .lerobot_format import DATA_PATH, Entry, read_table
from .storage import clear_abandoned
from .types import DatasetError, FeatureSpec, KeySpec


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A text a frame, stored once each: `names[codes[row]]`.

    Attributes:
        codes: (F,) int32.
        names: the different texts in the order of their first frame.
    """

    codes: NDArray[np.int32]
    names: tuple[str, ...]

    def __getitem__(self, row: int) -> str:
        return self.names[int(self.codes[row])]


Column = NDArray[Any] | TextColumn


def to_numpy(column: pa.ChunkedArray, spec: KeySpec, where: str) -> NDArray[Any]:
    """Rows (F, ...) of a stored column; null becomes NaN. Raises DatasetError."""
    count = len(column)
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    while pa.types.is_nested(array.type):
        array = array.flatten()
    shape = (count,) if spec.shape == (1,) else (count, *spec.shape)
    values = array.to_numpy(zero_copy_only=False)
    if values.size != np.prod(shape):
        raise DatasetError(
            "a column of another shape",
            where=where,
            expected=f"{spec.shape} a frame",
            got=f"{values.size} numbers in {count} frames",
        )
    return np.ascontiguousarray(values.reshape(shape).astype(spec.dtype, copy=False))


def load_columns(root: Path, entries: Sequence[Entry], spec: FeatureSpec) -> dict[str, Column]:
    """Every column but the videos, of exactly these episodes. Raises DatasetError."""
    keys = {key: key_spec for key, key_spec in spec.items() if key_spec.dtype != "video"}
    parts: dict[str, list[Any]] = {key: [] for key in keys}
    rows = 0
    for slot in dict.fromkeys(entry.data for entry in entries):
        path = root / slot.path(DATA_PATH)
        table = read_table(path)
        missing = [key for key in keys if key not in table.column_names]
        if missing:
            raise DatasetError(
                "a file without some columns", where=str(path), got="no " + ", ".join(missing)
            )
        rows += table.num_rows
        for key, key_spec in keys.items():
            if key_spec.dtype == "string":
                parts[key].append(table[key].cast(pa.string()))
            else:
                parts[key].append(to_numpy(table[key], key_spec, f"{path}, {key}"))
    if rows != entries[-1].stop:
        raise DatasetError(
            "frames are missing",
            where=str(root / "data"),
            expected=f"{entries[-1].stop} frames",
            got=f"{rows}",
            hint="restore the file from a copy",
        )
    return {
        key: text_column(parts[key]) if s.dtype == "string" else np.concatenate(parts[key])
        for key, s in keys.items()
    }


def text_column(parts: Sequence[pa.ChunkedArray]) -> TextColumn:
    """Stored texts, file after file, as codes and names."""
    chunks = [chunk for part in parts for chunk in part.chunks]
    coded = pa.chunked_array(chunks, pa.string()).combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    names = tuple(str(name) for name in coded.dictionary.to_pylist())
    return TextColumn(coded.indices.to_numpy(zero_copy_only=False).astype(np.int32), names)


def content_hash(columns: Mapping[str, Column]) -> str:
    """Hex digest of all frames; how they are split into files does not matter."""
    digest = hashlib.sha256()
    for key in sorted(columns):
        column = columns[key]
        digest.update(key.encode() + b"\0")
        if isinstance(column, TextColumn):
            digest.update("\0".join(column.names).encode() + column.codes.tobytes())
        else:
            digest.update(f"{column.dtype} {column.shape}".encode())
            digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()


def cached_columns(
    root: Path, entries: Sequence[Entry], spec: FeatureSpec, cache: Path
) -> dict[str, Column]:
    """As `load_columns`, mapped from files below `cache`, which are made on the first call.

    Raises DatasetError, and StorageError where the disk refuses.
    """
    digest = hashlib.sha256(json.dumps(spec.to_json()).encode())
    for slot in dict.fromkeys(entry.data for entry in entries):
        stat = (root / slot.path(DATA_PATH)).stat()
        digest.update(f"{slot} {stat.st_size} {stat.st_mtime_ns}".encode())
    folder = cache / digest.hexdigest()[:32]
    clear_abandoned(cache)
    if folder.exists():
        try:
            return _map_columns(folder, spec)
        except (OSError, ValueError):
            # Somebody meddled with the cache; what it was made from is still there.
            shutil.rmtree(folder, ignore_errors=True)
    _write_columns(folder, load_columns(root, entries, spec))
    with told(folder):
        return _map_columns(folder, spec)


def _map_columns(folder: Path, spec: FeatureSpec) -> dict[str, Column]:
    out: dict[str, Column] = {}
    for key, key_spec in spec.items():
        if key_spec.dtype == "video":
            continue
        array = np.load(folder / f"{key}.npy", mmap_mode="r", allow_pickle=False)
        if key_spec.dtype == "string":
            names = tuple(json.loads((folder / f"{key}.json").read_text()))
            out[key] = TextColumn(np.asarray(array), names)
        else:
            out[key] = array
    return out


def _write_columns(folder: Path, columns: Mapping[str, Column]) -> None:
    """Make a folder of columns, which appears whole; another process may be first."""
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    with told(folder):
        partial.mkdir(parents=True)
        try:
            for key, column in columns.items():
                if isinstance(column, TextColumn):
                    names = json.dumps(column.names).encode()
                    write_synced(partial / f"{key}.json", names)
                values = column.codes if isinstance(column, TextColumn) else column
                np.save(partial / f"{key}.npy", values)
                sync(partial / f"{key}.npy")
            partial.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
