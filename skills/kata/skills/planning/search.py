"""Cost-aware A* over states of facts.

Source: Hart, Nilsson and Raphael (1968). Ties go to the state nearer to the goal, then to the
one found first, so that equal problems give equal plans.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .heuristic import RelaxedPlan
from .problem import Action, Need


@dataclass(frozen=True, slots=True)
class Found:
    """The actions to the goal, their cost in s, and how many states were expanded."""

    actions: tuple[Action, ...]
    cost: float
    expanded: int


@dataclass(frozen=True, slots=True)
class NotFound:
    """Why not: every state was seen (`exhausted`), or the bound was reached."""

    exhausted: bool
    expanded: int


@dataclass(slots=True)
class _Memory:
    """What the search knows of each state: cost so far, estimate, and how it was reached."""

    cost: dict[int, float] = field(default_factory=dict)
    estimate: dict[int, float] = field(default_factory=dict)
    parent: dict[int, tuple[int, Action]] = field(default_factory=dict)

    def path(self, state: int) -> tuple[Action, ...]:
        actions = []
        while state in self.parent:
            state, action = self.parent[state]
            actions.append(action)
        return tuple(reversed(actions))


def search(
    start: int, goal: Need, actions: Sequence[Action], *, max_expanded: int
) -> Found | NotFound:
    """Cheapest way from a state to the goal, with at most `max_expanded` states expanded."""
    relaxed = RelaxedPlan(actions, goal)
    serving = relaxed.relevant()
    useful = [action for index, action in enumerate(actions) if index in serving]
    relaxed = RelaxedPlan(useful, goal)
    memory = _Memory(cost={start: 0.0}, estimate={start: relaxed.estimate(start)})
    queue = [(memory.estimate[start], memory.estimate[start], 0, start)]
    done: set[int] = set()
    pushed = 0
    while queue:
        total, _, _, state = heapq.heappop(queue)
        if math.isinf(total):
            break
        if state in done:
            continue
        if goal.holds(state):
            return Found(memory.path(state), memory.cost[state], len(done))
        if len(done) >= max_expanded:
            return NotFound(False, len(done))
        done.add(state)
        for action in useful:
            if not action.need.holds(state):
                continue
            new, cost = action.apply(state), memory.cost[state] + action.cost
            if cost >= memory.cost.get(new, math.inf) - 1e-9:
                continue
            if new not in memory.estimate:
                memory.estimate[new] = relaxed.estimate(new)
            memory.cost[new], memory.parent[new] = cost, (state, action)
            done.discard(new)  # the estimate is not consistent: a better way reopens a state
            pushed += 1
            heapq.heappush(queue, (cost + memory.estimate[new], memory.estimate[new], pushed, new))
    return NotFound(True, len(done))
