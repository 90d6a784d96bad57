"""The descriptor of a skill: success, time and end over its parameters and the state it starts in.

It is learned from trials, and says less where it has seen less: far from all trials it falls back
to the skill's rate with a wide interval. Source: the skill descriptors of D'Ambrosio and others,
"Achieving human level competitive robot table tennis" (2024).
Legend: `N` trials, `Q` starts asked about, `F` features, `D` joints, `S` slots, `K` numbers a slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, ConfigError
from kata.datasets.types.arguments import is_number
from kata.skills.handover.features import Start, encode, feature_names

from .descriptor_kernel import Kernel, fit_kernel
from .descriptor_score import Score, fit_score

PRIOR = 1.0
"""Trials that the skill's own rate counts for, everywhere."""

SHARE = 0.5
"""What a trial counts for at most: it began like the start asked about, and not in the same one."""

MOST_TRIALS = 300
"""Trials that a descriptor keeps, the newest."""

_LEAST_TRIALS = 20
_LEAST_KIND = 5
_NEIGHBOURS = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One trial as a descriptor sees it.

    Attributes:
        values: the call's arguments.
        start, end: robot and focus before and after; without an end, it is not known.
        seed, start_kind: of the trial; equal ones are the same trial. Without a seed, it is like
            no other.
    """

    values: tuple[str, ...]
    start: Start
    success: bool
    duration_s: float
    end: Start | None = None
    seed: int | None = None
    start_kind: str = ""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of calls from Q starts.

    Attributes:
        a, b: (Q,) successes and failures that speak for each one, weighed.
        duration_s: (Q,) expected time of a success.
    """

    a: Array
    b: Array
    duration_s: Array

    @property
    def success(self) -> Array:
        """Expected rates (Q,)."""
        return self.a / (self.a + self.b)

    def quantile(self, share: float | Array) -> Array:
        """The rates below which they lie with this chance, after Jeffreys: half a trial of each."""
        from scipy.special import betaincinv

        return np.asarray(betaincinv(self.a + 0.5, self.b + 0.5, share))

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Bounds (Q,) and (Q,) of the rates."""
        tail = (1 - level) / 2
        success = self.success
        low, high = self.quantile(tail), self.quantile(1 - tail)
        return np.minimum(low, success), np.maximum(high, success)


@dataclass(frozen=True)
class SkillDescriptor:
    """Trials of one skill, and which of their features matter for success and for time.

    Attributes:
        samples: the trials.
        success: kernel of the rate.
        duration: kernel of the time that a success takes.
        score: a feature learned from all others; None where there was too little to learn from.
    """

    samples: tuple[Sample, ...]
    success: Kernel = field(default_factory=Kernel)
    duration: Kernel = field(default_factory=Kernel)
    score: Score | None = None
    _features: Array = field(init=False, repr=False, compare=False)
    _scale: tuple[Array, Array] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        raw = self.plain([s.start for s in self.samples], [s.values for s in self.samples])
        if self.score is not None:
            raw = np.column_stack([raw, self.score.held_out])
        spread = raw.std(axis=0)
        scale = (raw.mean(axis=0), np.where(spread > 1e-6, spread, np.inf))
        object.__setattr__(self, "_scale", scale)
        object.__setattr__(self, "_features", (raw - scale[0]) / scale[1])

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the F features: of a start, then of each value of an argument, and the score.

        An argument that is a number in every trial is one feature, whatever its values.
        """
        first = self.samples[0]
        numbers = feature_names(len(first.start.position), len(first.start.focus))
        marks = tuple(f"argument{slot + 1}" for slot in self._numbers)
        marks += tuple(f"argument{slot + 1} {value}" for slot, value in self._arguments)
        return numbers + marks + (("score",) if self.score is not None else ())

    def matters(self, kernel: Kernel) -> list[str]:
        """Names of the features of a kernel, for the score those that it looks at most."""
        names, found = self.feature_names, list[str]()
        for feature in kernel.features:
            scored = self.score is not None and feature == len(names) - 1
            found += (
                [names[f] for f in self.score.features()]
                if self.score and scored
                else [names[feature]]
            )
        return list(dict.fromkeys(found))

    @property
    def rate(self) -> float:
        """Share of successes, drawn to one half by a trial of each outcome."""
        return float((sum(s.success for s in self.samples) + 1) / (len(self.samples) + 2))

    def believe(self, starts: Sequence[Start], values: Sequence[tuple[str, ...]]) -> Belief:
        """What is believed of calls with these arguments from these starts, Q of each.

        Raises ConfigError for a start of another robot or another number of arguments.
        """
        queries = self._encoded(starts, values)
        good = np.array([s.success for s in self.samples])
        weights = SHARE * self.success.weights(self._features, queries)
        # Smoothing and the choice of features err too; counted in full, intervals are too narrow.
        a = PRIOR * self.rate + weights @ good
        b = PRIOR * (1 - self.rate) + weights @ ~good
        times = np.array([s.duration_s for s in self.samples])
        usual = float(times[good].mean() if good.any() else times.mean())
        weights = self.duration.weights(self._features, queries) * good
        duration = (weights @ times + usual) / (weights.sum(axis=1) + 1.0)
        return Belief(a, b, duration)

    def ends(
        self, starts: Sequence[Start], values: Sequence[tuple[str, ...]], seed: int
    ) -> list[Start] | None:
        """How successes from the like ended, one drawn for each start; None if none was seen."""
        ended = [i for i, s in enumerate(self.samples) if s.success and s.end is not None]
        if not ended:
            return None
        places = [i for i, name in enumerate(self.feature_names) if _is_place(name)]
        gap = Kernel(tuple(places)).weights(self._features[ended], self._encoded(starts, values))
        nearest = np.argsort(-gap, axis=1, kind="stable")[:, :_NEIGHBOURS]
        drawn = np.random.default_rng(seed).integers(nearest.shape[1], size=len(starts))
        found = [
            self.samples[ended[int(row[k])]].end for row, k in zip(nearest, drawn, strict=True)
        ]
        return [end for end in found if end is not None]

    @property
    def _arguments(self) -> list[tuple[int, str]]:
        numbers = set(self._numbers)
        found = {pair for s in self.samples for pair in enumerate(s.values)}
        return sorted(pair for pair in found if pair[0] not in numbers)

    @property
    def _numbers(self) -> list[int]:
        """Slots of the arguments that are numbers."""
        slots = range(len(self.samples[0].values))
        return [slot for slot in slots if all(is_number(s.values[slot]) for s in self.samples)]

    def plain(self, starts: Sequence[Start], values: Sequence[tuple[str, ...]]) -> Array:
        """Features (Q, F) before they are standardised, without the score."""
        chosen = [[float(own[slot] == v) for slot, v in self._arguments] for own in values]
        marks = np.array(chosen).reshape(len(values), len(self._arguments))
        given = [[float(own[slot]) for slot in self._numbers] for own in values]
        numbers = np.array(given).reshape(len(values), len(self._numbers))
        return np.concatenate([encode(starts), numbers, marks], axis=1)

    def _encoded(self, starts: Sequence[Start], values: Sequence[tuple[str, ...]]) -> Array:
        shape = _shape(self.samples[0].start, self.samples[0].values)
        for start, own in zip(starts, values, strict=True):
            if _shape(start, own) != shape:
                raise ConfigError(
                    "a start that this skill's trials do not have",
                    expected=f"{shape[0]} joints, {shape[1]} arguments",
                    got=f"{len(start.position)} joints, {len(own)} arguments",
                )
        raw = self.plain(starts, values)
        if self.score is not None:
            raw = np.column_stack([raw, self.score.of(raw)])
        return np.asarray((raw - self._scale[0]) / self._scale[1])


