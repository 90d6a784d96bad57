"""From the descriptors of skills to predictions: of a single call, and of a whole chain.

A chain is played through by a few drawn courses: each call begins where the one before it ended,
as like trials ended. What no earlier call was about stays where it is seen now. The interval
shows how little is known of the rates, not the spread of courses.
Legend: `P` courses, `U` quantiles, `K` numbers an entity.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kata.datasets.types import Array, Condition, EntityState, Facts, Observation
from kata.skills.contract.call import Call
from kata.skills.handover.boundary import held
from kata.skills.handover.features import Start
from kata.skills.planning.descriptor import Prediction

from .descriptor import Belief, SkillDescriptor

_COURSES, _QUANTILES = 32, 64
_BEGINNINGS = 8
_GOOD_STARTS = 12
_MAY_START, _LEAST_BETTER = 0.5, 0.15


@dataclass(frozen=True)
class Forecast:
    """Predictions by descriptors, from what is seen now; a planner's `Predictor`.

    Attributes:
        descriptors: by skill, of other versions by `Contract.key`; one that is absent was never
            measured.
        observe: what is seen now, as a world's `observe`.
        seed: of the drawn courses; equal seeds give equal predictions.
    """

    descriptors: Mapping[str, SkillDescriptor]
    observe: Callable[[], Observation]
    seed: int = 0

    def calls(self, calls: Sequence[Call], facts: Facts) -> Sequence[Prediction | None]:
        """One for each call, as if it came next.

        Where a call cannot start yet, it is predicted from starts of its own trials, with what its
        unmet conditions do not mention put where it is seen now.
        """
        seen = self.observe()
        found: list[Prediction | None] = [None] * len(calls)
        known = [self._descriptor(call) if _seen(call, seen) else None for call in calls]
        for descriptor in self.descriptors.values():
            chosen = [i for i, own in enumerate(known) if own is descriptor]
            begun = [self._beginnings(calls[i], facts, seen, descriptor) for i in chosen]
            starts = [start for each in begun for start in each]
            if not starts:
                continue
            sizes = [len(each) for each in begun]
            values = [
                calls[i].values for i, size in zip(chosen, sizes, strict=True) for _ in range(size)
            ]
            belief = descriptor.believe(starts, values)
            for i, part in zip(chosen, _parts(belief, sizes), strict=True):
                found[i] = part
        return found

    def chain(self, calls: Sequence[Call], *, moves: bool = False) -> Prediction | None:
        """Success of all calls in turn, none of them tried twice.

        Args:
            calls: in their order.
            moves: whether the robot moves to a better start where one is predicted to fail.

        Returns:
            The prediction; None if a skill was never measured, or a call is about something that
            is not seen.
        """
        seen = self.observe()
        if not all(self._descriptor(call) and _seen(call, seen) for call in calls):
            return None
        course = _Courses(seen, self.seed)
        expected, chance = np.ones(_COURSES), np.ones((_QUANTILES, _COURSES))
        duration = 0.0
        for number, call in enumerate(calls):
            descriptor = self._descriptor(call)
            assert descriptor is not None
            starts = course.starts(call, descriptor)
            values = [call.values] * _COURSES
            belief = descriptor.believe(starts, values)
            if moves:
                starts, belief = _moved(call, descriptor, starts, belief)
            expected *= belief.success
            chance *= _rates(belief, call.contract.name, self.seed)
            duration += float(belief.duration_s.mean())
            course.go_on(call, descriptor.ends(starts, values, self.seed + number))
        success = float(expected.mean())
        low, high = np.quantile(chance.mean(axis=1), [0.025, 0.975])
        return Prediction(success, min(float(low), success), max(float(high), success), duration)

    def _descriptor(self, call: Call) -> SkillDescriptor | None:
        """That of the call's version, by key; by name, that of the version in use."""
        contract = call.contract
        return self.descriptors.get(contract.key) or self.descriptors.get(contract.name)

    def _beginnings(
        self, call: Call, facts: Facts, seen: Observation, descriptor: SkillDescriptor
    ) -> list[Start]:
        if call.requires.evaluate(facts).value:
            return [Start.of(call.seen(seen))]
        moved = {*held(call), *_mentioned(call.requires.unmet(facts))}
        return _own_starts(call, descriptor, seen, moved, _BEGINNINGS)


