"""Planners of sentences: one protocol for them all, and a chain in which they back each other up.

A planner of goals (`Planner`) turns a condition into a plan. A planner of sentences turns what a
person said into an answer: a checked plan, a question, or why there is none. The embedded one
reads by grammar and plans by search; the one in `llm/` asks a language model and believes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from kata.datasets.types import Condition, ConditionError, Facts
from kata.skills.contract.contract import Contract

from .plan import Failure, Planner, Refusal

if TYPE_CHECKING:
    from .service import PlanAnswer


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing that was wrong with what a planner proposed; typed, so that it can mend it.

    Attributes:
        round: of the proposal, from 1.
        kind: `form` (not what was asked for), `argument`, `order`, `requires`, `effect` or `goal`
            (as in the check of a plan), `reading` (another goal than the sentence's), `needless`,
            `failed` (it failed before) or `refused` (no answer where there is one).
        call: as text; empty where no call is concerned.
        condition: what is not so, in words or as a condition.
        remedy: what would make it so.
    """

    round: int
    kind: str
    call: str
    condition: str
    remedy: tuple[str, ...] = ()

    def __str__(self) -> str:
        who = f"{self.call}: " if self.call else ""
        hint = f" (would help: {' or '.join(self.remedy)})" if self.remedy else ""
        return f"{self.kind}: {who}{self.condition}{hint}"

    def to_data(self) -> dict[str, Any]:
        """Plain data, for a file and for the one who made the proposal."""
        return {
            "round": self.round,
            "kind": self.kind,
            "call": self.call,
            "condition": self.condition,
            "remedy": list(self.remedy),
        }


@dataclass(frozen=True, slots=True)
class Passed:
    """A planner has no answer and leaves the sentence to the next.

    Attributes:
        reason: why, in one clause for the user.
        rounds, objections: what was tried.
    """

    reason: str
    rounds: int = 0
    objections: tuple[Objection, ...] = ()


class SentencePlanner(Protocol):
    """Turns a sentence into an answer whose plan, if there is one, has passed the check."""

    def answer(
        self,
        sentence: str,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure] = (),
    ) -> PlanAnswer | Passed:
        """The answer to a sentence, or that the next planner should be asked."""


@dataclass(frozen=True, slots=True)
class EmbeddedPlanner:
    """Reads by grammar, plans by `planner`: offline, and the same answer every time."""

    planner: Planner

    def answer(
        self,
        sentence: str,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure] = (),
    ) -> PlanAnswer:
        """As `make_plan`."""
        from .service import make_plan

        return make_plan(sentence, facts, contracts, planner=self.planner, failures=failures)


@dataclass(frozen=True, slots=True)
class ConditionPlanner:
    """Takes the sentence as a condition, such as `in(red_cube, drawer) and closed(drawer)`."""

    planner: Planner

    def answer(
        self,
        sentence: str,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure] = (),
    ) -> PlanAnswer:
        """A plan to the condition; `not_understood` for what is none."""
        from .service import PlanAnswer, planned

        try:
            goal = Condition.parse(sentence)
        except (ConditionError, KeyError) as error:
            message = str(error).splitlines()[0]
            return PlanAnswer("not_understood", (), (), message, planner="symbolic")
        if goal.free() or goal.kind == "true":
            message = "not a condition over the names of the scene"
            return PlanAnswer("not_understood", (), (), message, planner="symbolic")
        plan = self.planner.plan(goal, facts, contracts, failures)
        if isinstance(plan, Refusal):
            return PlanAnswer("missing_skill", (str(goal),), (), plan.message, planner="symbolic")
        return planned(plan, facts, contracts, sentence, planner="symbolic")


@dataclass(frozen=True, slots=True)
class Chain:
    """Asks one planner after the other until one has an answer, and says why the others had none.

    Raises ValueError without a planner.
    """

    planners: tuple[SentencePlanner, ...]

    def __post_init__(self) -> None:
        if not self.planners:
            raise ValueError("a chain of no planner")

    def answer(
        self,
        sentence: str,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure] = (),
    ) -> PlanAnswer | Passed:
        """The first answer; its message ends with the reasons of those that passed."""
        reasons: list[str] = []
        objections: list[Objection] = []
        rounds = 0
        for planner in self.planners:
            found = planner.answer(sentence, facts, contracts, failures)
            rounds += found.rounds
            if isinstance(found, Passed):
                reasons.append(found.reason)
                objections += found.objections
                continue
            return replace(
                found,
                message="; ".join([found.message, *reasons]),
                rounds=rounds,
                violations=(*objections, *found.violations),
            )
        return Passed("; ".join(reasons), rounds, tuple(objections))
