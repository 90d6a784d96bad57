"""When a version of a skill is promoted: the one rule, for `kata publish` and for the demo.

- The first version: the lower bound of its success rate is at least 0.8. Clopper-Pearson, because
  its error is at most what it says at every rate; 95 % two-sided at the first attempt.
- A later one: on the same seeds as the best version ever promoted, it succeeds more often (exact
  McNemar test), or it is less than 5 points worse (Tango's score test) and, on the same seeds, it
  is what its reason says: faster, smaller or safer.

Neither is promoted while its contract lies: see `rule_on_contract`.

Attempts against the same best version share one error budget, see `budget`. Every test here is
two-sided at what the attempt may spend, so that its two ways to be promoted by chance, half of that
each, spend no more together. Only a version that was shown to be better becomes the best one:
steps of almost 5 points downwards cannot add up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from kata.datasets.types import UnknownNameError

from .budget import attempt_alpha
from .compare import Outcome, measure, pairs_of
from .fidelity_findings import EVERY_START, MOST_BROKEN, MOST_CHANGES, Finding, lies
from .interval import Interval
from .paired import PairedOutcomes
from .paired_margin import least_difference, margin_p_value
from .paired_measure import PairedMeasure, mean_at_most

Reason = Literal["faster", "smaller", "safer"]
REASONS: tuple[Reason, ...] = get_args(Reason)
"""What may speak for a version that is not better."""

LEAST_RATE = 0.8
"""A first version succeeds at least so often, by its lower bound."""

MARGIN = 0.05
"""A version that is promoted for a reason is less than this worse."""

SMALLER = 0.9
"""A smaller policy has at most this share of the other's bytes."""

MORE = 0.1
"""What a safer version may need more on average, of limits and of jerk: a share of the other's."""

PERIODS = 1.0
"""Or so many periods at a limit a trial, where that is more: the other may never reach one."""

GUARD = 0.05
"""Two-sided level, at every attempt, at which more of one is seen that no share excuses."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rule says.

    Attributes:
        promoted: whether the version is.
        ground: `first`, `better`, one of `REASONS`, or empty where it is not promoted.
        text: why, in words.
        tests: every number that was looked at.
    """

    promoted: bool
    ground: str
    text: str
    tests: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """What is said for a version that may not be better, and the bytes of both policies.

    Raises UnknownNameError for another reason.
    """

    reason: str
    bytes_new: int = 0
    bytes_best: int = 0

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise UnknownNameError("reason", self.reason, REASONS, where="reason")


def rule_on_first(rate: Interval, attempt: int) -> Ruling:
    """Whether a first version is promoted, by a count of successes and the attempt's number."""
    level = min(1 - 2 * attempt_alpha(attempt), 1 - 1e-9)
    exact = Interval.of(rate.successes, rate.trials, level, "clopper-pearson")
    promoted = bool(rate.trials) and exact.low >= LEAST_RATE
    told = f"at least {100 * exact.low:.1f} % with {100 * level:.4g} % confidence"
    asked = f"{100 * LEAST_RATE:.0f} % is asked for"
    tests = {
        **exact.to_data(),
        "level": level,
        "method": "clopper-pearson",
        "least_rate": LEAST_RATE,
    }
    if promoted:
        return Ruling(True, "first", f"{told}; {asked}", tests)
    return Ruling(False, "", f"{rate.successes} of {rate.trials} is {told}; {asked}", tests)


def rule_on_next(
    new: Sequence[Outcome], best: Sequence[Outcome], attempt: int, claim: Claim | None = None
) -> Ruling:
    """Whether a version is promoted, by outcomes of both on the same seeds.

    Args:
        new: of the version.
        best: of the best one ever promoted.
        attempt: its number among the attempts against that one.
        claim: why a version that is not better should be promoted all the same.

    Raises:
        ConfigError: unequal numbers of outcomes.
    """
    outcomes = pairs_of(new, best)
    ruling = rule_on_pairs(outcomes, attempt)
    if ruling.promoted or claim is None:
        return ruling
    alpha = attempt_alpha(attempt)
    worse = margin_p_value(outcomes, MARGIN)
    low = least_difference(outcomes, alpha / 2)
    holds, told, test = _check(claim, new, best, alpha)
    margin = {"margin": MARGIN, "margin_p_value": worse, "margin_low": round(low, 6)}
    tests = {**ruling.tests, **margin, claim.reason: test}
    if worse > alpha / 2:
        points = f"the difference is {100 * low:+.1f} points at worst"
        text = f"it may be {100 * MARGIN:.0f} points worse or more: {points}"
        return Ruling(False, "", text, tests)
    if not holds:
        return Ruling(False, "", f"{ruling.text}, and {told}", tests)
    return Ruling(True, claim.reason, f"not worse by {100 * MARGIN:.0f} points, and {told}", tests)


def rule_on_contract(ruling: Ruling, found: Sequence[Finding]) -> Ruling:
    """The same ruling, unless what was found beyond chance says that the contract lies.

    How often a version succeeds is judged by its trials, so that this is not held against it
    again; from which starts it fails, what it claims and what it changes are. What was seen more
    often than a contract may be wrong, and is not beyond chance, is told in the ruling's words.
    """
    told = [each for each in lies(found) if each.subject != EVERY_START]
    tests = {**ruling.tests, "lies": [each.to_data() for each in told]}
    if not ruling.promoted or not told:
        text = "; ".join((ruling.text, *map(_noted, _doubts(found))))
        return Ruling(ruling.promoted, ruling.ground, text, tests)
    worst = told[0]
    share = f"in {worst.rate.successes} of {worst.rate.trials} executions"
    more = f", and {len(told) - 1} more" if len(told) > 1 else ""
    text = f"its contract lies: {worst.subject} {worst.text}, {share}{more}"
    return Ruling(False, "", text, tests)


