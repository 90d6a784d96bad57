"""Bags of ROS 2 as a source of episodes, by a map of topics.

Legend: `N` messages of a topic, `T` frames, `W` numbers a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..schema import CAMERA_PREFIX
from ..types import ConfigError, DatasetError, FeatureSpec, KeySpec, Outcome, UnknownNameError
from .bag_files import Logged, bags_in, messages_of, metadata_of, topics_of
from .bag_topics import EPISODE, LAYOUT, OWN, TASK, own_topics
from .description import parse_layout, parse_outcome
from .labelling import label_spec, labelled
from .messages import PICTURES, Messages, field_of, numbers_of, ordered, picture_of, time_of
from .pictures import Picture, Still
from .resample import Stamps, Sync, choose, interpolate, span, sync, ticks
from .take import Layout, Take, Values
from .topic_map import Topic, TopicMap

_TEXT = "std_msgs/msg/String"


@dataclass
class _Track:
    """All messages of one topic for one column: stamps (N,) and their values."""

    topic: Topic
    kind: str
    stamps: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    disordered: int = 0

    def arranged(self) -> tuple[Stamps, list[Any]]:
        """In the order of time."""
        times = np.array(self.stamps, dtype=np.int64)
        self.disordered = int((np.diff(times) < 0).sum())
        order = np.argsort(times, kind="stable")
        return times[order], [self.values[i] for i in order]


class BagSource:
    """Reads a bag an episode.

    Args:
        path: a bag, or a folder of bags.
        topics: which topics become which columns; without it the bags must be Kata's own.
    """

    def __init__(self, path: Path, topics: TopicMap | None = None) -> None:
        self._messages = Messages()
        self._bags = bags_in(path)
        told = metadata_of(self._bags[0]).get(LAYOUT, {}).get(OWN)
        described = parse_layout(told, str(self._bags[0])) if told else None
        if topics is None and described is None:
            found = topics_of(self._bags[0])
            raise ConfigError(
                "no map of topics",
                where=str(path),
                expected="map=FILE that says which topic becomes which column",
                got="; ".join(f"{topic}: {kind}" for topic, kind in sorted(found.items())),
                hint="docs/my-own-data.md shows a map to start from",
            )
        self._own = described if topics is None else None
        self._map = topics or own_topics(described)  # type: ignore[arg-type]
        self.syncs: dict[str, dict[str, Sync]] = {}
        self.notes: tuple[str, ...] = ()
        self.layout = self._own or self._first_layout()

    @property
    def count(self) -> int:
        """How many bags."""
        return len(self._bags)

    def _first_layout(self) -> Layout:
        """The layout that the first bag's messages show."""
        tracks, size = self._tracks(self._bags[0]), {}
        spec: dict[str, KeySpec] = {}
        for key, parts in tracks.items():
            if key.startswith(CAMERA_PREFIX):
                picture = self._picture(self._bags[0], parts[0], 0)
                size[key.removeprefix(CAMERA_PREFIX)] = (picture.shape[0], picture.shape[1])
            elif parts[0].kind == _TEXT:
                if key != TASK:
                    spec[key] = KeySpec("string", (1,))
            else:
                width = sum(len(part.values[0]) for part in parts)
                names = tuple(joint for part in parts for joint in part.topic.joints)
                spec[key] = KeySpec("float32", (width,), names if len(names) == width else ())
        added = {k: s for k, s in label_spec(self._map.labels).items() if k not in spec}
        knows = self._map.labels.success is not None
        return Layout(
            self._map.robot, self._map.fps, FeatureSpec.of(spec | added), size, None, knows
        )

    def takes(self) -> Iterator[Take]:
        """An episode a bag. Raises DatasetError, ConfigError where the map does not fit it."""
        for path in self._bags:
            yield self._take(path)

    def _take(self, path: Path) -> Take:
        tracks = self._tracks(path)
        arranged = {key: [part.arranged() for part in parts] for key, parts in tracks.items()}
        at = self._ticks(path, tracks, arranged)
        columns: dict[str, Values] = {}
        pictures: dict[str, Still] = {}
        tasks = ("",) * len(at)
        for key, parts in tracks.items():
            found = [
                self._sampled(path, part, *arranged[key][i], at) for i, part in enumerate(parts)
            ]
            if key.startswith(CAMERA_PREFIX):
                pictures[key.removeprefix(CAMERA_PREFIX)] = found[0]
            elif key == TASK:
                tasks = tuple(found[0])
            elif parts[0].kind == _TEXT:
                columns[key] = list(found[0])
            else:
                columns[key] = self._column(path, key, np.concatenate(found, axis=1))
        told = metadata_of(path).get(EPISODE, {}).get(OWN)
        outcome = parse_outcome(told, str(path)) if told and self._own else Outcome(True)
        return labelled(Take(columns, tasks, outcome, pictures), self._map.labels, self.layout)

    def _column(self, path: Path, key: str, values: NDArray[Any]) -> NDArray[Any]:
        spec = self.layout.spec[key]
        if values.shape[1:] != spec.shape:
            raise DatasetError(
                "values of another shape",
                where=f"{path}, {key}",
                expected=str(spec.shape),
                got=str(values.shape[1:]),
            )
        return values.astype(spec.dtype)

    def _ticks(self, path: Path, tracks: Any, arranged: Any) -> Stamps:
        period = 1_000_000_000 / self._map.fps
        bounds = []
        for key, parts in tracks.items():
            for part, (stamps, _) in zip(parts, arranged[key], strict=True):
                if part.kind == _TEXT:
                    continue
                held = part.topic.method == "hold"
                last = np.iinfo(np.int64).max if held else int(stamps[-1])
                bounds.append((int(stamps[0]), last - round(part.topic.shift * period)))
        begin, end = span(bounds, str(path))
        if end > np.iinfo(np.int64).max // 2:
            raise ConfigError("every topic is on hold", where=str(path), expected="one that is not")
        return ticks(begin, end, self._map.fps)

    def _sampled(
        self, path: Path, part: _Track, stamps: Stamps, values: list[Any], at: Stamps
    ) -> Any:
        """What the frames show of one topic: rows (T, W), texts, or pictures."""
        topic = part.topic
        at = at + round(topic.shift * 1_000_000_000 / self._map.fps)
        shown = choose(stamps, at, topic.method)
        fit = sync(topic.topic, stamps, part.disordered, shown, at)
        self.syncs.setdefault(topic.topic, {})[path.name] = fit
        if part.kind == _TEXT:
            early = at < stamps[0]
            return ["" if e else values[i] for e, i in zip(early, shown, strict=True)]
        if part.kind in PICTURES:
            track = _Track(topic, part.kind, stamps.tolist(), values)
            chosen = shown.tolist()
            return Still(len(at), lambda index: self._picture(path, track, chosen[index]))
        widths = {len(value) for value in values}
        if len(widths) != 1:
            raise DatasetError(
                "messages of different lengths",
                where=f"{path}, {topic.topic}",
                got=", ".join(map(str, sorted(widths))) + " numbers",
            )
        whole = np.stack(values)
        return interpolate(stamps, whole, at) if topic.method == "linear" else whole[shown]

    def _tracks(self, path: Path) -> dict[str, list[_Track]]:
        """The messages of every topic of the map, read."""
        found = topics_of(path)
        tracks: dict[str, list[_Track]] = {}
        by_topic: dict[str, list[tuple[str, _Track]]] = {}
        for key, parts in self._map.topics.items():
            for part in parts:
                if part.topic not in found:
                    raise UnknownNameError("topic", part.topic, found, where=str(path))
                kind = found[part.topic]
                self._check_kind(key, part.topic, kind, path)
                track = _Track(part, kind)
                tracks.setdefault(key, []).append(track)
                by_topic.setdefault(part.topic, []).append((key, track))
        for logged in messages_of(path, found.keys() & by_topic.keys()):
            self._take_in(path, logged, by_topic[logged.topic])
        silent = [t.topic.topic for parts in tracks.values() for t in parts if not t.stamps]
        if silent:
            raise DatasetError("a topic without messages", where=str(path), got=", ".join(silent))
        return tracks

    def _check_kind(self, key: str, topic: str, kind: str, path: Path) -> None:
        if not self._messages.knows(kind):
            raise ConfigError(
                "a type of message that is not read",
                where=f"{path}, {topic}",
                expected="a type that comes with ROS 2",
                got=kind,
                hint="republish it as a standard type, such as std_msgs/msg/Float64MultiArray",
            )
        if key.startswith(CAMERA_PREFIX) != (kind in PICTURES):
            raise ConfigError(
                "a topic of the wrong type",
                where=f"{path}, {topic}",
                expected=" or ".join(PICTURES) if kind not in PICTURES else f"numbers for {key}",
                got=kind,
            )

    def _take_in(self, path: Path, logged: Logged, takers: list[tuple[str, _Track]]) -> None:
        where = f"{path}, {logged.topic}"
        message = self._messages.read(logged.data, logged.kind, where)
        stamp = logged.time_ns
        if self._map.time == "header":
            stamp = time_of(message, logged.time_ns)
        for _, track in takers:
            track.stamps.append(stamp)
            if track.kind in PICTURES:
                track.values.append(logged.data)
                continue
            node = field_of(message, track.topic.field, where)
            if track.kind == _TEXT:
                track.values.append(str(node))
                continue
            numbers = numbers_of(node, where)
            if track.topic.joints:
                numbers = ordered(message, numbers, track.topic.joints, where)
            track.values.append(numbers)

    def _picture(self, path: Path, track: _Track, index: int) -> Picture:
        where = f"{path}, {track.topic.topic}"
        message = self._messages.read(track.values[index], track.kind, where)
        return picture_of(message, where)
