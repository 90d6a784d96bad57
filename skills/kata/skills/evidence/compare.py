"""Candidates on the same seeds: who succeeds more often, and who needs less to do it.

Outcomes of a candidate are mappings with `success`, `duration_s`, `path_m`, `jerk` and
`limits_hit`, as `Trial.to_data` gives them, one a seed, in one order of seeds for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from kata.datasets.types import ConfigError

from .interval import Interval
from .paired import PairedOutcomes
from .paired_measure import PairedMeasure
from .power import trials_needed
from .sequential import Decision, SequentialTest
from .several import holm, letters

Outcome = Mapping[str, Any]

MEASURES = ("duration_s", "path_m", "peak_jerk", "limits_hit")
"""Time, way of the tool, greatest jerk in rad/s^3, servo periods at a joint's limit."""


@dataclass(frozen=True, slots=True)
class PairComparison:
    """Candidate a against candidate b.

    Attributes:
        alpha: two-sided level of the decision.
        p_value: of the exact McNemar test, adjusted where there are several candidates, or of a
            sequential test.
        decision: who succeeds more often, or `undecided`.
        measures: over the seeds on which both succeeded: a trial that failed took no time to
            speak of, or all there was.
    """

    outcomes: PairedOutcomes
    alpha: float
    p_value: float
    decision: Decision
    measures: tuple[PairedMeasure, ...]

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        low, high = self.outcomes.newcombe(1 - self.alpha)
        return {
            "difference": round(self.outcomes.difference, 6),
            "interval": [round(low, 6), round(high, 6)],
            "p_value": self.p_value,
            "decision": self.decision,
            "trials": self.outcomes.trials,
            "alpha": self.alpha,
            "pairs": self.outcomes.to_data(),
            "measures": {measure.name: measure.to_data() for measure in self.measures},
        }


def compare_pair(
    a: Sequence[Outcome], b: Sequence[Outcome], alpha: float = 0.05, p_value: float | None = None
) -> PairComparison:
    """Compare two candidates at a two-sided level.

    `p_value` replaces McNemar's where it was adjusted. Raises ConfigError for unequal numbers.
    """
    outcomes = pairs_of(a, b)
    p = outcomes.mcnemar() if p_value is None else p_value
    return PairComparison(outcomes, alpha, p, _decide(outcomes, p, alpha), measures_of(a, b))


def compare_sequentially(
    a: Sequence[Outcome], b: Sequence[Outcome], alpha: float, most: int
) -> PairComparison | None:
    """Look at one pair after the other; None while it is too early to stop.

    Pairs after the one that decided are left out, whoever ran them.
    """
    test = SequentialTest(alpha=alpha, max_trials=most)
    test = test.add_all(zip(successes(a), successes(b), strict=True))
    if not test.done:
        return None
    used = test.trials
    found = measures_of(a[:used], b[:used])
    return PairComparison(test.outcomes, alpha, test.p_value, test.decision, found)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Several candidates, each against each.

    Attributes:
        order: the names, most successes first.
        rates: success of each.
        pairs: the comparison of each pair, its p-value adjusted by Holm.
        letters: candidates that share a letter were not told apart.
    """

    order: tuple[str, ...]
    rates: Mapping[str, Interval]
    pairs: Mapping[tuple[str, str], PairComparison]
    letters: Mapping[str, str]

    @property
    def decision(self) -> str:
        """The one candidate that is better than every other, or `undecided`."""
        best, rest = self.order[0], self.order[1:]
        apart = all(not set(self.letters[best]) & set(self.letters[name]) for name in rest)
        return best if apart else "undecided"


def rank(outcomes: Mapping[str, Sequence[Outcome]], alpha: float = 0.05) -> Ranking:
    """Compare all pairs of candidates; the chance of any wrong difference is at most `alpha`.

    Raises ConfigError for unequal numbers of outcomes.
    """
    rates = {name: rate_of(each) for name, each in outcomes.items()}
    order = tuple(sorted(rates, key=lambda name: -rates[name].successes))
    raw = {(a, b): pairs_of(outcomes[a], outcomes[b]).mcnemar() for a, b in combinations(order, 2)}
    pairs = {
        (a, b): compare_pair(outcomes[a], outcomes[b], alpha, adjusted)
        for (a, b), adjusted in holm(raw).items()
    }
    apart = [pair for pair, found in pairs.items() if found.decision != "undecided"]
    return Ranking(order, rates, pairs, letters(order, apart))


def pairs_of(a: Sequence[Outcome], b: Sequence[Outcome]) -> PairedOutcomes:
    """How often both, one and none succeeded. Raises ConfigError for unequal numbers."""
    return PairedOutcomes.of(successes(a), successes(b))


def successes(outcomes: Sequence[Outcome]) -> list[bool]:
    """Whether each succeeded."""
    return [bool(outcome["success"]) for outcome in outcomes]


def rate_of(outcomes: Sequence[Outcome]) -> Interval:
    """Success rate with Wilson's interval of 95 %."""
    return Interval.of(sum(successes(outcomes)), len(outcomes))


def measures_of(
    a: Sequence[Outcome], b: Sequence[Outcome], level: float = 0.95
) -> tuple[PairedMeasure, ...]:
    """Every measure over the seeds on which both succeeded; none where there is no such seed."""
    both = [(x, y) for x, y in zip(a, b, strict=True) if x["success"] and y["success"]]
    found = (
        PairedMeasure.of(
            name, [measure(x, name) for x, _ in both], [measure(y, name) for _, y in both], level
        )
        for name in MEASURES
    )
    return tuple(each for each in found if each is not None)


def measure(outcome: Outcome, name: str) -> float:
    """One of `MEASURES` of an outcome."""
    if name == "peak_jerk":
        return float(outcome["jerk"]["peak"])
    if name == "limits_hit":
        return float(sum(sum(joints.values()) for joints in outcome["limits_hit"].values()))
    return float(outcome[name])


def needed(outcomes: PairedOutcomes, gap: float, power: float, alpha: float) -> int | None:
    """Trials for which a difference would be found with chance `power`; None if there is none.

    Args:
        outcomes: the pairs seen: they give the middle rate and how much seeds agree.
        gap: the difference of the rates; 0 for the one that was seen.
        power: in (0, 1).
        alpha: two-sided level.

    Raises ConfigError for a gap that two rates cannot have.
    """
    if not 0 <= gap < 1:
        raise ConfigError("an impossible gap", where="gap", expected="0 to 1", got=f"{gap}")
    n = outcomes.trials
    if not n or (not gap and not outcomes.difference):
        return None
    gap = gap or abs(outcomes.difference)
    middle = (outcomes.successes_a + outcomes.successes_b) / 2 / n
    high = min(max(middle + gap / 2, gap), 1.0)
    low = high - gap
    seen = (outcomes.both + outcomes.neither) / n
    # Two rates bound how often their outcomes can agree.
    agreement = min(max(seen, abs(high + low - 1)), 1 - gap)
    return trials_needed(high, low, power, alpha, agreement)


def _decide(outcomes: PairedOutcomes, p_value: float, alpha: float) -> Decision:
    if p_value > alpha or not outcomes.difference:
        return "undecided"
    return "a" if outcomes.difference > 0 else "b"
