"""The language-model planner: a model proposes, the check decides, the search takes over.

Who wins where they differ:

- What the grammar reads, the sentence means. A model that reads it otherwise hears so, and if it
  insists, the search plans for the grammar's goal.
- What the grammar finds ambiguous, the user is asked; what no skill can do, is refused. The model
  is not asked in either case.
- What only the model understands, the user confirms, unless `confirm` is off.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kata.datasets.types import Condition, Facts
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract

from ..check import check_plan
from ..experience import expected_costs
from ..language import Grounded, Grounder, UnboundError, offered
from ..language.answers import NotUnderstood
from ..language.scene import Scene as Speech
from ..language.words import Vocabulary
from ..ordering import ordered, span_s
from ..plan import Failure, Plan, Planner, Refusal
from ..sentence import EmbeddedPlanner, Passed
from ..service import PlanAnswer, planned
from ..stages import plan_stages
from .chat import Chat
from .dialogue import Outcome, Scene, hold
from .judge import hopeless_calls
from .offer import Offer
from .prompt import first_messages
from .proposal import Proposal
from .target import Target, ends, sound_prefix, without_needless

_LONGEST = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LanguageModelPlanner:
    """Plans sentences and goals with a language model that nobody has to trust.

    Attributes:
        chat: who is asked.
        symbolic: finds out what is possible, mends, and takes over.
        rounds: how often the model may propose, at least once.
        confirm: whether a goal that only the model understood is asked back first.
        success: measured rate of success by skill, for the cost of a plan.
    """

    chat: Chat
    symbolic: Planner
    rounds: int = 3
    confirm: bool = True
    success: Mapping[str, float] = field(default_factory=dict)

    def answer(
        self,
        sentence: str,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure] = (),
    ) -> PlanAnswer | Passed:
        """The answer to a sentence; passed on where the endpoint is silent or talks nonsense."""
        if len(sentence) > _LONGEST or not sentence.strip():
            return EmbeddedPlanner(self.symbolic).answer(sentence, facts, contracts, failures)
        reading = Grounder(facts.table, contracts).ground(sentence, facts)
        if isinstance(reading, NotUnderstood):
            return self._unread(sentence, facts, contracts, failures)
        target = None
        if isinstance(reading, Grounded):
            target = _target(self.symbolic, reading, facts, contracts, failures)
        if target is None:
            # Several meanings, or none that a skill could reach: the user is told at once.
            return EmbeddedPlanner(self.symbolic).answer(sentence, facts, contracts, failures)
        scene = _scene(facts, contracts, failures, target)
        messages = first_messages(sentence, scene.offer, facts, failures)
        found = hold(self.chat, messages, scene, lambda _: target, rounds=self.rounds, clear=True)
        assert isinstance(reading, Grounded)
        return self._read(sentence, reading.notes, target, found, scene)

    def plan(
        self,
        goal: Condition,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure] = (),
    ) -> Plan | Refusal:
        """A plan to a goal: the model's if it passes, else the search's; a proven no stays one."""
        reference = self.symbolic.plan(goal, facts, contracts, failures)
        if isinstance(reference, Refusal) and reference.status != "too_hard":
            return reference
        known = reference if isinstance(reference, Plan) else None
        if known is not None and not known.calls:
            return known
        target = Target.of(goal, known)
        scene = _scene(facts, contracts, failures, target)
        messages = first_messages(goal, scene.offer, facts, failures)
        found = hold(self.chat, messages, scene, lambda _: target, rounds=self.rounds, clear=True)
        if found.silent:
            _log.warning("planned without the language model: %s", found.silent)
        if found.calls is not None:
            return self._plan(target, found.calls, scene)
        mended = self._mended(target, found, scene)
        return mended if mended is not None else reference

    def _read(
        self,
        sentence: str,
        notes: Sequence[str],
        target: Target,
        found: Outcome,
        scene: Scene,
    ) -> PlanAnswer | Passed:
        """The answer to a sentence that the grammar understands."""
        if found.silent:
            return _passed(f"planned without the language model: {found.silent}", found)
        who, said, plan = "llm", list(notes), target.reference
        if found.calls is not None:
            plan = self._plan(target, found.calls, scene)
        else:
            mended = self._mended(target, found, scene)
            who, plan = "symbolic", mended or plan
            done = "mended" if mended is not None else "replaced"
            said.append(f"the language model's plan was not sound and is {done}")
        if plan is None:
            return _passed(f"no sound plan from the language model in {_rounds(found)}", found)
        answer = planned(plan, scene.facts, scene.contracts, sentence, notes=said, planner=who)
        return _told(answer, found)

    def _unread(
        self,
        sentence: str,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure],
    ) -> PlanAnswer | Passed:
        """The answer to a sentence that only the model may understand."""
        scene = Scene(facts, contracts, failures, Offer.of(facts.table, contracts))

        def aim(proposal: Proposal) -> Target | None:
            return Target.of(Condition.of(proposal.goal)) if proposal.goal else None

        messages = first_messages(sentence, scene.offer, facts, failures)
        found = hold(self.chat, messages, scene, aim, rounds=self.rounds, clear=False)
        if found.silent:
            return _passed(f"read without the language model: {found.silent}", found)
        if found.spoken is not None:
            return _told(_spoken(found.spoken), found)
        if found.calls is None:
            reason = f"the language model found no sound answer in {_rounds(found)}"
            return _passed(reason, found)
        goal = Condition.of(found.goal)
        if self.confirm:
            return _told(_asked_back(found, facts, contracts), found)
        plan = self._plan(Target.of(goal), found.calls, scene)
        note = "the goal is as the language model reads it"
        answer = planned(plan, facts, contracts, sentence, notes=[note], planner="llm")
        return _told(answer, found)

    def _plan(self, target: Target, calls: Sequence[Call], scene: Scene) -> Plan:
        """The calls in the least order that they need, with their expected time."""
        sequence = Plan.sequence(target.goal, calls)
        plan = ordered(sequence, scene.facts, target.counts(calls, scene.facts))
        costs = expected_costs([call.contract for call in calls], self.success)
        return replace(plan, cost=span_s(plan, [costs[call.contract.key] for call in calls]))

    def _mended(self, target: Target, found: Outcome, scene: Scene) -> Plan | None:
        """The sound beginning of the last proposal, brought to the goal by the search.

        None where that cannot be done, or costs more than the plan without the model.
        """
        begin = sound_prefix(found.tried, scene.facts)
        if not begin:
            return None
        left = target.stages[target.stage(begin, scene.facts) :]
        there = ends(begin, scene.facts)
        end = plan_stages(
            self.symbolic, (*left[:-1], target.goal), there, scene.contracts, scene.failures
        )
        if isinstance(end, Refusal):
            return None
        calls = (*begin, *end.calls)
        hopeless = hopeless_calls(calls, scene.failures, scene.facts)
        if hopeless or not target.reached(calls, scene.facts):
            return None
        calls = without_needless(calls, target, scene.facts)
        try:
            calls = target.as_asked(calls, scene.contracts)
        except UnboundError:
            return None
        if not target.reached(calls, scene.facts):
            return None
        if calls[:1] != begin[:1]:
            return None  # nothing of the model's is left
        plan = self._plan(target, calls, scene)
        known = target.reference
        return plan if known is None or plan.cost <= known.cost + 1e-9 else None


def _target(
    symbolic: Planner,
    reading: Grounded,
    facts: Facts,
    contracts: Sequence[Contract],
    failures: Sequence[Failure],
) -> Target | None:
    """What a sentence asks for; None where no skill gets there, or none as it is asked for."""
    wishes = reading.wishes
    asked = offered(contracts, wishes) if wishes else contracts
    plan = plan_stages(symbolic, reading.goals, facts, asked, failures)
    if isinstance(plan, Plan):
        target = Target(reading.goals, plan.goal, plan, wishes)
        try:
            known = replace(plan, calls=target.as_asked(plan.calls, contracts))
        except UnboundError:
            return None
        return replace(target, reference=known) if not check_plan(known, facts) else None
    if plan.status == "too_hard" and len(reading.goals) == 1:
        return replace(Target.of(reading.goal), wishes=wishes)
    return None


def _scene(
    facts: Facts, contracts: Sequence[Contract], failures: Sequence[Failure], target: Target
) -> Scene:
    needed = target.reference.calls if target.reference else ()
    first = [call.contract.name for call in needed]
    return Scene(facts, contracts, failures, Offer.of(facts.table, contracts, first))


def _spoken(proposal: Proposal) -> PlanAnswer:
    goal = tuple(str(Condition.of({atom: value})) for atom, value in proposal.goal.items())
    if proposal.kind == "ask":
        message = f"the language model asks: {proposal.text}"
        return PlanAnswer("ambiguous", (), (), message, proposal.options, planner="llm")
    message = f"the language model says that no known skill does it: {proposal.text}"
    return PlanAnswer("missing_skill", goal, (), message, planner="llm")


def _asked_back(found: Outcome, facts: Facts, contracts: Sequence[Contract]) -> PlanAnswer:
    """A question whether the model's reading is meant, with a sentence that would say so."""
    parts = tuple(str(Condition.of({atom: value})) for atom, value in found.goal.items())
    speech = Speech(Vocabulary(facts.table, contracts), facts, contracts)
    said = " and ".join(speech.say(atom) for atom in found.goal)
    again = Grounder(facts.table, contracts).ground(said, facts)
    same = isinstance(again, Grounded) and again.goal == Condition.of(found.goal)
    message = (
        "only the language model understands this; is it what you mean? Say it in these words, "
        "or let such readings count with llm.confirm=false"
    )
    options = (said,) if same else (" and ".join(parts),)
    return PlanAnswer("ambiguous", parts, (), message, options, planner="llm")


def _told(answer: PlanAnswer, found: Outcome) -> PlanAnswer:
    return replace(answer, rounds=found.rounds, violations=tuple(found.objections))


def _passed(reason: str, found: Outcome) -> Passed:
    return Passed(reason, found.rounds, tuple(found.objections))


def _rounds(found: Outcome) -> str:
    return f"{found.rounds} round{'s' * (found.rounds > 1)}"
