"""The symbolic planner: from a goal and facts to a checked sequence of calls, or why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kata.datasets.types import Atom, Condition, Facts
from kata.skills.contract.contract import Contract

from .descriptor import Predictor
from .experience import RETRY_FACTOR, Record, expected_costs, failure_records, hopeless
from .hands import arranged
from .heuristic import RelaxedPlan
from .mutex import Pairs
from .plan import Failure, Plan, Refusal
from .problem import Action, Need, Problem, bits_of
from .search import NotFound, search
from .tuning import tried_values


@dataclass(frozen=True, slots=True)
class SymbolicPlanner:
    """Searches calls whose effects, run forward from the facts, reach the goal.

    Attributes:
        success: measured rate of success by skill, in (0, 1]; time over rate is the cost.
        predictor: predicts each call from the present state; where it can, that time counts.
        spares: other versions of the skills, which may be called where the one in use has failed.
        max_expanded: states that the search may expand before it gives up as `too_hard`.
    """

    success: Mapping[str, float] = field(default_factory=dict)
    max_expanded: int = 10_000
    predictor: Predictor | None = None
    spares: tuple[Contract, ...] = ()

    def plan(
        self,
        goal: Condition,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure] = (),
    ) -> Plan | Refusal:
        """The cheapest plan found, deterministic; a goal that holds already gives no calls.

        `missing_skill`: no known skill makes some part of the goal true. `invalid_goal`: its parts
        exclude each other. `too_hard`: not found within the bound. A call that failed once in
        the same relevant facts costs twice as much, after two failures it is left out, and the
        refusal says why. Of a skill that failed, or whose success is predicted, other numbers than
        the default are tried too.

        Raises:
            PlanError: more grounded calls than a search could go through.
        """
        known = {contract.name for contract in contracts}
        tried = {failure.call.contract.name for failure in failures} & known
        contracts = (*contracts, *(spare for spare in self.spares if spare.name in tried))
        values = tried_values(contracts, known if self.predictor else tried)
        problem = Problem(facts.table, contracts, expected_costs(contracts, self.success), values)
        failed = failure_records(failures, facts)
        actions = tuple(_weighed(self._timed(problem.actions, facts), failed))
        need, start = problem.need(goal), problem.state(facts)
        if need.holds(start):
            return Plan.sequence(goal, ())
        refusal = self._refuse(problem, actions, need, goal, start)
        if refusal is not None:
            return _with_failures(refusal, failed)
        reached = RelaxedPlan(actions, need).reachable(start)
        usable = [action for action in actions if action.need.holds(reached)]
        answer = search(start, need, usable, max_expanded=self.max_expanded)
        if isinstance(answer, NotFound):
            return _with_failures(_not_found(answer, goal, facts), failed)
        costs = {action.call.key: action.cost for action in usable}
        return arranged(goal, [action.call for action in answer.actions], facts, costs)

    def _timed(self, actions: Sequence[Action], facts: Facts) -> Sequence[Action]:
        """Actions that cost the time that is predicted for them now."""
        if self.predictor is None:
            return actions
        predictions = self.predictor.calls([action.call for action in actions], facts)
        return [
            action
            if found is None
            else replace(action, cost=found.expected_time_s(action.call.contract))
            for action, found in zip(actions, predictions, strict=True)
        ]

    def _refuse(
        self,
        problem: Problem,
        actions: Sequence[Action],
        need: Need,
        goal: Condition,
        start: int,
    ) -> Refusal | None:
        reached = RelaxedPlan(actions, need).reachable(start)
        if not need.holds(reached):
            return _missing(problem, actions, goal, reached)
        pairs = Pairs(actions, start)
        clash = pairs.clash(need.bits)
        if clash is None:
            return None
        first, second = (_text(*problem.literal(index)) for index in clash)
        return Refusal(
            "invalid_goal", f"{first} and {second} cannot hold at one time", (first, second)
        )


def _weighed(actions: Sequence[Action], failed: Mapping[str, Record]) -> list[Action]:
    out = []
    for action in actions:
        if hopeless(action.call, failed):
            continue
        tried = action.call.key in failed
        out.append(replace(action, cost=action.cost * RETRY_FACTOR) if tried else action)
    return out


def _missing(problem: Problem, actions: Sequence[Action], goal: Condition, reached: int) -> Refusal:
    lines, unmet = [], []
    for part in _parts(goal.ground(problem.table)):
        if problem.need(part).holds(reached):
            continue
        unmet.append(str(part))
        lines.append(_why(problem, actions, part, reached))
    return Refusal("missing_skill", "; ".join(lines), tuple(unmet))


def _parts(goal: Condition) -> list[Condition]:
    if goal.kind == "and":
        return [leaf for part in goal.parts for leaf in _parts(part)]
    return [goal]


def _why(problem: Problem, actions: Sequence[Action], part: Condition, reached: int) -> str:
    need = problem.need(part)
    wanted = need.mentioned() & ~reached
    absent = [str(atom) for atom in part.atoms() if atom not in problem.table.index]
    makers = [action for action in actions if action.add & wanted]
    if makers:
        missing = makers[0].need.mentioned() & ~reached & ~problem.impossible
        blocked = ", ".join(_text(*problem.literal(index)) for index in bits_of(missing))
        return f"{makers[0].call} would reach {part}, but nothing makes {blocked or 'it'} possible"
    if absent:
        could = _others(problem, actions, part)
        offer = f"; it is possible for {', '.join(could)}" if could else ""
        return f"{part}: this scene cannot have it{offer}"
    near = _nearest(problem, actions, part)
    offer = f"; the nearest skills: {', '.join(near)}" if near else ""
    return f"{part}: no known skill makes it true{offer}"


def _others(problem: Problem, actions: Sequence[Action], part: Condition) -> list[str]:
    """The atoms of the same predicates that skills make true."""
    predicates = {atom.predicate for atom in part.atoms()}
    made = {index for action in actions for index in bits_of(action.add)}
    literals = [problem.literal(index) for index in sorted(made)]
    atoms = [atom for atom, value in literals if value and atom.predicate in predicates]
    names = {name for atom in part.atoms() for name in atom.arguments}
    atoms.sort(key=lambda atom: -len(names & set(atom.arguments)))
    return [str(atom) for atom in atoms][:4]


def _nearest(problem: Problem, actions: Sequence[Action], part: Condition) -> list[str]:
    """Skills that set the same predicate of other things, else those that take these things."""
    atoms = list(part.atoms())
    predicates = {atom.predicate for atom in atoms}
    names = {name for atom in atoms for name in atom.arguments}
    same = {
        action.call.contract.name
        for action in actions
        if predicates & {problem.literal(i)[0].predicate for i in bits_of(action.add)}
    }
    taking = {action.call.contract.name for action in actions if names & set(action.call.objects)}
    return sorted(same or taking)


def _not_found(answer: NotFound, goal: Condition, facts: Facts) -> Refusal:
    unmet = goal.ground(facts.table).unmet(facts)
    if answer.exhausted:
        return Refusal("invalid_goal", "no order of the known calls reaches all of it", unmet)
    message = f"no plan among the {answer.expanded} nearest states; ask for less at a time"
    return Refusal("too_hard", message, unmet)


def _with_failures(refusal: Refusal, failed: Mapping[str, Record]) -> Refusal:
    left_out = [f"{key}: {record.reason}" for key, record in failed.items() if record.hopeless]
    if not left_out:
        return refusal
    note = f" (not tried again: {'; '.join(sorted(left_out))})"
    return replace(refusal, message=refusal.message + note)


def _text(atom: Atom, value: bool) -> str:
    return str(atom) if value else f"not {atom}"
