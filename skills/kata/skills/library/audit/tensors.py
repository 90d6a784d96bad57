"""The header of a safetensors file, read by hand before anything is given to a loader.

    8 bytes    length N of the header, little endian
    N bytes    JSON: name -> {"dtype", "shape", "data_offsets": [begin, end]}
    the rest   the data, which the tensors fill without gap or overlap

Every size is checked against the file's before it is used for anything.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kata.datasets.types import PackageError
from kata.skills.contract.reading import open_plain, shown, strict_json

from .report import AuditFinding

DTYPES: Mapping[str, int] = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}
"""Bytes an element, by type."""

MOST_HEADER, MOST_TENSORS, MOST_DIMS, MOST_NAME = 4 << 20, 16384, 8, 256
FINITE = frozenset({"policy.safetensors", "model.safetensors"})
"""Weights of networks. A boundary has numbers that are none on purpose: for free joints."""

_PIECE = 1 << 20
_INFINITE: Mapping[str, tuple[str, int]] = {
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
    "F32": ("<u4", 0x7F800000),
    "F64": ("<u8", 0x7FF0000000000000),
}
"""How an element is read, and its exponent's bits, all set where it is no finite number."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as the header describes it: its bytes are `begin` to `end` of the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def judge_tensors(path: Path, most: int) -> tuple[tuple[AuditFinding, ...], tuple[int, str] | None]:
    """What speaks against a file, and its size and sha-256, of the very bytes that were judged."""
    try:
        with open_plain(path, most) as file:
            digest = hashlib.sha256()
            start = file.read(8)
            digest.update(start)
            size = file.seek(0, 2)
            file.seek(8)
            problem, tensors, header = _header(start, size, file, path.name)
            digest.update(header)
            if problem is None:
                problem = _layout(tensors, size - 8 - len(header), path.name)
            if problem is not None:
                return (problem,), None
            infinite = _Infinite(tensors if path.name in FINITE else [])
            length = 8 + len(header)
            while piece := file.read(_PIECE):
                digest.update(piece)
                infinite.look(piece, length - 8 - len(header))
                length += len(piece)
                if length > size:
                    return (_problem(path.name, "grew while it was read", f"{size} bytes"),), None
    except PackageError as error:
        return (AuditFinding("error", "tensors", path.name, error.what, got=error.got),), None
    return tuple(infinite.findings(path.name)), (length, digest.hexdigest())


def _problem(file: str, what: str, expected: str = "", got: object = "") -> AuditFinding:
    return AuditFinding("error", "tensors", file, what, expected, shown(got) if got != "" else "")


def _header(
    start: bytes, size: int, file: BinaryIO, name: str
) -> tuple[AuditFinding | None, list[Tensor], bytes]:
    if len(start) < 8:
        return _problem(name, "no safetensors", "8 bytes at least", f"{size} bytes"), [], b""
    (length,) = struct.unpack("<Q", start)
    if not 2 <= length <= min(MOST_HEADER, size - 8):
        expected = f"2 to {min(MOST_HEADER, max(size - 8, 2))} bytes"
        return _problem(name, "a header of an impossible length", expected, length), [], b""
    header = file.read(length)
    if len(header) < length or header[:1] != b"{":
        return _problem(name, "no safetensors", "a header of JSON"), [], b""
    try:
        data = strict_json(header, where=name)
    except PackageError as error:
        return _problem(name, "a header that is not plain JSON", got=error.got), [], b""
    if not isinstance(data, dict):
        return _problem(name, "no safetensors", "a header that is an object"), [], b""
    meta = data.pop("__metadata__", {})
    if not isinstance(meta, dict) or not all(isinstance(v, str) for v in meta.values()):
        return _problem(name, "metadata that is no text", "text by name"), [], b""
    if len(data) > MOST_TENSORS:
        return _problem(name, "too many tensors", f"at most {MOST_TENSORS}", len(data)), [], b""
    tensors = []
    for key, told in data.items():
        problem, tensor = _tensor(key, told, name)
        if tensor is None:
            return problem, [], b""
        tensors.append(tensor)
    return None, tensors, header


