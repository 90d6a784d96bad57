"""A dataset on disk as arrays: episodes, columns, and the segments that a skill can learn from.

Legend: `F` frames, `N` entities, `S` slots of focus, `K` numbers an entity, `B` rows asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .call_columns import CallColumns
from .columns import Column, TextColumn, cached_columns, content_hash, load_columns
from .frame_store import CACHE_BYTES, FrameStore
from .lerobot_format import (
    KATA,
    VIDEO_PATH,
    Entry,
    read_entries,
    read_info,
    read_json,
    read_tasks,
    spec_of_features,
)
from .repair import check_entries, repair
from .schema import CAMERA_PREFIX, Schema, foreign_schema
from .statistics import Statistics
from .storage import writer_lock
from .types import (
    ENTITY_WIDTH,
    AtomTable,
    DatasetError,
    FeatureSpec,
    RobotSpec,
    StorageError,
    UnknownNameError,
)
from .types.arguments import parse_arguments
from .video_reader import read_video


@dataclass(frozen=True, slots=True)
class EpisodeInfo:
    """One episode; `start` and `stop` are rows of the dataset.

    `skill`, `arguments` and `source` are those of its first frame; see `Dataset.segments` for
    episodes that hold several.
    """

    index: int
    uuid: str
    start: int
    stop: int
    skill: str
    arguments: Mapping[str, str]
    success: bool
    source: str
    parent_uuid: str
    parent_frame: int
    tasks: tuple[str, ...]
    reason: str
    seed: int | None


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive rows of one episode with one call; no chunk of actions leaves it."""

    episode: int
    start: int
    stop: int
    skill: str
    arguments: Mapping[str, str]


