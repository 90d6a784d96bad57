"""How an executor is spoken to, and what can be chosen about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from kata.datasets.types import ConfigError, Facts, Observation
from kata.skills.handover.transition import TransitionOptions
from kata.skills.planning.corrections import Correction
from kata.skills.planning.plan import Plan

from .messages import ChunkReply, PlanReply, Tick

Mode = Literal["naive", "blended", "full"]
"""How skills are joined: not at all, by blends, or by blends and transitions to good starts."""

MODES: tuple[Mode, ...] = ("naive", "blended", "full")


class Executor(Protocol):
    """Runs plans; a class that passes `kata.skills.testing.ExecutorContract` will do."""

    def start(self, plan: Plan, now_s: float) -> None:
        """Begin a plan, whatever went on before."""

    def tick(self, observation: Observation, facts: Facts, now_s: float) -> Tick:
        """The command for the period that begins now, with what it asks for and has decided."""

    def deliver(self, reply: ChunkReply | PlanReply) -> None:
        """Give an answer; late and stale ones are legal."""

    def cancel(self, reason: str) -> None:
        """Come to rest and stay so."""

    def correct(self, correction: Correction, text: str) -> None:
        """Change the running call within bounds, as someone said in these words."""


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """How an executor behaves.

    Attributes:
        mode: see `Mode`.
        replans: how often a failure may lead to a new plan.
        delay_s: expected time from a request to its reply.
        patience_s: how long a call waits for its `requires` after the call before it.
        stall_s: a skill that moves nothing for so long has failed.
    """

    mode: Mode = "full"
    replans: int = 1
    delay_s: float = 0.0
    patience_s: float = 1.0
    stall_s: float = 4.0
    transition: TransitionOptions = field(default_factory=TransitionOptions)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError("unknown handover", expected=", ".join(MODES), got=str(self.mode))
