"""Puts the numbers and the hand that a sentence asks for into the calls of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from kata.datasets.types import DEFAULT_HAND, ConditionError
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import Parameter
from kata.skills.planning.plan import Plan

from .measures import Measure, Wish


class UnboundError(Exception):
    """No call can take what was asked for; the text says why, for the user."""


def offered(contracts: Iterable[Contract], wishes: Sequence[Wish]) -> tuple[Contract, ...]:
    """The contracts with the numbers that were asked for where one has no default.

    A search fills in defaults alone: without this it could not choose such a skill.
    """
    measures = [measure for wish in wishes for measure in wish.measures]
    return tuple(_filled(contract, measures) for contract in contracts)


def _filled(contract: Contract, measures: Sequence[Measure]) -> Contract:
    parameters = tuple(_with_default(parameter, measures) for parameter in contract.parameters)
    return replace(contract, parameters=parameters)


def _with_default(parameter: Parameter, measures: Sequence[Measure]) -> Parameter:
    """The parameter with the number that was asked for; the least one where that is no good."""
    fits = next((measure for measure in measures if measure.fits(parameter)), None)
    if fits is None or parameter.default:
        return parameter
    try:
        return replace(parameter, default=fits.bound(parameter))
    except ConditionError:
        return replace(parameter, default=parameter.canonical(parameter.low))


def bound(plan: Plan, wishes: Sequence[Wish], contracts: Sequence[Contract]) -> Plan:
    """The plan with what was asked for in the calls that serve it.

    Raises UnboundError where no call takes a number, where it is out of range, or where no call
    is done with a hand.
    """
    known = {contract.key: contract for contract in contracts}
    calls = [Call(known[call.contract.key], call.values, call.hand) for call in plan.calls]
    for wish in wishes:
        for measure in wish.measures:
            _bind(calls, wish, measure)
        if wish.hand:
            _hand(calls, wish)
    wished = tuple(new for old, new in zip(plan.calls, calls, strict=True) if _said(old, new))
    return replace(plan, calls=tuple(calls), wished=wished)


def _said(old: Call, new: Call) -> bool:
    """Whether something but the hand was asked for."""
    return new.by(old.hand).values != old.values


def _bind(calls: list[Call], wish: Wish, measure: Measure) -> None:
    for index in _serving(calls, wish):
        names = [p.name for p in calls[index].contract.parameters if measure.fits(p)]
        if not names:
            continue
        parameter = next(p for p in calls[index].contract.parameters if p.name == names[0])
        try:
            calls[index] = calls[index].with_values(**{names[0]: measure.bound(parameter)})
        except ConditionError as error:
            raise UnboundError(f"{error.what}: {error.expected}, and not {error.got}") from None
        return
    done = ", ".join(str(call) for call in calls) or "nothing to do"
    raise UnboundError(f"'{measure.text}' is not understood: nothing in it takes that ({done})")


def _hand(calls: list[Call], wish: Wish) -> None:
    things = {name for atom in wish.atoms for name in atom.arguments}
    free = [i for i, call in enumerate(calls) if call.contract.one_handed]
    chosen = [i for i in free if set(calls[i].objects) & things] or free
    for index in chosen:
        if calls[index].hand != DEFAULT_HAND:
            calls[index] = calls[index].by(wish.hand)


def _serving(calls: Sequence[Call], wish: Wish) -> list[int]:
    """Indices of the calls that make true what was asked for, then of those about its things."""
    things = {name for atom in wish.atoms for name in atom.arguments}
    making = [i for i, call in enumerate(calls) if set(call.achieves.atoms()) & set(wish.atoms)]
    about = [i for i, call in enumerate(calls) if set(call.objects) & things]
    return list(dict.fromkeys([*making, *about]))
