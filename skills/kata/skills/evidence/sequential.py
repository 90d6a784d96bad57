"""A paired test that looks after every pair and stops as soon as it knows.

The pairs that differ are, if both rates are equal, tosses of a fair coin, whatever the pairs in
between. So the balance of wins is a fair random walk, and its law is computed exactly, paths that
were stopped left out. After trial t the test stops where the balance is so extreme that all paths
stopped so far have together at most the chance `alpha (t / max_trials) ** _RHO`: an exact group
sequential design with a look after each trial.

Sources: Lan and DeMets, Biometrika 70 (1983) and Statistics in Medicine 8 (1989), spending of
alpha over calendar time; Kim and DeMets, Biometrika 74 (1987), powers of it; Armitage, McPherson
and Rowe, JRSS A 132 (1969), the recursion; Tsiatis, Rosner and Mehta, Biometrics 40 (1984), the
order of outcomes for the p-value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from kata.datasets.types import Array, ConfigError

from .paired import PairedOutcomes

Decision = Literal["a", "b", "undecided"]

_RHO = 2


@dataclass(frozen=True, slots=True)
class SequentialTest:
    """A two-sided paired test at level `alpha`, of at most `max_trials` pairs.

    Attributes:
        alpha: chance to decide at all if both rates are equal, over all looks together.
        max_trials: pairs at most; the last look spends what is left of `alpha`.
        outcomes: the pairs so far.
        decision: who is better, or `undecided`.
        p_value: 1 until the test ends; then the chance, under equal rates, of an end that is as
            early and as clear. It is valid at whatever pair it is read, and at most `alpha`
            where there is a decision.

    Raises:
        ConfigError: a level outside (0, 1), or no trials.
    """

    alpha: float = 0.05
    max_trials: int = 200
    outcomes: PairedOutcomes = field(default_factory=lambda: PairedOutcomes(0, 0, 0, 0))
    decision: Decision = "undecided"
    p_value: float = 1.0
    _walk: Array = field(default_factory=lambda: np.ones(1), repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ConfigError("not an alpha", expected="between 0 and 1", got=f"{self.alpha}")
        if self.max_trials < 1:
            raise ConfigError(
                "no trials", where="max_trials", expected="1 or more", got=f"{self.max_trials}"
            )

    @property
    def trials(self) -> int:
        """Pairs so far."""
        return self.outcomes.trials

    @property
    def done(self) -> bool:
        """Whether it has ended: by a decision, or by its last trial."""
        return self.decision != "undecided" or self.trials >= self.max_trials

    def add(self, a: bool, b: bool) -> SequentialTest:
        """The test after one more pair. Raises ConfigError where it has ended already."""
        if self.done:
            raise ConfigError(
                "a pair for a test that has ended",
                expected=f"no more after pair {self.trials}",
                got=f"decision {self.decision}",
                hint="stop where the test is done; later pairs belong to another test",
            )
        pair = PairedOutcomes.of([a], [b])
        outcomes = PairedOutcomes(
            self.outcomes.both + pair.both,
            self.outcomes.only_a + pair.only_a,
            self.outcomes.only_b + pair.only_b,
            self.outcomes.neither + pair.neither,
        )
        walk = stepped(self._walk) if a != b else self._walk
        stopped = 1.0 - float(self._walk.sum())
        balance = outcomes.only_a - outcomes.only_b
        limit = int(stop_limit(walk, spent(self.alpha, outcomes.trials / self.max_trials)))
        decision: Decision = "undecided"
        if abs(balance) >= limit:
            decision = "a" if balance > 0 else "b"
        ends = decision != "undecided" or outcomes.trials == self.max_trials
        p_value = min(stopped + float(walk[abs(balance) :].sum()), 1.0) if ends else 1.0
        return replace(
            self, outcomes=outcomes, decision=decision, p_value=p_value, _walk=_kept(walk, limit)
        )

    def add_all(self, pairs: Iterable[tuple[bool, bool]]) -> SequentialTest:
        """The test after these pairs, or after the one that ended it; the others are left."""
        test = self
        for a, b in pairs:
            if test.done:
                break
            test = test.add(a, b)
        return test

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            **self.outcomes.to_data(),
            "decision": self.decision,
            "p_value": self.p_value,
            "alpha": self.alpha,
            "max_trials": self.max_trials,
        }


def spent(alpha: float, share: float | Array) -> Any:
    """Error that may be spent by the time when this share of the trials is done."""
    return alpha * share**_RHO


def stepped(walk: Array) -> Array:
    """The law of the balance after one more pair that differs.

    Args:
        walk: (..., K) chance of each absolute balance 0 ... K - 1, of paths not stopped.

    Returns:
        (..., K + 1), the same after a fair step.
    """
    new = np.zeros((*walk.shape[:-1], walk.shape[-1] + 1))
    half = walk / 2
    new[..., 1:] += half
    new[..., 1] += half[..., 0]  # from 0 both steps lead to 1
    new[..., : walk.shape[-1] - 1] += half[..., 1:]
    return new


def stop_limit(walk: Array, budget: float | Array) -> Any:
    """Least absolute balance that stops now, K where none does.

    Args:
        walk: (..., K) as for `stepped`.
        budget: (...) chance that may be stopped until now, under equal rates.
    """
    tail = np.cumsum(walk[..., ::-1], axis=-1)[..., ::-1]
    stopped = 1.0 - tail[..., :1]
    stops = stopped + tail <= np.asarray(budget)[..., None]
    return walk.shape[-1] - stops.sum(axis=-1)


def _kept(walk: Array, limit: int) -> Array:
    """The walk without the paths that stop now."""
    kept = walk.copy()
    kept[limit:] = 0.0
    return kept
