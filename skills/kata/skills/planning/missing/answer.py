"""The answer that a skill is missing: what it would have to do, and what is near to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kata.skills.contract.contract import Contract

Level = Literal["effect", "frame", "class", "text"]
"""How near a demonstration is: it makes these facts so, of these types; it makes such facts so of
other things; its verb belongs to a class that does such things; its words are near."""


@dataclass(frozen=True, slots=True)
class NearSkill:
    """A known skill that comes near, and what it lacks."""

    name: str
    version: str
    lacks: str

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {"name": self.name, "version": self.version, "lacks": self.lacks}


@dataclass(frozen=True, slots=True)
class NearDemonstration:
    """Demonstrations of one skill in one dataset.

    Attributes:
        skill: the name that they bear there; empty where the dataset names none.
        episodes: their numbers.
        robot: fingerprint of the robot that shows it; empty where the dataset does not say.
        score: the higher the nearer; comparable within one answer.
    """

    root: Path
    skill: str
    level: Level
    episodes: tuple[int, ...]
    task: str
    score: float
    robot: str = ""

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "data": str(self.root),
            "skill": self.skill,
            "level": self.level,
            "episodes": list(self.episodes),
            "task": self.task,
            "score": round(self.score, 4),
        }


@dataclass(frozen=True, slots=True)
class MissingSkill:
    """What no known skill can do.

    Attributes:
        goal: the facts of this scene that nothing reaches.
        achieves: the same over typed parameters.
        proposal: a contract that somebody could start from; where demonstrations do it, its
            conditions are what they have in common.
        skills: known skills that come near, the nearest first.
        demonstrations: known demonstrations that come near, the nearest first.
    """

    goal: tuple[str, ...]
    achieves: str
    proposal: Contract
    skills: tuple[NearSkill, ...]
    demonstrations: tuple[NearDemonstration, ...]

    def taught(self, robot: str = "") -> NearDemonstration | None:
        """Demonstrations that a skill of a robot, by its fingerprint, can be learned from at once.

        Without a robot any will do. None if there are none.
        """
        for found in self.demonstrations:
            ours = not robot or found.robot in ("", robot)
            if found.level == "effect" and found.skill and ours:
                return found
        return None

    def to_json(self) -> dict[str, Any]:
        """The key `missing` of a result."""
        return {
            "goal": list(self.goal),
            "achieves": self.achieves,
            "proposal": self.proposal.to_data(),
            "skills": [skill.to_data() for skill in self.skills],
            "demonstrations": [found.to_data() for found in self.demonstrations],
        }

    def lines(self) -> tuple[str, ...]:
        """For a person."""
        parameters = ", ".join(f"{p.name}: {p.type}" for p in self.proposal.parameters)
        lines = [f"missing: a skill {self.proposal.name}({parameters}) that achieves"]
        lines.append(f"  {self.achieves}")
        lines += [f"  near: {near.name}@{near.version}, but {near.lacks}" for near in self.skills]
        for found in self.demonstrations:
            count = len(found.episodes)
            told = f"{count} episode{'s' * (count > 1)} of {found.skill or repr(found.task)}"
            lines.append(f"  shown: {told} in {found.root}, {_LEVELS[found.level]}")
        return tuple(lines)


_LEVELS = {
    "effect": "which do just that",
    "frame": "which do that to other things",
    "class": "of a like verb",
    "text": "of like words",
}
