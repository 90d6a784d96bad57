"""Plans and refusals: what a planner may answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from kata.datasets.types import Condition, ExecutionError, Facts
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls in a partial order.

    Attributes:
        after: for each call the indices of the calls that must be done first.
        cost: expected time in s, expected failures included.
        wished: the calls with numbers, places or texts that someone asked for.
    """

    goal: Condition
    calls: tuple[Call, ...]
    after: tuple[tuple[int, ...], ...]
    cost: float
    wished: tuple[Call, ...] = ()

    @classmethod
    def sequence(cls, goal: Condition, calls: Sequence[Call], cost: float = 0.0) -> Plan:
        """A plan whose calls run one after the other."""
        after = tuple((i - 1,) if i else () for i in range(len(calls)))
        return cls(goal, tuple(calls), after, cost)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no plan; `unmet` are the goals that no known skill can reach."""

    status: Literal["missing_skill", "invalid_goal", "too_hard"]
    message: str
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that failed in these facts, so that a planner does not try it blindly again.

    Attributes:
        lasting: whether it would fail again whatever the facts, as where nothing can run it.
    """

    call: Call
    reason: str
    facts: Facts
    lasting: bool = False


class Planner(Protocol):
    """Turns a goal into a plan over the given contracts."""

    def plan(
        self,
        goal: Condition,
        facts: Facts,
        contracts: Sequence[Contract],
        failures: Sequence[Failure] = (),
    ) -> Plan | Refusal:
        """A plan whose effects, run forward from the facts, reach the goal; else why not."""


def call_order(plan: Plan) -> tuple[int, ...]:
    """Indices of the calls so that each comes after those it must wait for.

    Raises ExecutionError for an order with a cycle.
    """
    order: list[int] = []
    left = list(range(len(plan.calls)))
    while left:
        free = [i for i in left if all(j in order for j in plan.after[i])]
        if not free:
            raise ExecutionError("the plan's order has a cycle", got=str(plan.after))
        order.append(free[0])
        left.remove(free[0])
    return tuple(order)
