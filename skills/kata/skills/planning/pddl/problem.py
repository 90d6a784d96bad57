"""A goal, facts and contracts as a problem of unified-planning, and its PDDL.

Things have one type, hands another; tags such as `cube` are predicates that never change, because
a thing bears several. Actions are lifted, with quantifiers, disjunctions and conditional effects.
Numbers, places and texts are no parameters: a search takes their defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from kata.datasets.types import (
    DEFAULT_HAND,
    HAND_TAG,
    Condition,
    ConditionError,
    Facts,
    MissingDependencyError,
    PlanError,
)
from kata.skills.contract.contract import Contract

from .expressions import Outcome, Words, outcomes
from .names import action_names

NAME = "kata"


def shortcuts() -> Any:
    """`unified_planning.shortcuts`, without its greeting. Raises MissingDependencyError."""
    try:
        import unified_planning.shortcuts as up
    except ImportError:
        raise MissingDependencyError(
            "unified-planning", "pddl", purpose="a planning problem in PDDL"
        ) from None
    up.get_environment().credits_stream = None
    return up


def to_problem(
    goal: Condition,
    facts: Facts,
    contracts: Sequence[Contract],
    costs: Mapping[str, float] | None = None,
) -> Any:
    """The problem, as a `unified_planning.model.Problem` that minimises the expected time.

    Args:
        goal: what shall hold.
        facts: what holds now; unknown atoms are neither true nor false.
        contracts: the skills; one whose effect names no single outcome is left out.
        costs: expected time in s by `Contract.key`; without an entry its own `cost` counts.

    Raises:
        MissingDependencyError: unified-planning is not installed.
        PlanError: a goal with variables.
    """
    if goal.free():
        raise PlanError("a goal with variables", expected="names", got=", ".join(goal.free()))
    up = shortcuts()
    words = Words(up, facts)
    problem = up.Problem(NAME)
    groups = (words.predicates, words.possible, words.unknown, words.tags)
    for fluent in [fluent for group in groups for fluent in group.values()]:
        problem.add_fluent(fluent, default_initial_value=False)
    problem.add_objects([*words.things.values(), *words.hands.values()])
    _begin(problem, words)
    prices = {}
    for name, contract in action_names(contracts).items():
        action = _action(name, contract, words)
        if action is not None:
            problem.add_action(action)
            price = Fraction(str((costs or {}).get(contract.key, contract.cost)))
            prices[action] = up.Int(int(price)) if price.denominator == 1 else up.Real(price)
    problem.add_goal(words.condition(goal, {}))
    if prices:
        problem.add_quality_metric(up.MinimizeActionCosts(prices))
    return problem


def pddl_texts(problem: Any) -> tuple[str, str]:
    """Domain and problem as PDDL."""
    from unified_planning.io import PDDLWriter

    writer = PDDLWriter(problem)
    return writer.get_domain(), writer.get_problem()


def _begin(problem: Any, words: Words) -> None:
    """What holds at the beginning, and what the scene can have."""
    for atom in words.facts.table.atoms:
        arguments = words.arguments(atom, {})
        if arguments is None:
            continue
        problem.set_initial_value(words.possible[atom.predicate](*arguments), True)
        value = words.facts.value(atom)
        if value:
            problem.set_initial_value(words.predicates[atom.predicate](*arguments), True)
        elif value is None:
            problem.set_initial_value(words.unknown[atom.predicate](*arguments), True)
    for name, tags in words.facts.table.types.items():
        for tag in tags:
            problem.set_initial_value(words.tags[tag](words.things[name]), True)


def _action(name: str, contract: Contract, words: Words) -> Any | None:
    """The action of a contract; None where the search would not choose it either."""
    up = words.up
    chosen = [p for p in contract.parameters if not p.optional]
    if any(p.optional and not p.default for p in contract.parameters):
        return None
    try:
        effects = list(outcomes(contract.achieves))
    except ConditionError:
        return None
    kinds = {f"p_{p.name}": words.hand if p.type == HAND_TAG else words.thing for p in chosen}
    if contract.one_handed:
        kinds["hand_of_it"] = words.hand
    action = up.InstantaneousAction(name, **kinds)
    scope = {f"?{p.name}": action.parameter(f"p_{p.name}") for p in chosen}
    if contract.one_handed:
        scope[DEFAULT_HAND] = action.parameter("hand_of_it")
    for parameter in chosen:
        if parameter.type != HAND_TAG:
            thing = scope[f"?{parameter.name}"]
            action.add_precondition(words.tagged(parameter.type, thing))
    hands = [scope[f"?{p.name}"] for p in chosen if p.type == HAND_TAG]
    for place, hand in enumerate(hands):
        for other in hands[:place]:
            action.add_precondition(up.Not(up.Equals(other, hand)))
    needed = Condition("and", (contract.requires, contract.holds))
    action.add_precondition(words.condition(needed, scope))
    for effect in effects:
        if effect.value:
            action.add_precondition(_possible(effect, words, scope))
    words.apply(action, effects, scope)
    return action


def _possible(effect: Outcome, words: Words, scope: Mapping[str, Any]) -> Any:
    """That the scene can have what an effect makes true."""
    up, inner, bound = words.up, dict(scope), []
    for name, tag in effect.variables:
        inner[name], tagged = words.variable(name, tag)
        bound.append((inner[name], tagged))
    arguments = words.arguments(effect.atom, inner)
    out = up.FALSE()
    if arguments is not None and effect.atom.predicate in words.possible:
        out = words.possible[effect.atom.predicate](*arguments)
    for variable, tagged in reversed(bound):
        out = up.Forall(up.Or(up.Not(tagged), out), variable)
    return out
