"""Episodes as robomimic's HDF5: `data/demo_N` with `actions`, `obs`, `rewards` and `dones`.

Source: robomimic's documentation of its dataset structure (robomimic.github.io, "Datasets").
What robomimic has no word for is in the group `kata` of each demonstration, which it passes over.

Legend: `T` frames of an episode.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..files import told
from ..types import StorageError
from .description import layout_text, outcome_text
from .optional import need
from .take import Layout, Take

FILE = "dataset.hdf5"
OBSERVATION = "observation."
IMAGE = "_image"
GYM = 2
"""robomimic's number of environments that gymnasium makes."""


class RobomimicSink:
    """Writes one file into an empty folder."""

    def __init__(self, root: Path, layout: Layout) -> None:
        h5py = need("h5py", "robomimic's format")
        self.layout, self._path = layout, root / FILE
        with told(self._path):
            self._file: Any = h5py.File(self._path, "w")
        self._data = self._file.create_group("data", track_order=True)
        self._names: dict[str, dict[str, int]] = {}
        self._successes: list[str] = []
        self._count = self._frames = 0
        self._tasks: dict[str, int] = {}

    def add(self, take: Take) -> None:
        """Write one demonstration."""
        try:
            self._demonstration(take)
        except OSError as error:
            raise StorageError(
                "the disk refused to write", where=str(self._path), got=str(error)
            ) from error

    def _demonstration(self, take: Take) -> None:
        name = f"demo_{self._count}"
        group = self._data.create_group(name)
        observations, own = group.create_group("obs"), group.create_group("kata")
        group.attrs["num_samples"] = take.frames
        _keep(own, "outcome", _bytes(outcome_text(take, self._count)))
        for key, values in take.columns.items():
            if isinstance(values, list):
                _keep(own, key, self._codes(key, values))
            elif key == "action":
                _keep(group, "actions", values)
            elif key.startswith(OBSERVATION):
                _keep(observations, key.removeprefix(OBSERVATION), values)
            else:
                _keep(own, key, values)
        _keep(own, "task", self._codes("task", list(take.tasks)))
        for camera, size in self.layout.cameras.items():
            whole = observations.create_dataset(
                camera + IMAGE, (take.frames, *size, 3), np.uint8, chunks=(1, *size, 3),
                compression="gzip", compression_opts=1, fletcher32=True,
            )  # fmt: skip
            for i, picture in enumerate(take.pictures[camera]):
                whole[i] = picture
        last = np.arange(take.frames) == take.frames - 1
        _keep(group, "dones", last.astype(np.int64))
        _keep(group, "rewards", (last & take.outcome.success).astype(np.float64))
        self._count, self._frames = self._count + 1, self._frames + take.frames
        if take.outcome.success:
            self._successes.append(name)

    def _codes(self, key: str, texts: list[str]) -> Any:
        known = self._names.setdefault(key, {})
        return np.array([known.setdefault(text, len(known)) for text in texts], dtype=np.int32)

    def close(self) -> None:
        """Write the totals, the environment and the list of successes."""
        self._data.attrs["total"] = self._frames
        environment = {
            "env_name": self.layout.robot,
            "type": GYM,
            "env_version": "",
            "env_kwargs": {"control_freq": self.layout.fps},
        }
        self._data.attrs["env_args"] = json.dumps(environment)
        mask = self._file.create_group("mask")
        mask.create_dataset("success", data=np.array(self._successes, dtype="S"))
        texts = {key: list(names) for key, names in self._names.items()}
        own = self._file.create_group("kata")
        # An attribute holds 64 kB at most; a text of any length is a row of bytes.
        for name, text in (("layout", layout_text(self.layout)), ("texts", json.dumps(texts))):
            _keep(own, name, _bytes(text))
        with told(self._path):
            self._file.close()


def _bytes(text: str) -> Any:
    """A text as a row of bytes."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _keep(group: Any, name: str, values: Any) -> None:
    """An array with a checksum, so that wrong bytes are noticed when it is read."""
    group.create_dataset(name, data=values, fletcher32=True)
