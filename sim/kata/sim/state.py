"""A world's whole state as bytes: no pickle, equal states give equal bytes.

Layout: magic, length of a JSON header (8 bytes, little endian), header, physics as float64.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from kata.datasets.types import Array, SimulationError

_MAGIC = b"KATAWLD1"


def pack(header: dict[str, Any], physics: Array) -> bytes:
    """Bytes of a JSON-ready header and a vector of physics."""
    text = json.dumps(header, sort_keys=True).encode()
    return b"".join((_MAGIC, len(text).to_bytes(8, "little"), text, physics.tobytes()))


def unpack(state: bytes) -> tuple[dict[str, Any], Array]:
    """Inverse of `pack`. Raises SimulationError for anything else."""
    start = len(_MAGIC) + 8
    try:
        if state[: len(_MAGIC)] != _MAGIC:
            raise ValueError(f"begins with {state[:8]!r}")
        end = start + int.from_bytes(state[len(_MAGIC) : start], "little")
        header = json.loads(state[start:end])
        if not isinstance(header, dict):
            raise TypeError("its header is no mapping")
        return header, np.frombuffer(state[end:], dtype=np.float64).copy()
    except (ValueError, TypeError) as error:
        raise SimulationError("not a snapshot of a world", got=str(error)) from error
