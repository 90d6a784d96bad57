"""How an executor is spoken to, and what can be chosen about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from kata.datasets.types import ConfigError, Facts, Observation, UnknownNameError
from kata.skills.contract.call import Call
from kata.skills.handover.blend import BLENDS
from kata.skills.handover.decision import DecisionOptions
from kata.skills.handover.transition import TransitionOptions
from kata.skills.planning.corrections import Correction
from kata.skills.planning.plan import Plan

from .messages import ChunkReply, PlanReply, Tick

if TYPE_CHECKING:
    from kata.skills.handover.graph import TransitionGraph

Mode = Literal["naive", "blended", "transition", "full"]
"""How skills are joined: not at all, by blends, by transitions to good starts, or by both."""

MODES: tuple[Mode, ...] = ("naive", "blended", "transition", "full")

Guide = Callable[[Call, Observation], Any]
"""Gives the cost that steers the next chunk of a call (see `kata.policies.policy.Cost`), or None
where nothing shall; the observation has the call's focus."""


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
        blend: how chunks are joined where the mode blends: `kata.skills.handover.blend.BLENDS`.
        replans: how often a failure may lead to a new plan.
        delay_s: expected time from a request to its reply.
        patience_s: how long a call waits for its `requires` after the call before it.
        stall_s: a skill that moves nothing for so long has failed.
        moves: how many transitions may be made before one call.
        transition, decision: how transitions move, and when they are made.
        guide: what steers the chunks; None for nothing.
        graph: demonstrated states as stepping stones for transitions whose straight way is barred.
    """

    mode: Mode = "full"
    blend: str = "jerk_limited"
    replans: int = 1
    delay_s: float = 0.0
    patience_s: float = 1.0
    stall_s: float = 4.0
    moves: int = 2
    transition: TransitionOptions = field(default_factory=TransitionOptions)
    decision: DecisionOptions = field(default_factory=DecisionOptions)
    guide: Guide | None = None
    graph: TransitionGraph | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError("unknown handover", expected=", ".join(MODES), got=str(self.mode))
        if self.blend not in BLENDS:
            raise UnknownNameError("blend", self.blend, BLENDS)

    @property
    def smooth(self) -> bool:
        """Whether seams are blended, and the robot comes to rest with bounded jerk."""
        return self.mode in ("blended", "full")

    @property
    def seeks(self) -> bool:
        """Whether transitions to good starts are made."""
        return self.mode in ("transition", "full")
