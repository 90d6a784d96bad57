"""Reading HDF5 that a stranger made: nothing outside the file, no objects, nothing boundless.

An HDF5 file may name other files in external links, external storage and virtual datasets, hold
references and objects, and promise shapes that no memory holds. All of those are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import DatasetError
from .optional import need

MOST_BYTES = 8 * 2**30
"""Of one array."""

MOST_EXPANSION = 2000
"""Times that an array may be larger than what is stored of it."""


class SafeFile:
    """An HDF5 file, read only. A context manager. Raises DatasetError for everything unsound."""

    def __init__(self, path: Path) -> None:
        self._h5py: Any = need("h5py", "robomimic's format")
        self.path = path
        if not path.is_file():
            raise DatasetError(
                "no such file",
                where=str(path),
                expected="an HDF5 file",
                got="a folder" if path.is_dir() else "nothing",
            )
        try:
            self._file: Any = self._h5py.File(path, "r")
        except OSError as error:
            raise DatasetError(
                "not an HDF5 file, or a damaged one",
                where=str(path),
                got=" ".join(str(error).split())[:160],
                hint="copy it again from where it came",
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> SafeFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bad(self, what: str, where: str, expected: str = "", got: str = "") -> DatasetError:
        return DatasetError(what, where=f"{self.path}, {where}", expected=expected, got=got)

    def _member(self, name: str) -> Any:
        """The object at a path, each step a hard link inside this file; None if it is not there."""
        node = self._file
        at = ""
        for part in name.split("/"):
            at = f"{at}/{part}".lstrip("/")
            if not isinstance(node, self._h5py.Group):
                return None
            try:
                link = node.get(part, getlink=True)
                if link is None:
                    return None
                if not isinstance(link, self._h5py.HardLink):
                    kind = type(link).__name__
                    raise self._bad("a link", at, "the data themselves", kind)
                node = node[part]
            except (KeyError, OSError, RuntimeError, ValueError) as error:
                raise self._bad("cannot be read", at, got=str(error)[:160]) from error
        return node

    def has(self, name: str) -> bool:
        """Whether there is a group or dataset. Raises DatasetError for a link on the way."""
        return self._member(name) is not None

    def names(self, group: str) -> list[str]:
        """Members of a group in their order. Raises DatasetError where it is no group."""
        node = self._member(group)
        if not isinstance(node, self._h5py.Group):
            raise self._bad("no group", group, "a group", "nothing" if node is None else "data")
        return [str(name) for name in node]

    def is_array(self, name: str) -> bool:
        """Whether there is a dataset."""
        return isinstance(self._member(name), self._h5py.Dataset)

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a dataset that may be read. Raises DatasetError."""
        return tuple(self._dataset(name).shape)

    def dtype(self, name: str) -> np.dtype[Any]:
        """Of a dataset that may be read. Raises DatasetError."""
        found: np.dtype[Any] = np.dtype(self._dataset(name).dtype)
        return found

    def array(self, name: str) -> NDArray[Any]:
        """A whole dataset. Raises DatasetError."""
        return self._read(name, slice(None))

    def row(self, name: str, index: int) -> NDArray[Any]:
        """One row of a dataset. Raises DatasetError."""
        return self._read(name, index)

    def _read(self, name: str, rows: slice | int) -> NDArray[Any]:
        dataset = self._dataset(name)
        try:
            return np.asarray(dataset[rows])
        except (OSError, ValueError, RuntimeError, MemoryError) as error:
            raise self._bad(
                "cannot be read", name, got=" ".join(str(error).split())[:160]
            ) from error

    def _dataset(self, name: str) -> Any:
        node = self._member(name)
        if not isinstance(node, self._h5py.Dataset):
            raise self._bad("no data", name, "a dataset", "nothing" if node is None else "a group")
        try:
            elsewhere = bool(node.is_virtual or node.external)
            shape, dtype = tuple(node.shape), np.dtype(node.dtype)
            stored = int(node.id.get_storage_size())
        except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            raise self._bad("cannot be read", name, got=str(error)[:160]) from error
        if elsewhere:
            raise self._bad("data that lie in another file", name, "data in this file")
        if dtype.kind not in "fiubS":
            raise self._bad("values that are no numbers", name, "numbers", str(dtype))
        size = float(np.prod([float(n) for n in shape])) * dtype.itemsize
        if size > MOST_BYTES or size > MOST_EXPANSION * max(stored, 4096):
            raise self._bad(
                "an impossible size",
                name,
                f"at most {MOST_BYTES // 2**30} GB, and {MOST_EXPANSION} times what is stored",
                f"shape {shape}, {size:.0f} bytes of which {stored} are stored",
            )
        return node

    def attribute(self, node: str, name: str) -> Any:
        """A number or text beside a group; None if it is not there. Raises DatasetError."""
        found = self._member(node)
        if found is None or name not in found.attrs:
            return None
        try:
            value = found.attrs[name]
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            raise self._bad("cannot be read", f"{node}, {name}", got=str(error)[:160]) from error
        if isinstance(value, bytes):
            return value.decode(errors="replace")
        if isinstance(value, str):
            return value
        if isinstance(value, np.generic) and value.dtype.kind in "fiub":
            return value.item()
        raise self._bad("neither number nor text", f"{node}, {name}", got=type(value).__name__)

    def text(self, name: str) -> str:
        """A row of bytes as text. Raises DatasetError."""
        return str(self.array(name).astype(np.uint8).tobytes().decode(errors="replace"))

    def walk(self, group: str) -> Iterator[str]:
        """Names of the datasets directly in a group."""
        for name in self.names(group):
            if self.is_array(f"{group}/{name}"):
                yield name
