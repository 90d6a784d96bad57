"""A foreign LeRobot dataset under Kata's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ..types import ConfigError, FeatureSpec, KeySpec, UnknownNameError
from .labelling import label_spec, labelled
from .name_map import NameMap
from .take import Source, Take, Values


class Renamed:
    """A source whose columns, cameras and labels follow a map.

    Raises ConfigError and UnknownNameError for a map that does not fit.
    """

    def __init__(self, source: Source, names: NameMap) -> None:
        self._source, self._map = source, names
        layout = source.layout
        if layout.schema is not None:
            raise ConfigError(
                "a map for a dataset of Kata's own", where="map", hint="leave map out"
            )
        if names.fps not in (0, layout.fps):
            raise ConfigError(
                "another rate", where="map, fps", expected=str(layout.fps), got=str(names.fps)
            )
        for theirs in names.columns.values():
            for key in theirs:
                if key not in layout.spec:
                    raise UnknownNameError("column", key, layout.spec, where="map")
        for camera in names.cameras.values():
            if camera not in layout.cameras:
                raise UnknownNameError("camera", camera, layout.cameras, where="map")
        self._cameras = names.cameras or {name: name for name in layout.cameras}
        self.layout = replace(
            layout,
            robot=names.robot or layout.robot,
            spec=FeatureSpec.of(self._spec(layout.spec)),
            cameras={ours: layout.cameras[name] for ours, name in self._cameras.items()},
            knows_success=layout.knows_success or names.labels.success is not None,
        )

    @property
    def count(self) -> int:
        """How many episodes."""
        return self._source.count

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the source."""
        return self._source.notes

    def _spec(self, found: Mapping[str, KeySpec]) -> dict[str, KeySpec]:
        taken = {key for theirs in self._map.columns.values() for key in theirs}
        spec = {key: one for key, one in found.items() if key not in taken}
        for ours, theirs in self._map.columns.items():
            parts = [found[key] for key in theirs]
            width = sum(part.shape[0] for part in parts)
            own = tuple(name for part in parts for name in part.names)
            names = self._map.names.get(ours) or (own if len(own) == width else ())
            if names and len(names) != width:
                raise ConfigError(
                    "names that do not fit", where=f"map, {ours}", expected=f"{width}",
                    got=f"{len(names)}",
                )  # fmt: skip
            spec[ours] = KeySpec(parts[0].dtype, (width,), names)
        for key, names in self._map.names.items():
            if key in spec and key not in self._map.columns:
                spec[key] = KeySpec(spec[key].dtype, (len(names),), names)
        added = {k: s for k, s in label_spec(self._map.labels).items() if k not in spec}
        return spec | added

    def takes(self) -> Iterator[Take]:
        """Every episode, renamed."""
        taken = {key for theirs in self._map.columns.values() for key in theirs}
        for take in self._source.takes():
            columns: dict[str, Values] = {k: v for k, v in take.columns.items() if k not in taken}
            for ours, theirs in self._map.columns.items():
                parts = [np.asarray(take.columns[key]) for key in theirs]
                whole = np.concatenate(parts, axis=1).astype(self.layout.spec[ours].dtype)
                columns[ours] = whole
            for key in self._map.units:
                if key in columns:
                    columns[key] = self._map.scaled(key, np.asarray(columns[key]))
            pictures = {ours: take.pictures[name] for ours, name in self._cameras.items()}
            renamed = replace(take, columns=columns, pictures=pictures)
            yield labelled(renamed, self._map.labels, self.layout)