def fit_descriptor(samples: Sequence[Sample]) -> SkillDescriptor:
    """Learn a descriptor; equal trials give equal ones.

    A trial that comes several times counts once, as it went the last time.
    With fewer than 20 trials, or fewer than five of one outcome, no feature is believed to matter.

    Raises:
        ConfigError: no trials, or trials of different robots or skills.
    """
    kept = _distinct(samples)[-MOST_TRIALS:]
    if not kept:
        raise ConfigError("no trials to learn a descriptor from", expected="at least one")
    shapes = {_shape(s.start, s.values) for s in kept}
    if len(shapes) > 1:
        raise ConfigError(
            "trials that do not belong together",
            expected="one skill on one robot",
            got=" and ".join(f"{d} joints, {v} arguments" for d, v, _ in sorted(shapes)),
        )
    bare = SkillDescriptor(kept)
    good = np.array([s.success for s in kept])
    success = duration = Kernel()
    if len(kept) >= _LEAST_TRIALS and min(good.sum(), (~good).sum()) >= _LEAST_KIND:
        plain = bare.plain([s.start for s in kept], [s.values for s in kept])
        bare = SkillDescriptor(kept, score=fit_score(plain, good))
        success = fit_kernel(bare._features, lambda w: _outcome_likelihood(w, good))
    if good.sum() >= _LEAST_TRIALS:
        times = np.array([s.duration_s for s in kept])[good]
        duration = fit_kernel(bare._features[good], lambda w: _time_likelihood(w, times))
    return SkillDescriptor(kept, success, duration, bare.score)


def _distinct(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Each trial once, the last of those that are the same, oldest first."""
    found: dict[object, Sample] = {}
    for index, sample in enumerate(samples):
        trial = index if sample.seed is None else (sample.seed, sample.start_kind)
        found.pop(trial, None)
        found[trial] = sample
    return tuple(found.values())


def _outcome_likelihood(weights: Array, good: NDArray[np.bool_]) -> float:
    """Log-likelihood of each left-out outcome under what the others say."""
    rate = (good.sum() - good + 1) / (len(good) + 1)
    chance = (PRIOR * rate + weights @ good) / (PRIOR + weights.sum(axis=1))
    return float(np.log(np.where(good, chance, 1 - chance)).sum())


def _time_likelihood(weights: Array, times: Array) -> float:
    """Log-likelihood of each left-out time, normal with one variance for all."""
    usual = (times.sum() - times) / (len(times) - 1)
    expected = (weights @ times + usual) / (weights.sum(axis=1) + 1.0)
    return float(-0.5 * len(times) * np.log(np.mean((times - expected) ** 2) + 1e-9))


def _shape(start: Start, values: tuple[str, ...]) -> tuple[int, int, int]:
    return len(start.position), len(values), len(start.focus)


def _is_place(name: str) -> bool:
    of_slot = name.startswith("slot") and name.endswith(("_x", "_y", "_z"))
    return of_slot or name.startswith("argument")
