"""What to do between two calls: start now, go on, move to a better start, or plan anew.

Each way is judged by the chance that the rest of the plan succeeds on it, as far as the boundaries
can tell; what lies after the next call is the same for all and only scales the number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from kata.datasets.types import Array, Command, Observation, Trajectory
from kata.skills.contract.call import Call

from .boundary import Boundary, held
from .curve import state
from .transition import Move, Mover, imagine
from .verdict import Verdict

Way = Literal["now", "continue", "move", "replan"]
"""Hand over at once; let the present motion go on; insert a transition; ask for another plan."""

SteppingStones = Callable[[Observation, Call, Array], Sequence[Array]]
"""Joints (D,) to pass from the present state to a start (D,) of a call, which is the last of them;
none where it knows no way. See `kata.skills.handover.graph.Stones`."""

_STILL_S = 0.1


@dataclass(frozen=True, slots=True)
class DecisionOptions:
    """When which way is taken.

    Attributes:
        gain: how much more predicted success a transition must promise than starting here, by a
            start model whose Brier skill is at least `sure_skill`; by a weaker one, as much more
            as it is weaker, for a needless transition costs success.
        patience_gain: how much more going on with the present motion must promise.
        continue_s: longest time to go on for that.
        hopeless: with a best chance below this, another plan is asked for.
        least_skill: Brier skill that a start model needs to be trusted with that.
        candidates: good starts that are judged.
        searches: for how many of them a way is looked for where the simple ones to all are barred,
            over demonstrated states and around; the robot waits meanwhile.
    """

    gain: float = 0.15
    sure_skill: float = 0.45
    patience_gain: float = 0.05
    continue_s: float = 1.5
    hopeless: float = 0.08
    least_skill: float = 0.3
    candidates: int = 8
    searches: int = 2

    def asked_gain(self, brier_skill: float) -> float:
        """The gain that a start model of this Brier skill must promise; above 1 it never can."""
        return self.gain * max(1.0, self.sure_skill / max(brier_skill, 0.01))


@dataclass(frozen=True, slots=True)
class Decision:
    """A way, with the predicted success of each and the reason in words.

    Attributes:
        here: of the next call if it starts now.
        later: if it starts where the present motion leads; NaN where nothing moves.
        there: from the best start that can be reached; NaN where none was looked for.
        chain: of the rest of the plan on the way that is taken.
        move: of the way `move`.
        numbers: for the log.
    """

    way: Way
    here: float
    later: float
    there: float
    chain: float
    reason: str
    move: Move | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides for one robot.

    Attributes:
        stones: known ways around, where the straight one to a start is barred.
    """

    mover: Mover
    options: DecisionOptions = DecisionOptions()
    stones: SteppingStones | None = None

    def decide(
        self,
        boundary: Boundary,
        call: Call,
        seen: Observation,
        running: Trajectory,
        now_s: float,
        *,
        may_continue: bool = False,
        may_replan: bool = False,
        may_move: bool = True,
        rest: float = 1.0,
    ) -> Decision:
        """What to do before `call`.

        Args:
            boundary: of the skill that comes next.
            call: the next one.
            seen: the present state, with the call's focus.
            running: what the joints follow.
            now_s: the present.
            may_continue: whether the present motion may go on for a while.
            may_replan: whether another plan may be asked for.
            may_move: whether there may be a transition; without, none is looked for.
            rest: predicted success of what comes after the call.
        """
        options = self.options
        verdict = boundary.may_start(call, seen)
        here = verdict.probability
        gain = options.asked_gain(verdict.numbers.get("brier_skill", 1.0))
        if here > 1.0 - min(gain, options.patience_gain):
            return _decision("now", verdict, here, rest=rest)
        carried = tuple(held(call) & set(seen.entities))
        later = self._later(boundary, call, seen, running, now_s, carried)
        wait = may_continue and later > here + options.patience_gain
        if here > 1.0 - gain or (may_continue and not wait):
            # Whether to move is asked once the skill has come to its end, not in each frame before.
            way: Way = "continue" if wait else "now"
            return _decision(way, verdict, here, later, rest=rest)
        if not may_move:
            move, there, refused = None, float("nan"), "no more moves"
        else:
            # While it goes on, all that counts is whether a move would be better than that.
            least = (later if wait else here) + gain
            move, there, refused = self._move(
                boundary, call, seen, running, now_s, least, carried, searches=not wait
            )
        if move is not None:
            return _decision("move", verdict, here, later, there, rest=rest, move=move)
        if wait:
            return _decision("continue", verdict, here, later, rest=rest)
        skilled = verdict.numbers.get("brier_skill", 0.0) >= options.least_skill
        best = float(np.nanmax([here, later, there]))
        way = "replan" if may_replan and skilled and best < options.hopeless else "now"
        return _decision(way, verdict, here, later, rest=rest, refused=refused)

    def aim(
        self, boundary: Boundary, call: Call, seen: Observation, running: Trajectory, now_s: float
    ) -> tuple[Move | None, float, str]:
        """The best move for a scene that has changed on the way: its success, or why there is none.

        It needs not be better than where the robot is, as in `decide`, but no worse: it moves.
        """
        here = boundary.may_start(call, seen).probability
        carried = tuple(held(call) & set(seen.entities))
        return self._move(boundary, call, seen, running, now_s, here, carried)

    def _later(
        self,
        boundary: Boundary,
        call: Call,
        seen: Observation,
        running: Trajectory,
        now_s: float,
        carried: Sequence[str],
    ) -> float:
        """Predicted success from where the present motion leads; NaN where nothing moves."""
        left_s = running.end_s - now_s
        if not _STILL_S < left_s <= self.options.continue_s:
            return float("nan")
        end = Command.hold(running.position[-1])
        then = imagine(seen, end, self.mover.kinematics, carried)
        return boundary.may_start(call, then).probability

    def _move(
        self,
        boundary: Boundary,
        call: Call,
        seen: Observation,
        running: Trajectory,
        now_s: float,
        least: float,
        carried: Sequence[str],
        *,
        searches: bool = True,
    ) -> tuple[Move | None, float, str]:
        """The move to the best start that can be reached and promises `least`, with its promise.

        Simple ways are tried to all of them before others are looked for to the first few, and all
        that shares one budget of distances. Without a move: the best promise of starts that are
        not worth one, NaN where there is none, and why.
        """
        now = state(running, now_s)
        room = self.mover.room(carried)
        barred: list[tuple[float, Array]] = []
        best, refused = float("nan"), ""
        for goal in boundary.starts(call, seen, self.options.candidates):
            then = imagine(seen, goal, self.mover.kinematics, carried)
            there = boundary.may_start(call, then).probability
            if there < least:
                best = float(np.nanmax([best, there]))
                continue
            move = self.mover.direct(now, goal.position, now_s, room, carried, seen.position)
            if isinstance(move, Move):
                return move, there, ""
            barred.append((there, goal.position))
            refused = refused or move
        for there, position in barred[: self.options.searches if searches else 0]:
            via = functools.partial(self.stones, seen, call, position) if self.stones else None
            move = self.mover.roundabout(now, position, now_s, room, carried, seen.position, via)
            if isinstance(move, Move):
                return move, there, ""
            refused = "; ".join(filter(None, (refused, move)))
        if np.isfinite(best) and not barred:
            refused = f"no start is better by enough; the best promises {best:.2f}"
        return None, best, refused or "no better start is known"


def _decision(
    way: Way,
    verdict: Verdict,
    here: float,
    later: float = float("nan"),
    there: float = float("nan"),
    *,
    rest: float,
    move: Move | None = None,
    refused: str = "",
) -> Decision:
    chosen = {"now": here, "continue": later, "move": there, "replan": here}[way]
    parts = [f"predicted success {here:.2f} here"]
    if np.isfinite(later):
        parts.append(f"{later:.2f} where this motion ends")
    if np.isfinite(there):
        parts.append(f"{there:.2f} at the chosen start")
    ends = {
        "now": "starts here",
        "continue": "goes on",
        "move": f"goes {move.way}" if move else "",
        "replan": "asks for another plan",
    }
    reason = verdict.reason if way == "now" and len(parts) == 1 else ", ".join(parts)
    reason = f"{reason}; {ends[way]}"
    if refused and way in ("now", "replan"):
        reason += f" ({refused})"
    numbers = {"here": here, "later": later, "there": there, "chain": chosen * rest}
    told = {name: value for name, value in numbers.items() if np.isfinite(value)}
    return Decision(
        way, here, later, there, chosen * rest, reason, move, {**verdict.numbers, **told}
    )