def _doubts(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Notes on what was seen more often than it may be: perhaps chance, perhaps a lie."""
    most = {"achieves": MOST_BROKEN, "changes": MOST_CHANGES}
    notes = (each for each in found if each.level == "note" and each.kind in most)
    return tuple(each for each in notes if each.rate.rate > most[each.kind])


def _noted(doubt: Finding) -> str:
    share = f"{doubt.rate.successes} of {doubt.rate.trials} executions"
    bounds = f"{100 * doubt.rate.low:.1f} to {100 * doubt.rate.high:.1f} %"
    return f"noted: {doubt.subject} {doubt.text}, in {share} ({bounds})"


def rule_on_pairs(outcomes: PairedOutcomes, attempt: int) -> Ruling:
    """Whether a version, a, is better than the best one ever promoted, b."""
    alpha = attempt_alpha(attempt)
    p_value = outcomes.mcnemar()
    low, high = outcomes.newcombe(1 - alpha)
    tests = {
        **outcomes.to_data(),
        "interval": [round(low, 6), round(high, 6)],
        "level": 1 - alpha,
        "p_value": p_value,
        "alpha": alpha,
    }
    points = f"{100 * outcomes.difference:+.1f} points"
    if outcomes.difference > 0 and p_value <= alpha:
        return Ruling(True, "better", f"better by {points}, p = {p_value:.2g}", tests)
    told = f"not shown to be better: {points}, p = {p_value:.2g}, and {alpha:.2g} is asked for"
    return Ruling(False, "", told, tests)


def trials_for_margin(outcomes: PairedOutcomes, attempt: int) -> int | None:
    """Trials after which the same shares would show that a version is not worse by the margin.

    None where no number would, or more than a hundred times as many as these.
    """
    alpha = attempt_alpha(attempt)

    def enough(times: float) -> bool:
        counts = (outcomes.both, outcomes.only_a, outcomes.only_b, outcomes.neither)
        scaled = PairedOutcomes(*(round(times * count) for count in counts))
        return margin_p_value(scaled, MARGIN) <= alpha / 2

    low, high = 0.0, 100.0
    if not outcomes.trials or not enough(high):
        return None
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return math.ceil(high * outcomes.trials)


def _check(
    claim: Claim, new: Sequence[Outcome], best: Sequence[Outcome], alpha: float
) -> tuple[bool, str, dict[str, Any]]:
    """Whether a claim holds, in words, and the numbers."""
    if claim.reason == "smaller":
        share = claim.bytes_new / claim.bytes_best if claim.bytes_best else 1.0
        told = f"its policy has {100 * share:.0f} % of the bytes"
        test = {"bytes": claim.bytes_new, "bytes_best": claim.bytes_best, "most": SMALLER}
        return share <= SMALLER, told, test
    if claim.reason == "faster":
        return _faster(new, best, alpha)
    return _safer(new, best, alpha)


def _faster(
    new: Sequence[Outcome], best: Sequence[Outcome], alpha: float
) -> tuple[bool, str, dict[str, Any]]:
    times = [
        (measure(a, "duration_s"), measure(b, "duration_s"))
        for a, b in zip(new, best, strict=True)
        if a["success"] and b["success"]
    ]
    found = PairedMeasure.of("duration_s", [a for a, _ in times], [b for _, b in times], 1 - alpha)
    if found is None:
        return False, "no seed is left to compare times on", {}
    told = f"it takes {found.difference:+.2f} s ({found.low:+.2f} to {found.high:+.2f})"
    return found.lower(alpha) == "a", told, found.to_data()


def _safer(
    new: Sequence[Outcome], best: Sequence[Outcome], alpha: float
) -> tuple[bool, str, dict[str, Any]]:
    """Less of one, limits reached or peak jerk, at half the level each, and not more of either.

    All seeds count here: what fails has to be safe, too.
    """
    found = {name: _risk(new, best, name, alpha) for name in ("limits_hit", "peak_jerk")}
    told = ", ".join(f"{name} {word}" for name, (word, _) in found.items())
    words = {word for word, _ in found.values()}
    test = {name: data for name, (_, data) in found.items()}
    return words <= {"less", "no different"} and "less" in words, told, test


def _risk(
    new: Sequence[Outcome], best: Sequence[Outcome], name: str, alpha: float
) -> tuple[str, dict[str, Any]]:
    """Whether a measure of risk is less, more, maybe more or no different, and the numbers."""
    ours, theirs = ([measure(each, name) for each in every] for every in (new, best))
    found = PairedMeasure.of(name, ours, theirs, 1 - alpha / 2)
    if found is None or found.pairs < 2:
        return "unknown", {}
    less = np.subtract(ours, theirs)
    most = max(MORE * float(np.mean(theirs)), PERIODS if name == "limits_hit" else 0.0)
    high = mean_at_most(less, alpha / 2)
    data = {
        **found.to_data(),
        "mean_difference": round(float(less.mean()), 6),
        "mean_at_most": round(high, 6),
        "most": round(most, 6),
    }
    if found.lower(GUARD) == "b":
        return "more", data
    if high > most:
        return "maybe more", data
    return ("less" if found.lower(alpha / 2) == "a" else "no different"), data
