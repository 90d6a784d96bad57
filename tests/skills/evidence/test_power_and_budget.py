"""How many trials a comparison needs, and what each attempt may spend."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multinomial

from kata.datasets.types import ConfigError
from kata.skills.evidence.budget import attempt_alpha
from kata.skills.evidence.paired import PairedOutcomes
from kata.skills.evidence.power import paired_power, trials_needed

RATES = st.floats(0.05, 0.95)


@pytest.mark.parametrize(
    ("rate_a", "rate_b", "agreement", "trials"),
    [
        (0.9, 0.7, None, 71),
        (0.9, 0.8, None, 215),
        (0.9, 0.8, 0.88, 95),
        (0.6, 0.4, None, 107),
        (0.95, 0.9, None, 463),
    ],
)
def test_trials_needed_are_these(rate_a, rate_b, agreement, trials):
    assert trials_needed(rate_a, rate_b, agreement=agreement) == trials


def test_power_is_that_of_the_test_itself():
    """Every table of 12 pairs, weighed by its chance, against the exact p-value."""
    cells = (0.5, 0.3, 0.05, 0.15)
    found = 0.0
    for counts in itertools.product(range(13), repeat=4):
        if sum(counts) == 12:
            table = PairedOutcomes(*counts)
            if table.mcnemar() <= 0.2 and table.difference > 0:
                found += multinomial.pmf(counts, 12, cells)
    assert paired_power(0.8, 0.55, 12, 0.2, agreement=0.65) == pytest.approx(found)


@given(RATES, RATES)
def test_that_many_are_enough_and_one_less_is_not(rate_a, rate_b):
    if abs(rate_a - rate_b) < 0.1:
        return
    trials = trials_needed(rate_a, rate_b)
    assert paired_power(rate_a, rate_b, trials) >= 0.8 > paired_power(rate_a, rate_b, trials - 1)


@given(RATES, RATES)
def test_exchanging_the_two_changes_nothing(rate_a, rate_b):
    if abs(rate_a - rate_b) < 0.05:
        return
    assert trials_needed(rate_a, rate_b) == pytest.approx(trials_needed(rate_b, rate_a), abs=1)


def test_more_is_needed_for_less():
    assert trials_needed(0.9, 0.85) > trials_needed(0.9, 0.8) > trials_needed(0.9, 0.7)
    assert trials_needed(0.9, 0.8, power=0.9) > trials_needed(0.9, 0.8)
    assert trials_needed(0.9, 0.8, alpha=0.01) > trials_needed(0.9, 0.8)
    assert trials_needed(0.9, 0.8, agreement=0.9) < trials_needed(0.9, 0.8, agreement=0.8)


def test_tiny_differences_are_estimated():
    assert trials_needed(0.9, 0.895) == pytest.approx(58_000, rel=0.05)


def test_candidates_that_always_differ_need_as_many_as_a_coin_shows():
    assert trials_needed(1.0, 0.0) == 6


def test_equal_rates_are_refused():
    with pytest.raises(ConfigError) as caught:
        trials_needed(0.9, 0.9)
    assert str(caught.value) == (
        "equal rates, which no number of trials tells apart\n"
        "  expected: the least difference that matters to you\n"
        "  got:      0.9 and 0.9"
    )
    assert paired_power(0.9, 0.9, 100, agreement=1.0) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate_a": 1.1}, "not a rate \\(in rate_a\\)"),
        ({"rate_b": float("nan")}, "not a rate \\(in rate_b\\)"),
        ({"power": 1.0}, "not a power"),
        ({"alpha": 0.0}, "not an alpha"),
        ({"agreement": 0.95}, "an agreement that these rates cannot have"),
        ({"agreement": 0.5}, "an agreement that these rates cannot have"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        trials_needed(**{"rate_a": 0.9, "rate_b": 0.8, **arguments})


def test_less_than_no_trials_are_refused():
    with pytest.raises(ConfigError, match="no number of trials"):
        paired_power(0.9, 0.8, -1)


def test_attempts_spend_less_and_less_of_one_budget():
    shares = [attempt_alpha(attempt) for attempt in range(1, 1001)]
    assert shares[:3] == pytest.approx([0.025, 0.05 / 6, 0.05 / 12])
    assert shares == sorted(shares, reverse=True)
    assert 0.0499 < sum(shares) < 0.05


@given(st.integers(1, 200), st.floats(0.001, 0.5))
def test_what_is_left_after_some_attempts_is_known(attempts, total):
    used = sum(attempt_alpha(attempt, total) for attempt in range(1, attempts + 1))
    assert total - used == pytest.approx(total / (attempts + 1))


def test_attempts_and_budgets_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="no such attempt"):
        attempt_alpha(0)
    for total in (0.0, 1.0, float("nan")):
        with pytest.raises(ConfigError, match="not an error budget"):
            attempt_alpha(1, total)
