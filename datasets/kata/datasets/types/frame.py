"""What a recorder takes: frames with labels, and how an episode ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from .facts import Facts
from .pose import Array
from .signals import Observation

Source = Literal["policy", "expert", "human", "recovery", "correction", "rewind"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One recorded instant: what was seen, what was asked for, and what was carried out.

    Attributes:
        action: (D,) joint targets requested for the next frame's instant, absolute.
        action_tool: (7 * hands + grippers,) the same request as absolute tool poses
            (`pose_world_tool`, w-first) with gripper openings in m.
        executed: (D,) joint targets that went to the servo (after noise, limits, takeover).
        executed_tool: as `action_tool`, of `executed`.
    """

    observation: Observation
    action: Array
    action_tool: Array
    executed: Array
    executed_tool: Array
    facts: Facts
    skill: str
    arguments: Mapping[str, str]
    phase: str = ""
    source: Source = "expert"
    intervention: bool = False
    discarded: bool = False
    task: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an episode ended, and which episode it branched from, if any."""

    success: bool
    reason: str = ""
    seed: int | None = None
    episode_uuid: str = ""
    parent_uuid: str = ""
    parent_frame: int = -1


class Recorder(Protocol):
    """Takes frames, and keeps each saved episode whatever happens afterwards."""

    def add(self, frame: Frame) -> None:
        """Take one frame. Raises SpecError if it does not fit the dataset."""

    def save_episode(self, outcome: Outcome) -> int:
        """Make the episode durable and return its index. Raises StorageError, nothing lost."""

    def discard(self, reason: str) -> None:
        """Set the unfinished episode aside, with the reason."""
