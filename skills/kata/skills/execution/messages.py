"""What an executor says and is told: commands, requests, replies and the log of its decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kata.datasets.types import (
    ActionChunk,
    ChunkRequest,
    Command,
    Condition,
    Facts,
    Observation,
    Policy,
)
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.handover.boundary import Boundary
from kata.skills.planning.plan import Failure, Plan, Refusal


class ReadySkill(Protocol):
    """A skill that can run: its promise, its policy and its boundary."""

    @property
    def contract(self) -> Contract:
        """What it promises."""

    @property
    def policy(self) -> Policy:
        """Where its chunks come from."""

    @property
    def boundary(self) -> Boundary:
        """Where it may start and when it is done."""


@dataclass(frozen=True, slots=True)
class LoadedSkill:
    """A skill in memory."""

    contract: Contract
    policy: Policy
    boundary: Boundary


def ready[S: ReadySkill](skills: Mapping[str, S], contract: Contract) -> S | None:
    """The skill that runs calls of a contract: of its version, by `Contract.key` or by name."""
    found = skills.get(contract.key) or skills.get(contract.name)
    return found if found is not None and found.contract.key == contract.key else None


@dataclass(frozen=True, slots=True)
class ChunkQuery:
    """A request for a chunk; `begin` is true for the first one of a call.

    `observation` is the one to answer from; its focus is the call's. `lane` says who of several
    that run at the same time asks.
    """

    id: int
    call: Call
    index: int
    begin: bool
    observation: Observation
    request: ChunkRequest
    lane: str = ""


@dataclass(frozen=True, slots=True)
class PlanQuery:
    """A request for a plan from what holds now, knowing what has failed."""

    id: int
    goal: Condition
    facts: Facts
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class ChunkReply:
    """The answer to a `ChunkQuery`; without a chunk, `error` says why."""

    id: int
    chunk: ActionChunk | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class PlanReply:
    """The answer to a `PlanQuery`."""

    id: int
    outcome: Plan | Refusal


@dataclass(frozen=True, slots=True)
class Event:
    """One decision: when, what, in which state, about which call, why, with which numbers.

    `lane` is whose it is, where several run at the same time.
    """

    time_s: float
    kind: str
    state: str
    call: str
    reason: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    lane: str = ""

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        data: dict[str, Any] = {
            "time_s": round(self.time_s, 6),
            "kind": self.kind,
            "state": self.state,
            "call": self.call,
            "reason": self.reason,
        }
        if self.lane:
            data["lane"] = self.lane
        return data | {name: round(float(n), 6) for name, n in self.numbers.items()}


@dataclass(frozen=True, slots=True)
class Tick:
    """What an executor wants for the next servo period."""

    command: Command
    requests: Sequence[ChunkQuery | PlanQuery] = ()
    events: Sequence[Event] = ()
