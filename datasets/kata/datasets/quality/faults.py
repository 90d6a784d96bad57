"""What can be wrong with a dataset: the kinds of faults, how bad they are, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Severity = Literal["unusable", "serious", "minor"]

COST: Mapping[Severity, tuple[float, float]] = MappingProxyType(
    {"unusable": (50.0, 100.0), "serious": (10.0, 60.0), "minor": (2.0, 15.0)}
)
"""Points that a kind of fault takes: where one episode of very many has it, and where many have."""

WIDESPREAD = 0.2
"""The share of the episodes from which on a fault takes its greatest number of points."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: how bad, what it means, what a person can do about it."""

    severity: Severity
    meaning: str
    do: str


_DROP = "leave the episode out with drop=[N]"
_COPY = "restore the file from a copy, or leave the episode out with drop=[N]"

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "corrupt_file": Kind("unusable", "a file cannot be read", _COPY),
        "missing_file": Kind("unusable", "a file that the metadata names is not there", _COPY),
        "counts_disagree": Kind(
            "serious",
            "metadata and data do not count the same",
            "restore the files from a copy, or leave the episode out with drop=[N]",
        ),
        "totals_disagree": Kind(
            "serious",
            "meta/info.json counts other episodes than there are",
            "kata data show DIR mends the totals of a dataset whose recording was killed",
        ),
        "missing_frames": Kind("serious", "numbers of frames are left out", _DROP),
        "time_gap": Kind("serious", "time passes in which nothing was recorded", _DROP),
        "clock_jump": Kind(
            "serious", "the clock leaps while the motion goes on", "set the time stamps anew"
        ),
        "time_backwards": Kind(
            "serious", "a time stamp is not after the one before", "sort by one clock, or drop"
        ),
        "wrong_rate": Kind(
            "unusable", "the time stamps are not those of fps", "mend fps in meta/info.json"
        ),
        "not_a_number": Kind("serious", "a value is NaN or infinite", _DROP),
        "frozen_state": Kind(
            "serious", "the measured state stands still while the robot is told to move", _DROP
        ),
        "repeated_frames": Kind("serious", "a frame is the same as the one before", _DROP),
        "state_jump": Kind("serious", "the state leaps further than the robot can move", _DROP),
        "saturated_action": Kind(
            "serious", "a joint is told its limit or greatest value for long", _DROP
        ),
        "wrong_units": Kind(
            "unusable", "values that fit another unit", "convert: degrees to rad, mm to m"
        ),
        "outside_limits": Kind(
            "serious", "the state is outside the robot's limits", "check the robot and its zero"
        ),
        "bad_quaternion": Kind("serious", "a quaternion whose length is not 1", "normalise it"),
        "action_misfit": Kind(
            "serious", "the state is far from what was commanded", "look at the clock of both"
        ),
        "latency": Kind(
            "serious", "the state follows the command much later or earlier than elsewhere", _DROP
        ),
        "unlabelled": Kind(
            "serious", "frames without a skill or task", "label them, or leave them out"
        ),
        "unbalanced_skills": Kind(
            "minor", "a skill has far fewer demonstrations than another", "record more of it"
        ),
        "no_success": Kind(
            "unusable", "no episode is a success, and training takes only those", "label success"
        ),
        "mixed_success": Kind(
            "serious", "an episode is a success in some frames only", "one label an episode"
        ),
        "duplicate_episode": Kind("serious", "an episode is there twice", _DROP),
        "outlier_episode": Kind("minor", "an episode unlike the others", "look at it; drop it"),
        "missing_video": Kind("unusable", "a camera's video is not there or unreadable", _COPY),
        "short_video": Kind("serious", "a video has fewer pictures than the episode frames", _DROP),
        "black_picture": Kind("serious", "a camera shows nothing", _DROP),
        "frozen_picture": Kind(
            "serious", "a camera shows the same picture while the robot moves", _DROP
        ),
        "another_robot": Kind(
            "unusable", "the robot is not the one of that name", "name the right robot=NAME"
        ),
    }
)
"""Every kind of fault by its name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and the place to look at.

    Attributes:
        kind: a name of `KINDS`.
        episode: its index; -1 for the whole dataset.
        frame: the first frame concerned, within the episode; -1 for the whole episode.
        key: the column or camera; empty where it is no single one.
        count: how many frames (or what `detail` counts) are concerned from there on.
        detail: what was found, with numbers.
    """

    kind: str
    episode: int = -1
    frame: int = -1
    key: str = ""
    count: int = 1
    detail: str = ""

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind

    @property
    def severity(self) -> Severity:
        """How bad its kind is."""
        return KINDS[self.kind].severity

    @property
    def place(self) -> str:
        """Where to look, such as `episode 12, frame 87, key action`."""
        parts = [f"episode {self.episode}"] if self.episode >= 0 else ["whole dataset"]
        if self.frame >= 0:
            parts.append(f"frame {self.frame}")
        if self.key:
            parts.append(f"key {self.key}")
        return ", ".join(parts)

    def to_json(self) -> dict[str, str | int]:
        """Plain data for `result.json`."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "episode": self.episode,
            "frame": self.frame,
            "key": self.key,
            "count": self.count,
            "detail": self.detail,
            "do": KINDS[self.kind].do,
        }


def page_table() -> str:
    """The table of the page on checks, in Markdown."""
    rows = [
        f"| `{name}` | {kind.severity} | {kind.meaning} | {kind.do} |"
        for name, kind in KINDS.items()
    ]
    return "\n".join(["| fault | how bad | meaning | what to do |", "|---" * 4 + "|", *rows])