class Dataset:
    """A LeRobotDataset v3 that Kata recorded, or one with the same kind of columns.

    Open it with `Dataset.open`. Columns are read when the first one is asked for.

    Attributes:
        schema: robot, entities, atoms, cameras and rate.
        spec: type and shape of every column.
        frames: pictures of the cameras by row.
    """

    def __init__(
        self,
        root: Path,
        schema: Schema,
        spec: FeatureSpec,
        entries: Sequence[Entry],
        cache: Path | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.root, self.schema, self.spec = root, schema, spec
        self._entries, self._cache = tuple(entries), cache
        folder = cache / "frames" if cache else None
        self.frames = FrameStore(root, schema, self._entries, cache_bytes, folder)

    @classmethod
    def open(
        cls,
        root: Path | str,
        cache: Path | str | None = None,
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> Dataset:
        """Open a dataset; totals that a kill left behind are mended on the way.

        Args:
            root: its folder.
            cache: where columns and decoded pictures are kept as memory-mapped files; without it
                they are in memory.
            cache_bytes: of decoded pictures that are kept at most.

        Raises:
            DatasetError: there is none, it is empty, corrupt, or of another version.
        """
        root = Path(root)
        info = read_info(root)
        entries = read_entries(root)
        if not entries:
            raise DatasetError(
                "a dataset without episodes", where=str(root), hint="record some first"
            )
        check_entries(root, entries)
        if info.get("total_episodes") != len(entries):
            # Reading needs no mending, so it does not matter if this one cannot be written to.
            with suppress(DatasetError, StorageError), writer_lock(root):
                repair(root)
        schema, spec = _schema(root, info)
        return cls(root, schema, spec, entries, Path(cache) if cache else None, cache_bytes)

    def __len__(self) -> int:
        return self._entries[-1].stop

    @property
    def fps(self) -> int:
        """Frames per s."""
        return self.schema.fps

    @property
    def entities(self) -> tuple[str, ...]:
        """Names in the order of `observation.environment_state`."""
        return self.schema.entities

    @property
    def table(self) -> AtomTable:
        """The atoms in the order of `facts`."""
        return self.schema.table

    @property
    def fingerprint(self) -> str:
        """The robot's fingerprint; empty where a foreign dataset does not say."""
        return self.schema.fingerprint

    def check_robot(self, robot: RobotSpec) -> None:
        """Raise DatasetError if the dataset is another robot's."""
        wanted, found = robot.fingerprint(), self.fingerprint
        if self.schema.joints != robot.joints or found not in ("", wanted):
            raise DatasetError(
                "dataset of another robot",
                where=str(self.root),
                expected=f"{robot.name} ({wanted}): {', '.join(robot.joints)}",
                got=f"{self.schema.robot} ({found}): {', '.join(self.schema.joints)}",
                hint=f"record with robot={robot.name}, or train for {self.schema.robot}",
            )

    @cached_property
    def _columns(self) -> dict[str, Column]:
        if self._cache is not None:
            return cached_columns(self.root, self._entries, self.spec, self._cache)
        return load_columns(self.root, self._entries, self.spec)

    def column(self, key: str) -> NDArray[Any]:
        """Array (F, ...) of a numeric column; (F,) for one of shape (1,). Do not write to it.

        Raises UnknownNameError.
        """
        column = self._columns.get(key)
        if not isinstance(column, np.ndarray):
            known = [k for k, v in self._columns.items() if isinstance(v, np.ndarray)]
            raise UnknownNameError("numeric column", key, known, where=str(self.root))
        return column

    def texts(self, key: str) -> TextColumn:
        """A text column as codes (F,) and names. Raises UnknownNameError."""
        column = self._columns.get(key)
        if not isinstance(column, TextColumn):
            known = [k for k, v in self._columns.items() if isinstance(v, TextColumn)]
            raise UnknownNameError("text column", key, known, where=str(self.root))
        return column

    def _labels(self, key: str, default: str = "") -> TextColumn:
        if key in self._columns:
            return self.texts(key)
        return TextColumn(np.zeros(len(self), dtype=np.int32), (default,))

    def _flags(self, key: str, default: bool) -> NDArray[np.bool_]:
        if key in self._columns:
            return self.column(key).astype(bool)
        return np.full(len(self), default)

    @cached_property
    def episodes(self) -> tuple[EpisodeInfo, ...]:
        """Every episode in order."""
        text = {
            key: self._labels(key)
            for key in ("episode_uuid", "skill", "arguments", "source", "parent_uuid")
        }
        success = self._flags("success", True)
        has_parent = "parent_frame" in self._columns
        out = []
        for entry in self._entries:
            at = entry.start
            out.append(
                EpisodeInfo(
                    entry.index,
                    text["episode_uuid"][at],
                    entry.start,
                    entry.stop,
                    text["skill"][at],
                    parse_arguments(text["arguments"][at]),
                    bool(success[at]),
                    text["source"][at],
                    text["parent_uuid"][at],
                    int(self.column("parent_frame")[at]) if has_parent else -1,
                    entry.tasks,
                    entry.reason,
                    entry.seed,
                )
            )
        return tuple(out)

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """Sentences by `task_index`."""
        return tuple(read_tasks(self.root))

    @cached_property
    def skills(self) -> tuple[str, ...]:
        """Names of all skills in it."""
        return self._labels("skill").names

    def segments(
        self,
        skill: str | None = None,
        *,
        success: bool | None = None,
        sources: Collection[str] | None = None,
        discarded: bool = False,
        episodes: Collection[int] | None = None,
    ) -> tuple[Segment, ...]:
        """Rows to learn from, cut where the episode or the call changes.

        Args:
            skill: only of this one. Raises UnknownNameError if the dataset has none of it.
            success: only of episodes that ended so.
            sources: only rows of these; all without.
            discarded: also rows that were undone.
            episodes: only these.
        """
        skills, arguments = self._labels("skill"), self._labels("arguments")
        keep = np.ones(len(self), dtype=bool)
        if skill is not None:
            if skill not in skills.names:
                raise UnknownNameError("skill", skill, skills.names, where=str(self.root))
            keep &= skills.codes == skills.names.index(skill)
        if success is not None:
            keep &= self._flags("success", True) == success
        if not discarded:
            keep &= ~self._flags("discarded", False)
        if sources is not None:
            source = self._labels("source")
            keep &= np.isin(source.names, list(sources))[source.codes]
        owner = np.empty(len(self), dtype=np.int64)
        for entry in self._entries:
            owner[entry.start : entry.stop] = entry.index
        if episodes is not None:
            keep &= np.isin(owner, list(episodes))
        state = np.stack([owner, skills.codes, arguments.codes, keep])
        cuts = np.flatnonzero((np.diff(state, axis=1) != 0).any(axis=0)) + 1
        bounds = np.concatenate([[0], cuts, [len(self)]])
        return tuple(
            Segment(
                int(owner[start]),
                int(start),
                int(stop),
                skills[start],
                parse_arguments(arguments[start]),
            )
            for start, stop in pairwise(bounds)
            if keep[start]
        )

    def focus(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the call of each row (B,) is about, (B, S, K), in parameter order.

        Entities, and places in an entity's frame. Raises DatasetError where the rows' calls have
        different numbers of them, or an argument names what is not in the scene.
        """
        return self._calls.focus(rows)

    def arguments(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The numbers (B, P) that the call of each row (B,) names, in parameter order.

        Raises DatasetError where the rows' calls have different numbers of them.
        """
        return self._calls.numbers(rows)

    def call_widths(self, skill: str, segments: Collection[Segment]) -> tuple[int, int]:
        """S and P of the calls of these segments of a skill.

        Raises DatasetError where there is no segment, or their calls differ in it.
        """
        if not segments:
            raise DatasetError(
                f"no demonstrations of '{skill}' to learn from",
                where=str(self.root),
                hint=f"record some: kata record skill={skill} out=DIR",
            )
        starts = np.array([segment.start for segment in segments], dtype=np.int64)
        return self._calls.widths(starts, f"calls of '{skill}'")

    @cached_property
    def _calls(self) -> CallColumns:
        state = self.column("observation.environment_state")
        return CallColumns(
            self._labels("arguments"),
            state.reshape(len(state), -1, ENTITY_WIDTH),
            self.entities,
            self.schema.hands,
            str(self.root),
        )

    def images(self, camera: str, episode: int) -> NDArray[np.uint8]:
        """Pictures (T, height, width, 3) of one episode. Raises UnknownNameError, DatasetError."""
        if camera not in self.schema.cameras:
            raise UnknownNameError("camera", camera, self.schema.cameras, where=str(self.root))
        entry, key = self._entries[episode], CAMERA_PREFIX + camera
        span = entry.videos[key]
        path = self.root / span.slot.path(VIDEO_PATH, key)
        return read_video(path, span.start_s, entry.stop - entry.start, self.fps)

    def statistics(self, keys: Sequence[str] | None = None) -> dict[str, Statistics]:
        """Of each floating-point column, or of these; frames with NaN are counted, not used."""
        if keys is None:
            kinds = {key: getattr(column, "dtype", None) for key, column in self._columns.items()}
            keys = [key for key, kind in kinds.items() if kind is not None and kind.kind == "f"]
        return {key: Statistics.of(self.column(key)) for key in keys}

    @cached_property
    def content_hash(self) -> str:
        """Hex digest of all frames, for provenance; pictures are left out.

        How the frames are split into files does not matter.
        """
        return content_hash(self._columns)


def _schema(root: Path, info: Mapping[str, Any]) -> tuple[Schema, FeatureSpec]:
    features = info.get("features", {})
    found = spec_of_features(features)
    if not (root / KATA).exists():
        schema = foreign_schema(features, str(info.get("robot_type") or ""), int(info["fps"]))
        return schema, found
    schema = Schema.from_json(read_json(root / KATA), where=str(root / KATA))
    for key, spec in schema.spec.items():
        if key not in found or found[key].shape != spec.shape:
            raise DatasetError(
                "meta/info.json and meta/kata.json disagree",
                where=f"{root}, {key}",
                expected=str(spec.shape),
                got=str(found[key].shape) if key in found else "no such column",
            )
    return schema, schema.spec
