"""Vectors of texts on disk, so that a text is embedded once and not at every start.

A cache only: whatever is wrong with its file, the vectors are computed again.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_log = logging.getLogger(__name__)
_MOST_ROWS = 100_000
_AT_ONCE = 500
_WAIT_S = 5.0
_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"


class VectorCache:
    """Vectors by the hash of model and text, in one SQLite file that many processes may use.

    Args:
        path: the file, made at the first `store`.
        model: name of the model; another model's vectors are never given.
        width: E, the length of a vector.
    """

    def __init__(self, path: Path, model: str, width: int) -> None:
        self.path, self._model, self._width = path, model, width

    def load(self, texts: Sequence[str]) -> dict[str, Array]:
        """The vectors of those texts that are stored, each (E,)."""
        if not self.path.exists():
            return {}
        texts_by_key = {self._key(text): text for text in texts}
        keys, found = list(texts_by_key), {}
        try:
            with closing(self._open()) as file:
                for first in range(0, len(keys), _AT_ONCE):
                    some = keys[first : first + _AT_ONCE]
                    marks = ",".join("?" * len(some))
                    rows = file.execute(
                        f"SELECT key, vector FROM vectors WHERE key IN ({marks})", some
                    )
                    for key, content in rows:
                        vector = np.frombuffer(content, "<f4")
                        if len(vector) == self._width and np.isfinite(vector).all():
                            found[texts_by_key[key]] = vector
        except (sqlite3.Error, ValueError, TypeError) as error:
            _log.info("embeddings are computed again: %s: %s", self.path, error)
        return found

    def store(self, vectors: Mapping[str, Array]) -> None:
        """Keep the vectors, (E,) by text. The oldest go when there are too many."""
        try:
            self._store(vectors)
        except (sqlite3.Error, OSError) as error:
            _log.info("embeddings are not kept: %s: %s", self.path, error)

    def _store(self, vectors: Mapping[str, Array]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            (self._key(text), np.asarray(vector, "<f4").tobytes())
            for text, vector in vectors.items()
        ]
        try:
            self._write(rows)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # busy, full or read-only: the file itself is sound
            self.path.unlink(missing_ok=True)
            self._write(rows)

    def _write(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        with closing(self._open()) as file, file:
            file.execute(_TABLE)
            file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            file.execute(
                "DELETE FROM vectors WHERE rowid <= (SELECT max(rowid) FROM vectors) - ?",
                (_MOST_ROWS,),
            )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_WAIT_S)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._model}\0{text}".encode("utf-8", "surrogatepass")).digest()