def _tensor(key: str, told: Any, file: str) -> tuple[AuditFinding | None, Tensor | None]:
    where = shown(key, 60)
    if not key.isascii() or not key.isprintable() or not 0 < len(key) <= MOST_NAME:
        return _problem(file, "a tensor with a hidden or long name", "plain ASCII", key), None
    if not isinstance(told, dict) or set(told) != {"dtype", "shape", "data_offsets"}:
        return _problem(
            file, f"tensor {where} is not described", "dtype, shape, data_offsets"
        ), None
    dtype, shape, offsets = told["dtype"], told["shape"], told["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        return _problem(file, f"tensor {where} of an unknown type", ", ".join(DTYPES), dtype), None
    if not _counts(shape) or len(shape) > MOST_DIMS:
        expected = f"at most {MOST_DIMS} whole numbers"
        return _problem(file, f"tensor {where} of an impossible shape", expected, shape), None
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        return _problem(
            file, f"tensor {where} at an impossible place", "[begin, end]", offsets
        ), None
    size = math.prod(shape) * DTYPES[dtype]
    if size != offsets[1] - offsets[0]:
        got = f"{offsets[1] - offsets[0]} bytes"
        return _problem(file, f"tensor {where} does not fit its shape", f"{size} bytes", got), None
    return None, Tensor(key, dtype, tuple(shape), offsets[0], offsets[1])


def _counts(values: Any) -> bool:
    """Whether it is a list of whole numbers that no file can be too small for by far."""
    return isinstance(values, list) and all(
        isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 1 << 40 for v in values
    )


def _layout(tensors: list[Tensor], length: int, file: str) -> AuditFinding | None:
    """What is wrong with how the tensors fill the data."""
    at, before = 0, "the header"
    for tensor in sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)):
        name = shown(tensor.name, 60)
        if tensor.begin < at:
            what = f"tensor {name} overlaps {before}"
            return _problem(file, what, f"begin {at}", tensor.begin)
        if tensor.begin > at:
            what = f"bytes between {before} and tensor {name} that no tensor names"
            return _problem(file, what, f"begin {at}", tensor.begin)
        at, before = tensor.end, f"tensor {name}"
    if at > length:
        return _problem(file, "tensors reach beyond the file", f"{length} bytes of data", at)
    if at < length:
        return _problem(file, "bytes at the end that no tensor names", f"{at} bytes", length)
    return None


class _Infinite:
    """Counts the numbers that are none, piece by piece of the data as it is read."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self._tensors = sorted(tensors, key=lambda tensor: tensor.begin)
        self._bad: dict[str, int] = {}
        self._kept, self._at = b"", 0

    def look(self, piece: bytes, begin: int) -> None:
        """Look at the bytes from `begin` on; what is half an element waits for the next piece."""
        piece, begin = self._kept + piece, begin - len(self._kept)
        end = begin + len(piece)
        self._kept = b""
        while self._at < len(self._tensors):
            tensor = self._tensors[self._at]
            stop = min(tensor.end, end)
            part = piece[max(tensor.begin - begin, 0) : max(stop - begin, 0)]
            width = DTYPES[tensor.dtype]
            whole = len(part) - len(part) % width
            self._count(tensor, part[:whole])
            if tensor.end > end:
                self._kept = part[whole:]
                return
            self._at += 1

    def _count(self, tensor: Tensor, part: bytes) -> None:
        known = _INFINITE.get(tensor.dtype)
        if known and part:
            values = np.frombuffer(part, dtype=known[0])
            bad = int(np.count_nonzero((values & known[1]) == known[1]))
            if bad:
                self._bad[tensor.name] = self._bad.get(tensor.name, 0) + bad

    def findings(self, file: str) -> Iterator[AuditFinding]:
        """One finding for each tensor with numbers that are none."""
        for name, count in self._bad.items():
            what = f"tensor {shown(name, 60)} holds numbers that are not finite"
            yield _problem(file, what, "finite numbers", f"{count} that are not")
