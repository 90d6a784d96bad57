"""robomimic's HDF5 as a source of episodes: Kata's own with everything, others by their names.

Legend: `T` frames of a demonstration, `W` numbers a frame.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import ConfigError, DatasetError, FeatureSpec, KeySpec, Outcome
from .description import parse_layout, parse_outcome
from .labelling import label_spec, labelled
from .name_map import NameMap
from .pictures import Picture, Still
from .robomimic_writer import IMAGE, OBSERVATION
from .safe_hdf5 import SafeFile
from .take import Layout, Take, Values

_DEMO = re.compile(r"demo_?(\d+)")


class RobomimicSource:
    """Reads a file demonstration by demonstration.

    Args:
        path: the file.
        names: what the numbers of a file that Kata did not write are. Raises DatasetError for
            what is no such file, ConfigError where the map does not fit it.
    """

    def __init__(self, path: Path, names: NameMap | None = None) -> None:
        self._file = SafeFile(path)
        self._map = names or NameMap()
        self._notes: list[str] = []
        self._demos = self._ordered()
        self._own = self._file.has("kata/layout")
        self._texts: dict[str, list[str]] = {}
        self._theirs: dict[str, tuple[str, ...]] = {}
        self._cameras: dict[str, str] = {}
        self.layout = self._described() if self._own else self._guessed()

    @property
    def count(self) -> int:
        """How many demonstrations."""
        return len(self._demos)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed or not found."""
        return tuple(self._notes)

    def _ordered(self) -> list[str]:
        if not self._file.has("data"):
            raise DatasetError(
                "not robomimic's format",
                where=str(self._file.path),
                expected="a group data with demo_0, demo_1, ...",
                got="no group data",
            )
        found = {name: _DEMO.fullmatch(name) for name in self._file.names("data")}
        demos = sorted((int(m[1]), name) for name, m in found.items() if m)
        if not demos:
            raise DatasetError(
                "no demonstrations",
                where=f"{self._file.path}, data",
                expected="demo_0, demo_1, ...",
                got=", ".join(list(found)[:8]) or "nothing",
            )
        return [f"data/{name}" for _, name in demos]

    def _described(self) -> Layout:
        where = f"{self._file.path}, kata"
        layout = parse_layout(self._file.text("kata/layout"), where)
        try:
            texts = json.loads(self._file.text("kata/texts"))
            self._texts = {str(key): [str(t) for t in names] for key, names in texts.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise DatasetError("not Kata's texts", where=where, got=repr(error)) from error
        return layout

    def _guessed(self) -> Layout:
        """The layout of a file that Kata did not write, from its first demonstration."""
        first, chosen = self._demos[0], self._map
        images: dict[str, str] = {}
        numbers: list[str] = []
        for name in self._file.walk(f"{first}/obs") if self._file.has(f"{first}/obs") else ():
            shape = self._file.shape(f"{first}/obs/{name}")
            if len(shape) == 4 and shape[3] == 3:
                images[name] = name.removesuffix(IMAGE)
            elif len(shape) <= 2:
                numbers.append(name)
            else:
                self._notes.append(f"left out: obs/{name}: shape {shape}")
        self._theirs = {"action": ("actions",)}
        mapped = {name for names in chosen.columns.values() for name in names}
        self._theirs |= {
            OBSERVATION + name: (f"obs/{name}",) for name in numbers if name not in mapped
        }
        for ours, names in chosen.columns.items():
            self._theirs[ours] = tuple(self._found(first, name) for name in names)
        self._cameras = {ours: name for name, ours in images.items()}
        if chosen.cameras:
            self._cameras = dict(chosen.cameras)
        if "observation.state" not in self._theirs:
            self._notes.append("no observation.state: name its columns in map=FILE")
        spec = {key: self._key_spec(key, first) for key in self._theirs}
        spec |= label_spec(chosen.labels)
        cameras = {}
        for ours, name in self._cameras.items():
            shape = self._file.shape(f"{first}/obs/{name}")
            cameras[ours] = (int(shape[1]), int(shape[2]))
        knows = chosen.labels.success is not None or self._file.is_array(f"{first}/rewards")
        robot = chosen.robot or self._environment().get("env_name", "")
        return Layout(str(robot), self._rate(), FeatureSpec.of(spec), cameras, None, knows)

    def _found(self, demo: str, name: str) -> str:
        """Where in a demonstration a name of the map is."""
        for place in (f"obs/{name}", name):
            if self._file.is_array(f"{demo}/{place}"):
                return place
        known = [*self._file.walk(f"{demo}/obs"), *self._file.walk(demo)]
        raise ConfigError(
            "the map names what is not there",
            where=f"{self._file.path}, {demo}",
            expected=", ".join(known),
            got=name,
        )

    def _key_spec(self, key: str, demo: str) -> KeySpec:
        width = sum(self._width(f"{demo}/{place}") for place in self._theirs[key])
        kinds = {self._file.dtype(f"{demo}/{place}").kind for place in self._theirs[key]}
        if "f" in kinds and self._file.dtype(f"{demo}/{self._theirs[key][0]}").itemsize > 4:
            self._notes.append(f"{key}: float64 became float32")
        names = self._map.names.get(key, ())
        if names and len(names) != width:
            raise ConfigError(
                "names that do not fit",
                where=f"names, {key}",
                expected=f"{width}",
                got=f"{len(names)}",
            )
        dtype = "float32" if kinds & set("f") else "int64"
        return KeySpec("bool" if kinds == {"b"} else dtype, (width,), names)

    def _width(self, name: str) -> int:
        shape = self._file.shape(name)
        return int(np.prod(shape[1:])) if len(shape) > 1 else 1

    def _environment(self) -> Mapping[str, Any]:
        text = self._file.attribute("data", "env_args")
        try:
            found = json.loads(text) if isinstance(text, str) else {}
        except ValueError:
            found = {}
        return found if isinstance(found, dict) else {}

    def _rate(self) -> int:
        kwargs = self._environment().get("env_kwargs")
        told = kwargs.get("control_freq") if isinstance(kwargs, dict) else None
        fps = self._map.fps or told
        if not isinstance(fps, int | float) or isinstance(fps, bool) or fps < 1 or fps != int(fps):
            raise ConfigError(
                "the rate is not known",
                where=str(self._file.path),
                expected="control_freq in env_args, or fps in the map",
                got=str(fps),
                hint="give fps: 20 in map=FILE",
            )
        return int(fps)

    def takes(self) -> Iterator[Take]:
        """Every demonstration. Raises DatasetError for one that is damaged."""
        for demo in self._demos:
            yield self._described_take(demo) if self._own else self._foreign_take(demo)

    def _described_take(self, demo: str) -> Take:
        where = f"{self._file.path}, {demo}"
        count = self._samples(demo)
        columns: dict[str, Values] = {}
        for key, spec in self.layout.spec.items():
            if spec.dtype == "string":
                columns[key] = list(self._decoded(demo, key, count))
            elif key == "action":
                columns[key] = self._rows(f"{demo}/actions", count, spec)
            elif key.startswith(OBSERVATION):
                name = f"{demo}/obs/{key.removeprefix(OBSERVATION)}"
                columns[key] = self._rows(name, count, spec)
            else:
                columns[key] = self._rows(f"{demo}/kata/{key}", count, spec)
        outcome = parse_outcome(self._file.text(f"{demo}/kata/outcome"), where)
        pictures = {c: self._pictures(demo, c + IMAGE, c, count) for c in self.layout.cameras}
        return Take(columns, self._decoded(demo, "task", count), outcome, pictures)

    def _foreign_take(self, demo: str) -> Take:
        count = self._samples(demo)
        columns: dict[str, Values] = {}
        for key, places in self._theirs.items():
            spec = self.layout.spec[key]
            parts = [
                self._rows(f"{demo}/{place}", count, None).reshape(count, -1) for place in places
            ]
            whole = np.concatenate(parts, axis=1).astype(spec.dtype)
            if whole.shape[1:] != spec.shape:
                raise self._shape(demo, key, spec.shape, whole.shape[1:])
            columns[key] = self._map.scaled(key, whole)
        pictures = {
            ours: self._pictures(demo, name, ours, count) for ours, name in self._cameras.items()
        }
        success = True
        if self._file.is_array(f"{demo}/rewards"):
            success = bool((self._rows(f"{demo}/rewards", count, None) > 0).any())
        take = Take(columns, ("",) * count, Outcome(success), pictures)
        return labelled(take, self._map.labels, self.layout)

    def _samples(self, demo: str) -> int:
        name = f"{demo}/actions"
        count = self._file.shape(name)[0] if self._file.is_array(name) else 0
        told = self._file.attribute(demo, "num_samples")
        if (told is not None and told != count) or not count:
            raise DatasetError(
                "a demonstration of another length than it says",
                where=f"{self._file.path}, {demo}",
                expected=f"num_samples {told}",
                got=f"{count} actions",
            )
        return count

    def _rows(self, name: str, count: int, spec: KeySpec | None) -> NDArray[Any]:
        values = self._file.array(name)
        if not values.ndim or len(values) != count or values.dtype.kind == "S":
            raise self._shape(name, "", (count,), values.shape)
        if spec is None:
            return values
        if values.reshape(count, -1).shape[1:] != spec.shape:
            raise self._shape(name, "", spec.shape, values.shape[1:])
        return values.reshape(count, -1).astype(spec.dtype, copy=False)

    def _decoded(self, demo: str, key: str, count: int) -> tuple[str, ...]:
        codes = self._rows(f"{demo}/kata/{key}", count, None).ravel()
        names = self._texts.get(key, [])
        if codes.dtype.kind not in "iu" or len(codes) != count or not len(names) > codes.max():
            raise self._shape(f"{demo}/kata/{key}", "", (count,), codes.shape)
        return tuple(names[code] for code in codes.tolist())

    def _pictures(self, demo: str, name: str, camera: str, count: int) -> Still:
        place, size = f"{demo}/obs/{name}", self.layout.cameras[camera]
        shape = self._file.shape(place)
        if shape != (count, *size, 3) or self._file.dtype(place) != np.uint8:
            raise self._shape(place, "", (count, *size, 3), shape)

        def get(index: int) -> Picture:
            return np.asarray(self._file.row(place, index), dtype=np.uint8)

        return Still(count, get)

    def _shape(self, name: str, key: str, expected: Any, got: Any) -> DatasetError:
        return DatasetError(
            "values of another shape or type",
            where=" ".join(filter(None, (f"{self._file.path}, {name}", key))),
            expected=str(expected),
            got=str(got),
        )