class _Courses:
    """Where the robot and the things are in each of P courses, as far as that is known."""

    def __init__(self, seen: Observation, seed: int) -> None:
        self._seen, self._seed = seen, seed
        self._rows: dict[str, Array] = {}
        self._moved: set[str] = set()
        self._robot: list[tuple[Array, Array]] | None = None
        self._begun = False

    def starts(self, call: Call, descriptor: SkillDescriptor) -> list[Start]:
        """Where the call begins, in each course."""
        if not self._begun:
            return [Start.of(call.seen(self._seen))] * _COURSES
        if self._robot is None:
            return _own_starts(call, descriptor, self._seen, self._moved, _COURSES)
        rows = [self._row(thing) for thing in call.seen(self._seen).focused()]
        return [
            Start(position, tool, np.array([row[i] for row in rows]).reshape(len(rows), -1))
            for i, (position, tool) in enumerate(self._robot)
        ]

    def go_on(self, call: Call, ends: list[Start] | None) -> None:
        """The call is done, and left robot and focus so; None if nobody knows how."""
        self._begun = True
        self._moved |= set(call.focus)
        self._robot = None if ends is None else [(end.position, end.tool) for end in ends]
        for slot, name in enumerate(call.focus):
            if ends is None:
                self._rows.pop(name, None)
            else:
                self._rows[name] = np.array([end.focus[slot] for end in ends])

    def _row(self, thing: EntityState) -> Array:
        return self._rows.get(thing.name, np.tile(thing.row(), (_COURSES, 1)))


def _own_starts(
    call: Call,
    descriptor: SkillDescriptor,
    seen: Observation,
    moved: Collection[str],
    count: int,
) -> list[Start]:
    """Starts of the skill's own trials, spread over them; what was not moved lies where it is."""
    samples = descriptor.samples
    chosen = np.linspace(0, len(samples) - 1, count).round().astype(int)
    starts = []
    for start in (samples[i].start for i in chosen):
        focus = start.focus.copy()
        for slot, thing in enumerate(call.seen(seen).focused()):
            if thing.name not in moved:
                focus[slot] = thing.row()
        starts.append(Start(start.position, start.tool, focus))
    return starts


def _moved(
    call: Call, descriptor: SkillDescriptor, starts: list[Start], belief: Belief
) -> tuple[list[Start], Belief]:
    """The courses after a move to a better start, where one is needed and there is one."""
    poor = np.flatnonzero(belief.success < _MAY_START)
    good = [sample.start for sample in descriptor.samples if sample.success]
    if not len(poor) or not good:
        return starts, belief
    chosen = np.linspace(0, len(good) - 1, _GOOD_STARTS).round().astype(int)
    carried = [slot for slot, name in enumerate(call.focus) if name in held(call)]
    starts = list(starts)
    for i in poor:
        options = [starts[i].moved(good[k].position, good[k].tool, carried) for k in chosen]
        chances = descriptor.believe(options, [call.values] * len(options)).success
        if chances.max() >= belief.success[i] + _LEAST_BETTER:
            starts[i] = options[int(chances.argmax())]
    return starts, descriptor.believe(starts, [call.values] * len(starts))


def _rates(belief: Belief, skill: str, seed: int) -> Array:
    """Rates (U, P) that the belief holds possible: one quantile for all calls of a skill."""
    middle = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    order = np.random.default_rng([seed, *skill.encode()]).permutation(_QUANTILES)
    return belief.quantile(middle[order][:, None])


def _parts(belief: Belief, sizes: Sequence[int]) -> list[Prediction]:
    """A prediction for each run of starts: its mean, with the mean of the counts."""
    edges = np.cumsum([0, *sizes[:-1]])
    size = np.array(sizes)
    a, b, duration = (
        np.add.reduceat(x, edges) / size for x in (belief.a, belief.b, belief.duration_s)
    )
    joined = Belief(a, b, duration)
    low, high = joined.interval()
    return [
        Prediction(*map(float, each))
        for each in zip(joined.success, low, high, duration, strict=True)
    ]


def _seen(call: Call, seen: Observation) -> bool:
    return not call.unseen(seen)


def _mentioned(texts: Sequence[str]) -> set[str]:
    """Names in conditions."""
    atoms = (atom for text in texts for atom in Condition.parse(text).atoms())
    return {name for atom in atoms for name in atom.arguments}
