"""What segmentation gives: phases and skill segments an episode, and the groups of segments."""

from __future__ import annotations

from dataclasses import dataclass

NOTHING = -1
"""Group of a segment in which nothing is held, touched or moved."""


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


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A whole dataset, cut.

    Attributes:
        threshold: nats above its running mean at which prediction error cuts a phase.
        missing: what some episodes lack without which skills could not be told; such an episode has
            phases only, and is one segment of the group `NOTHING`.
        left_out: those episodes.
    """

    episodes: tuple[Segmented, ...]
    groups: tuple[Group, ...]
    threshold: float
    missing: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()
