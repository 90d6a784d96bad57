"""Arrays by name beside a card of plain data, as two files. No code, no pickle, bounded reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from kata.datasets.files import write_file
from kata.datasets.types import PackageError


def write_both(
    card_path: Path, card: Mapping[str, Any], path: Path, tensors: Mapping[str, NDArray[Any]]
) -> None:
    """Write the tensors, then the card, each at once or not at all; equal data give equal bytes.

    Raises StorageError.
    """
    write_file(path, save(dict(sorted(tensors.items()))))
    write_file(card_path, (json.dumps(card, indent=1) + "\n").encode())


def read_tensors(path: Path, most: int, what: str) -> dict[str, NDArray[Any]]:
    """The arrays of `what` in a safetensors file of at most so many bytes. Raises PackageError."""
    try:
        size = path.stat().st_size
        if size > most:
            raise PackageError(
                f"a {what} that is too large",
                where=str(path),
                expected=f"at most {most} bytes",
                got=str(size),
            )
        return load(path.read_bytes())
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        got = f"{type(error).__name__}: {error}"[:300]
        raise PackageError(f"cannot read the {what}", where=str(path), got=got) from None
