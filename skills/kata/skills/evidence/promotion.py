"""When a version of a skill is promoted: the one rule, for `kata publish` and for the demo.

- The first version: the lower bound of its success rate is at least 0.8. Clopper-Pearson, because
  its error is at most what it says at every rate; 95 % two-sided at the first attempt.
- A later one: on the same seeds as the best version ever promoted, it succeeds more often (exact
  McNemar test), or it is less than 5 points worse (lower bound of Newcombe's interval) and, on the
  same seeds, it is what its reason says: faster, smaller or safer.

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

from kata.datasets.types import UnknownNameError

from .budget import attempt_alpha
from .compare import Outcome, measure, pairs_of
from .interval import Interval
from .paired import PairedOutcomes
from .paired_measure import PairedMeasure

Reason = Literal["faster", "smaller", "safer"]
REASONS: tuple[Reason, ...] = get_args(Reason)
"""What may speak for a version that is not better."""

LEAST_RATE = 0.8
"""A first version succeeds at least so often, by its lower bound."""

MARGIN = 0.05
"""A version that is promoted for a reason is less than this worse."""

SMALLER = 0.9
"""A smaller policy has at most this share of the other's bytes."""


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
    low, high = outcomes.newcombe(1 - alpha)
    holds, told, test = _check(claim, new, best, alpha)
    tests = {**ruling.tests, "margin": MARGIN, claim.reason: test}
    points = f"the difference is {100 * low:+.1f} to {100 * high:+.1f} points"
    if low <= -MARGIN:
        text = f"it may be {100 * MARGIN:.0f} points worse or more: {points}"
        return Ruling(False, "", text, tests)
    if not holds:
        return Ruling(False, "", f"{ruling.text}, and {told}", tests)
    return Ruling(True, claim.reason, f"not worse by {100 * MARGIN:.0f} points, and {told}", tests)


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
        return scaled.newcombe(1 - alpha)[0] > -MARGIN

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
    found = _paired(new, best, "duration_s", alpha, both_succeed=True)
    if found is None:
        return False, "no seed is left to compare times on", {}
    told = f"it takes {found.difference:+.2f} s ({found.low:+.2f} to {found.high:+.2f})"
    return found.lower(alpha) == "a", told, found.to_data()


def _safer(
    new: Sequence[Outcome], best: Sequence[Outcome], alpha: float
) -> tuple[bool, str, dict[str, Any]]:
    """Less of one, limits reached or peak jerk, at half the level each, and not more of the other.

    All seeds count here: what fails has to be safe, too.
    """
    found = {
        name: _paired(new, best, name, alpha / 2, both_succeed=False)
        for name in ("limits_hit", "peak_jerk")
    }
    lower = {name: each.lower(alpha / 2) if each else "" for name, each in found.items()}
    words = {"a": "less", "b": "more", "": "no different"}
    told = ", ".join(f"{name} {words[who]}" for name, who in lower.items())
    test = {name: each.to_data() for name, each in found.items() if each}
    return "a" in lower.values() and "b" not in lower.values(), told, test


def _paired(
    new: Sequence[Outcome],
    best: Sequence[Outcome],
    name: str,
    alpha: float,
    *,
    both_succeed: bool,
) -> PairedMeasure | None:
    pairs = [
        (measure(a, name), measure(b, name))
        for a, b in zip(new, best, strict=True)
        if not both_succeed or (a["success"] and b["success"])
    ]
    return PairedMeasure.of(name, [a for a, _ in pairs], [b for _, b in pairs], 1 - alpha)
