"""What segmentation gives: phases and skill segments an episode, and the groups of segments.

Plain data in and out, so that a person can read and correct it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kata.datasets.types import DatasetError

NOTHING = -1
"""Group of a segment in which nothing is held, touched or moved."""

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive frames of one episode in which one skill is used.

    Attributes:
        start, stop: frames of the episode, half open.
        group: index of its group, or `NOTHING`.
        objects: what it is about, in the order of the group's roles.
        hand: whose; "" where no hand has a part in it.
        score: 0 to 1, how sure its end is.
    """

    start: int
    stop: int
    group: int
    objects: tuple[str, ...] = ()
    hand: str = ""
    score: float = 1.0

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "start": self.start,
            "stop": self.stop,
            "group": self.group,
            "objects": list(self.objects),
            "hand": self.hand,
            "score": round(self.score, 4),
        }

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Segment:
        """Inverse of `to_data`. Raises KeyError, TypeError or ValueError for other data."""
        return cls(
            int(data["start"]),
            int(data["stop"]),
            int(data["group"]),
            tuple(map(str, data.get("objects", ()))),
            str(data.get("hand", "")),
            float(data.get("score", 1.0)),
        )


@dataclass(frozen=True, slots=True)
class Segmented:
    """One episode, cut.

    Attributes:
        phases: frames at which a new phase begins, inside (0, frames), rising.
        segments: of the whole episode, one after the other without a gap.
    """

    episode: int
    frames: int
    phases: tuple[int, ...]
    segments: tuple[Segment, ...]

    @property
    def cuts(self) -> tuple[int, ...]:
        """Frames at which a new segment begins, inside (0, frames)."""
        return tuple(segment.start for segment in self.segments[1:])

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "episode": self.episode,
            "frames": self.frames,
            "phases": list(self.phases),
            "segments": [segment.to_data() for segment in self.segments],
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Segments of one skill, over all episodes.

    Attributes:
        what: in a few words what is held, touched or moved in it, such as `take` or `slide out`.
        roles: what each of the segments' objects is in it, such as `moved` and `support`.
        segments: how many belong to it.
        frames: typical length.
    """

    index: int
    what: str
    roles: tuple[str, ...]
    segments: int
    frames: int

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "index": self.index,
            "what": self.what,
            "roles": list(self.roles),
            "segments": self.segments,
            "frames": self.frames,
        }


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A whole dataset, cut.

    Attributes:
        threshold: nats above its running mean at which prediction error cuts a phase.
        missing: columns without which skills could not be told; then there are phases only, and
            each episode is one segment of the group `NOTHING`.
    """

    episodes: tuple[Segmented, ...]
    groups: tuple[Group, ...]
    threshold: float
    missing: tuple[str, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "format": FORMAT,
            "threshold": round(self.threshold, 6),
            "missing": list(self.missing),
            "groups": [group.to_data() for group in self.groups],
            "episodes": [episode.to_data() for episode in self.episodes],
        }

    @classmethod
    def of_data(cls, data: Any, *, where: str = "cuts") -> Segmentation:
        """Inverse of `to_data`. Raises DatasetError for data of another form, or cuts amiss."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise DatasetError(
                "not a file of cuts", where=where, expected=f"format {FORMAT}", got=_got(data)
            )
        try:
            groups = tuple(
                Group(
                    int(g["index"]), str(g["what"]), tuple(map(str, g["roles"])),
                    int(g["segments"]), int(g["frames"]),
                )
                for g in data["groups"]
            )  # fmt: skip
            episodes = tuple(
                Segmented(
                    int(e["episode"]),
                    int(e["frames"]),
                    tuple(map(int, e["phases"])),
                    tuple(Segment.of_data(s) for s in e["segments"]),
                )
                for e in data["episodes"]
            )
            threshold = float(data["threshold"])
            missing = tuple(map(str, data.get("missing", ())))
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError("not a file of cuts", where=where, got=repr(error)) from error
        for episode in episodes:
            check(episode, len(groups), where=f"{where}, episode {episode.episode}")
        return cls(episodes, groups, threshold, missing)


def _got(data: object) -> str:
    return f"format {data.get('format')}" if isinstance(data, Mapping) else type(data).__name__


def check(episode: Segmented, groups: int, *, where: str = "cuts") -> None:
    """Raise DatasetError unless an episode's cuts are inside it, rising and without gap."""
    bounds = [0, *episode.phases, episode.frames]
    if any(b <= a for a, b in pairwise(bounds)):
        raise _amiss("phases", where, f"rising frames inside 0 to {episode.frames}", episode.phases)
    segments = episode.segments
    ends = [0, *(s.stop for s in segments)]
    starts = [*(s.start for s in segments), episode.frames]
    if ends != starts or any(s.stop <= s.start for s in segments):
        spans = [(s.start, s.stop) for s in segments]
        wanted = f"one after the other without gap from 0 to {episode.frames}"
        raise _amiss("segments", where, wanted, spans)
    strange = [s.group for s in segments if not NOTHING <= s.group < groups]
    if strange:
        raise _amiss("groups of segments", where, f"{NOTHING} to {groups - 1}", strange)


def _amiss(what: str, where: str, expected: str, got: Sequence[Any]) -> DatasetError:
    text = ", ".join(map(str, got[:12])) + (" ..." if len(got) > 12 else "")
    return DatasetError(f"{what} amiss", where=where, expected=expected, got=text or "none")
