"""The boundary of a skill: may it start here, is it done, and where would it start well.

Legend: `D` joints, `P` stored good starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from kata.datasets.types import Array, Command, Condition, Facts, Observation
from kata.skills.contract.call import Call

from .features import Start, StartSample
from .start_model import StartModel, StartQuality, fit_start_model

MAY_START = 0.5
"""Least predicted success at which a boundary says that a skill may start."""

_POOL = 64
_TRAVEL_PER_RAD = 0.03


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer with its probability, its reason in words, and more numbers for the log."""

    ok: bool
    probability: float
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Boundary(Protocol):
    """What a skill knows about its own beginning and end."""

    def may_start(self, call: Call, observation: Observation) -> Verdict:
        """Predicted success from this state."""

    def is_done(self, call: Call, observation: Observation, facts: Facts) -> Verdict:
        """Whether what the call achieves holds now; the executor sees to how long."""

    def starts(self, call: Call, observation: Observation, count: int) -> Sequence[Command]:
        """At most `count` good states to start from, best first, at rest."""


class FactBoundary:
    """A boundary without a start model: it starts anywhere, and ends by its facts."""

    def may_start(self, call: Call, observation: Observation) -> Verdict:
        """Always; nothing is known against it."""
        return Verdict(True, 1.0, "no start model")

    def is_done(self, call: Call, observation: Observation, facts: Facts) -> Verdict:
        """By `achieves`."""
        return achieved(call, facts)

    def starts(self, call: Call, observation: Observation, count: int) -> Sequence[Command]:
        """None are known."""
        return ()


@dataclass(frozen=True)
class LearnedBoundary:
    """A start model fitted to rollouts, and the starts from which they succeeded.

    Attributes:
        model: predicts success from a start.
        position, tool: (P, D) and (P, 7) robot states of successful starts.
    """

    model: StartModel
    position: Array
    tool: Array

    @property
    def quality(self) -> StartQuality:
        """How good the start model is on held-out rollouts."""
        return self.model.quality

    def may_start(self, call: Call, observation: Observation) -> Verdict:
        """Predicted success against `MAY_START`."""
        chance = float(self.model.probability([Start.of(call.seen(observation))])[0])
        word = "at least" if chance >= MAY_START else "below"
        reason = f"predicted success {chance:.2f}, {word} {MAY_START:.2f}"
        return Verdict(chance >= MAY_START, chance, reason)

    def is_done(self, call: Call, observation: Observation, facts: Facts) -> Verdict:
        """By `achieves`."""
        return achieved(call, facts)

    def starts(self, call: Call, observation: Observation, count: int) -> Sequence[Command]:
        """Stored starts in this scene, by predicted success less the cost of travel.

        What the call requires to be held moves along with the tool, and the hand stays as it is.
        """
        if not len(self.position):
            return ()
        now = Start.of(call.seen(observation))
        carried = [i for i, name in enumerate(call.focus) if name in held(call)]
        positions = self._keep_grip(observation)
        moved = [now.moved(q, t, carried) for q, t in zip(positions, self.tool, strict=True)]
        travel = np.abs(positions - observation.position).max(axis=1)
        score = self.model.probability(moved) - _TRAVEL_PER_RAD * travel
        best = np.argsort(-score, kind="stable")[:count]
        return [Command.hold(positions[i]) for i in best]

    def _keep_grip(self, observation: Observation) -> Array:
        """Stored arm joints with the grippers as they are now."""
        positions = self.position.copy()
        grips = np.isnan(positions).any(axis=0)
        positions[:, grips] = observation.position[grips]
        return positions


def fit_boundary(
    samples: Sequence[StartSample], grippers: Sequence[int], seed: int
) -> LearnedBoundary:
    """Boundary from rollouts; `grippers` are the indices of D that a transition leaves alone."""
    good = [sample.start for sample in samples if sample.success]
    size = len(samples[0].start.position) if samples else 0
    position: Array = np.array([s.position for s in good]).reshape(len(good), size)
    tool = np.array([s.tool for s in good]).reshape(len(good), 7)
    chosen = _spread(position, _POOL)
    position = position[chosen]
    position[:, list(grippers)] = np.nan
    return LearnedBoundary(fit_start_model(samples, seed), position, tool[chosen])


def achieved(call: Call, facts: Facts) -> Verdict:
    """Whether `achieves` holds, and what is missing; hysteresis lies in the facts."""
    truth = call.achieves.evaluate(facts)
    if truth.value:
        return Verdict(True, 1.0, f"achieved {call.achieves}")
    missing = call.achieves.unmet(facts)
    return Verdict(False, 0.0, "missing " + " and ".join(missing))


def held(call: Call) -> frozenset[str]:
    """Names that the call requires to be in a hand."""
    return frozenset(_held(call.requires))


def _held(condition: Condition) -> Iterator[str]:
    if condition.atom is not None and condition.atom.predicate == "holding":
        yield condition.atom.arguments[-1]
    elif condition.kind == "and":
        for part in condition.parts:
            yield from _held(part)


def _spread(position: Array, count: int) -> list[int]:
    """Indices of `count` states far from each other: each next one is the farthest from all."""
    if len(position) <= count:
        return list(range(len(position)))
    chosen = [int(np.abs(position - np.median(position, axis=0)).max(axis=1).argmin())]
    gap = np.linalg.norm(position - position[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, np.linalg.norm(position - position[chosen[-1]], axis=1))
    return chosen
