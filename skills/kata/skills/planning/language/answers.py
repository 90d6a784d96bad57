"""What a sentence can turn out to be: goals, several possible goals, or nothing known."""

from __future__ import annotations

from dataclasses import dataclass

from kata.datasets.types import Condition

from .measures import Wish


@dataclass(frozen=True, slots=True)
class Grounded:
    """A sentence as goals over the names of the scene.

    Attributes:
        goals: one a stage; a later one keeps what earlier ones reached, unless it contradicts.
        notes: what was chosen or left out on the way, for the user.
        wishes: numbers and hands that were asked for; see `bound`.
    """

    goals: tuple[Condition, ...]
    notes: tuple[str, ...] = ()
    wishes: tuple[Wish, ...] = ()

    @property
    def goal(self) -> Condition:
        """All stages at once; where they contradict each other no plan can reach it."""
        if len(self.goals) == 1:
            return self.goals[0]
        return Condition("and", self.goals) if self.goals else Condition("true")


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A phrase with several meanings, or with a referent that the sentence does not give."""

    phrase: str
    message: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Why not, and sentences that would be understood."""

    message: str
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unable:
    """Something that no skill does, said of things that are here; no condition names it."""

    phrase: str
    message: str
    suggestions: tuple[str, ...] = ()


Answer = Grounded | Ambiguous | NotUnderstood | Unable


class UnresolvedError(Exception):
    """Leaves the grounding of a sentence with the answer; never leaves this folder."""

    def __init__(self, answer: Ambiguous | NotUnderstood | Unable) -> None:
        super().__init__(answer.message)
        self.answer = answer
