"""From tracks to cuts: phases by prediction error, then skills by what is held and moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kata.datasets.types import ConfigError, DatasetError

from .cuts import Segmentation
from .tracks import Track


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """How fine to cut.

    Attributes:
        z: standard scores above its running mean at which prediction error cuts a phase.
        least_frames: no phase is shorter.
        folds: predictors trained; an episode is judged by one that never saw it.
        steps: gradient steps of each.
    """

    z: float = 1.0
    least_frames: int = 5
    folds: int = 3
    steps: int = 600

    def __post_init__(self) -> None:
        if not (self.z > 0 and self.least_frames >= 2 and self.folds >= 2 and self.steps >= 1):
            raise ConfigError(
                "options that nothing can be cut by",
                expected="z > 0, least_frames >= 2, folds >= 2, steps >= 1",
                got=f"{self.z}, {self.least_frames}, {self.folds}, {self.steps}",
            )


def segment(
    tracks: Sequence[Track], options: SegmentOptions | None = None, seed: int = 0
) -> Segmentation:
    """Cut demonstrations of one robot into phases, and those into skills.

    Equal tracks, options and seeds give equal cuts. Raises DatasetError for no tracks, or tracks
    of different robots.
    """
    from .grouping import group
    from .phases import find_phases

    options = options or SegmentOptions()
    check(tracks)
    phases, threshold = find_phases(tracks, options, seed)
    return group(tracks, phases, threshold)


def check(tracks: Sequence[Track]) -> None:
    """Raise DatasetError unless there are tracks, all of one robot and rate."""
    if not tracks:
        raise DatasetError("no demonstrations to cut", hint="record some first")
    first = tracks[0]
    for track in tracks:
        ours = (track.fps, track.position.shape[1], track.action.shape[1], track.tool.shape[1])
        theirs = (first.fps, first.position.shape[1], first.action.shape[1], first.tool.shape[1])
        if ours != theirs:
            raise DatasetError(
                "demonstrations of different robots",
                where=f"episode {track.episode}",
                expected="fps, joints, actions, hands = " + ", ".join(map(str, theirs)),
                got=", ".join(map(str, ours)),
            )
