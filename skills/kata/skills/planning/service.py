"""From a sentence to a checked plan, or a clear answer why not: what `kata plan` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kata.datasets.types import Condition, Facts, PlanError
from kata.skills.contract.contract import Contract

from .check import check_plan
from .language import Ambiguous, Grounder, NotUnderstood, Unable, UnboundError, bound, offered
from .plan import Failure, Plan, Planner, Refusal
from .planner import SymbolicPlanner
from .sentence import Objection
from .stages import plan_stages

Status = Literal["plan", "ambiguous", "missing_skill", "not_understood"]


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """The answer to a sentence.

    Attributes:
        goal: what should hold at the end, one fact or negated fact each.
        calls: as text, in their order.
        options: what an ambiguous phrase could mean, or sentences that would be understood.
        plan: the checked plan, if there is one.
        planner: whose calls, or whose reading, it is: `embedded`, `llm` or `symbolic`.
        rounds: how often a language model was asked.
        violations: what was wrong with what it proposed.
    """

    status: Status
    goal: tuple[str, ...]
    calls: tuple[str, ...]
    message: str
    options: tuple[str, ...] = ()
    plan: Plan | None = None
    planner: str = "embedded"
    rounds: int = 0
    violations: tuple[Objection, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The keys of `kata plan`'s result."""
        return {
            "status": self.status,
            "goal": list(self.goal),
            "calls": list(self.calls),
            "message": self.message,
            "planner": self.planner,
            "rounds": self.rounds,
            "violations": [objection.to_data() for objection in self.violations],
        }


def make_plan(
    sentence: str,
    facts: Facts,
    contracts: Sequence[Contract],
    *,
    planner: Planner | None = None,
    success: Mapping[str, float] | None = None,
    failures: Sequence[Failure] = (),
) -> PlanAnswer:
    """Ground a sentence in the facts and plan for it.

    Args:
        sentence: natural language.
        facts: what holds now.
        contracts: the skills that may be called.
        planner: another planner than the symbolic one.
        success: measured rates of success by skill, for the symbolic planner's costs.
        failures: calls that failed before.

    Raises:
        PlanError: the planner's plan breaks a precondition: an error in the planner.
    """
    answer = Grounder(facts.table, contracts).ground(sentence, facts)
    if isinstance(answer, Ambiguous):
        return PlanAnswer("ambiguous", (), (), answer.message, answer.options)
    if isinstance(answer, Unable):
        return PlanAnswer("missing_skill", (), (), answer.message, answer.suggestions)
    if isinstance(answer, NotUnderstood):
        message = answer.message
        if answer.suggestions:
            message = f"{message.rstrip('?')} (for example: {'; '.join(answer.suggestions)})"
        return PlanAnswer("not_understood", (), (), message, answer.suggestions)
    planner = planner or SymbolicPlanner(success or {})
    wishes = answer.wishes
    asked = offered(contracts, wishes) if wishes else contracts
    plan = plan_stages(planner, answer.goals, facts, asked, failures)
    if isinstance(plan, Refusal):
        return PlanAnswer("missing_skill", _texts(answer.goal), (), plan.message)
    if wishes:
        try:
            plan = bound(plan, wishes, contracts)
        except UnboundError as error:
            return PlanAnswer("not_understood", _texts(answer.goal), (), str(error))
        if wrong := check_plan(plan, facts, contracts):
            return PlanAnswer("missing_skill", _texts(answer.goal), (), f"not so: {wrong[0]}")
    return planned(plan, facts, contracts, sentence, notes=answer.notes)


def planned(
    plan: Plan,
    facts: Facts,
    contracts: Sequence[Contract],
    sentence: str,
    *,
    notes: Sequence[str] = (),
    planner: str = "embedded",
) -> PlanAnswer:
    """The answer that is a plan. Raises PlanError for one that does not pass the check."""
    violations = check_plan(plan, facts, contracts)
    if violations:
        raise PlanError(
            "the planner made a plan that does not hold",
            where=sentence,
            got="; ".join(map(str, violations)),
            hint="report this with the sentence and the scene; nothing was run",
        )
    calls = tuple(str(call) for call in plan.calls)
    message = _message(plan, notes)
    return PlanAnswer("plan", _texts(plan.goal), calls, message, (), plan, planner)


def _message(plan: Plan, said: Sequence[str]) -> str:
    notes = "".join(f"; {note}" for note in said)
    if not plan.calls:
        return f"nothing to do: it is so already{notes}"
    count = len(plan.calls)
    return f"{count} call{'s' * (count > 1)}, about {plan.cost:.0f} s{notes}"


def _texts(goal: Condition) -> tuple[str, ...]:
    if goal.kind == "and":
        return tuple(dict.fromkeys(text for part in goal.parts for text in _texts(part)))
    return () if goal.kind == "true" else (str(goal),)
