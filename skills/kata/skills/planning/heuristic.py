"""How far a state is from the goal: the cost of a relaxed plan, one that never undoes anything.

Source: Hoffmann and Nebel, "The FF planning system", JAIR 14 (2001), section 4; negative
literals are facts of their own. It may overestimate where one call serves two needs by different
conditional effects, so the search is optimal in practice rather than by proof.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .problem import Action, Need


@dataclass(frozen=True, slots=True)
class _Step:
    """One way in which an action adds bits; steps of one action share its `group`."""

    group: int
    bits: int
    need: Need
    add: int
    cost: float


def _steps(actions: Sequence[Action]) -> list[_Step]:
    steps = []
    for group, action in enumerate(actions):
        add = action.add
        freed = []
        for clear in action.derived:
            if action.add & clear.on_true:
                add |= clear.no
            else:
                freed.append((action.drop & clear.on_true, clear.yes))
        steps.append(_Step(group, action.need.bits, action.need, add, action.cost))
        for occupied, yes in freed:
            bits = action.need.bits | occupied
            need = Need(bits, action.need.choices)
            steps.append(_Step(group, bits, need, yes, action.cost))
    return sorted(steps, key=lambda step: (step.cost, step.group))


class RelaxedPlan:
    """Estimates of the cost to a goal, with these actions."""

    def __init__(self, actions: Sequence[Action], goal: Need) -> None:
        self._steps, self._goal = _steps(actions), goal

    def reachable(self, state: int) -> int:
        """All bits that any sequence of actions could ever set, deletions ignored."""
        return self._grow(state, None)[0]

    def relevant(self) -> frozenset[int]:
        """Indices of the actions that may serve the goal, directly or for each other."""
        wanted, groups, before = self._goal.mentioned(), set[int](), -1
        while wanted != before:
            before = wanted
            for step in self._steps:
                if step.add & wanted:
                    groups.add(step.group)
                    wanted |= step.need.mentioned()
        return frozenset(groups)

    def estimate(self, state: int) -> float:
        """Cost in s of a relaxed plan; infinite where not even that exists."""
        reached, chain = self._grow(state, self._goal)
        if not self._goal.holds(reached):
            return math.inf
        needed = self._goal.chosen(reached, state) & ~state
        cost, used = 0.0, set[int]()
        for step, new, before in reversed(chain):
            if needed & new:
                needed |= step.need.chosen(before, state) & ~state
                if step.group not in used:
                    used.add(step.group)
                    cost += step.cost
        return cost

    def _grow(self, state: int, goal: Need | None) -> tuple[int, list[tuple[_Step, int, int]]]:
        # Layer by layer, so that the first step to add a bit lies nearest to the state.
        reached, chain, pending = state, list[tuple[_Step, int, int]](), self._steps
        while goal is None or not goal.holds(reached):
            before, waiting = reached, []
            for step in pending:
                if step.bits & ~before or not step.need.holds(before):
                    waiting.append(step)
                    continue
                new = step.add & ~reached
                if new:
                    chain.append((step, new, before))
                    reached |= new
            if reached == before:
                break
            pending = waiting
        return reached, chain
