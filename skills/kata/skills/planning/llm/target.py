"""What a proposal is held against: the goals of a sentence, and whether calls reach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kata.datasets.types import Atom, Condition, ConditionError, Facts
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract

from ..check import check_plan
from ..effects import after
from ..language import bound
from ..language.measures import Wish
from ..plan import Plan


@dataclass(frozen=True, slots=True)
class Target:
    """Where calls should lead.

    Attributes:
        stages: what should hold at some time, one after the other.
        goal: what should hold at the end.
        reference: the symbolic planner's plan there; None where it found none in its bounds.
        wishes: numbers and hands that were asked for.
    """

    stages: tuple[Condition, ...]
    goal: Condition
    reference: Plan | None = None
    wishes: tuple[Wish, ...] = ()

    @classmethod
    def of(cls, goal: Condition, reference: Plan | None = None) -> Target:
        """A single goal."""
        return cls((goal,), goal, reference)

    def stage(self, calls: Sequence[Call], facts: Facts) -> int:
        """How many stages these calls, which must be sound, go through."""
        done = self._passed(0, facts)
        for call in calls:
            facts = after(call, facts)
            done = self._passed(done, facts)
        return done

    def reached(self, calls: Sequence[Call], facts: Facts) -> bool:
        """Whether the calls are sound from these facts, go through all stages, and end there."""
        if not is_sound(calls, facts):
            return False
        end = ends(calls, facts)
        stages = self.stage(calls, facts)
        return stages == len(self.stages) and self.goal.plain().evaluate(end).value is True

    def as_asked(self, calls: Sequence[Call], contracts: Sequence[Contract]) -> tuple[Call, ...]:
        """The calls with the numbers and hands that were asked for.

        Raises UnboundError where none of them takes such a number, or can.
        """
        if not self.wishes:
            return tuple(calls)
        return bound(Plan.sequence(self.goal, calls), self.wishes, contracts).calls

    def counts(self, calls: Sequence[Call], facts: Facts) -> tuple[int, ...]:
        """How many of these calls, which must reach the target, each stage takes."""
        ends_at: list[int] = []
        done = self._passed(0, facts)
        ends_at += [0] * done
        for number, call in enumerate(calls, 1):
            facts = after(call, facts)
            now = self._passed(done, facts)
            ends_at += [number] * (now - done)
            done = now
        # What comes after the last stage keeps what is asked for, and belongs to it.
        ends_at[-1:] = [len(calls)]
        return tuple(end - begin for begin, end in zip((0, *ends_at), ends_at, strict=False))

    def _passed(self, done: int, facts: Facts) -> int:
        while done < len(self.stages) and self.stages[done].plain().evaluate(facts).value:
            done += 1
        return done


def literals_of(goal: Condition, facts: Facts) -> Mapping[Atom, bool] | None:
    """The literals of a conjunction; None for a goal that leaves a choice."""
    try:
        return goal.literals(facts.table)
    except ConditionError:
        return None


def ends(calls: Sequence[Call], facts: Facts) -> Facts:
    """The facts after sound calls."""
    for call in calls:
        facts = after(call, facts)
    return facts


def is_sound(calls: Sequence[Call], facts: Facts) -> bool:
    """Whether each call may come when it comes, and this scene can have what it does."""
    try:
        return not check_plan(Plan.sequence(Condition("true"), calls), facts)
    except ConditionError:
        return False  # an effect without a single outcome


def sound_prefix(calls: Sequence[Call], facts: Facts) -> tuple[Call, ...]:
    """The longest beginning of the calls that is sound."""
    count = 0
    while count < len(calls) and is_sound(calls[count : count + 1], facts):
        facts = after(calls[count], facts)
        count += 1
    return tuple(calls[:count])


def without_needless(calls: Sequence[Call], target: Target, facts: Facts) -> tuple[Call, ...]:
    """The calls without those that the target is reached without.

    Each call in turn is left out with all that then cannot come any more, for good if the target
    is still reached. Source: Nakhost and Mueller, "Action elimination and plan neighborhood graph
    search", ICAPS (2010), section 3.
    """
    kept = list(calls)
    at = 0
    while at < len(kept):
        tried = kept[:at] + _possible(kept[at + 1 :], ends(kept[:at], facts))
        if target.reached(tried, facts):
            kept = tried
        else:
            at += 1
    return tuple(kept)


def _possible(calls: Sequence[Call], facts: Facts) -> list[Call]:
    kept = []
    for call in calls:
        if is_sound([call], facts):
            kept.append(call)
            facts = after(call, facts)
    return kept
