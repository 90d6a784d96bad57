"""Intervals of a rate: as published, lawful, and right about as often as they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from kata.datasets.types import ConfigError, UnknownNameError
from kata.skills.evidence.interval import Interval

LEVELS = st.floats(0.5, 0.999)
METHODS = st.sampled_from(["wilson", "clopper-pearson"])


@st.composite
def counts(draw):
    trials = draw(st.integers(1, 300))
    return draw(st.integers(0, trials)), trials


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
    ],
)
def test_wilsons_interval_is_the_published_one(successes, trials, low, high):
    interval = Interval.of(successes, trials)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684)],
)
def test_clopper_and_pearsons_interval_is_the_published_one(successes, trials, low, high):
    interval = Interval.of(successes, trials, method="clopper-pearson")
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


def test_a_single_success_says_less_than_wilson_has_it():
    # Newcombe's 1 of 29, where the upper bound is Wilson's 0.1718 and the lower his 0.0061.
    interval = Interval.of(1, 29)
    assert interval.high == pytest.approx(0.1718, abs=5e-5)
    assert interval.low == pytest.approx(0.0018, abs=5e-5)


@given(counts(), LEVELS, METHODS)
def test_it_contains_its_rate_and_stays_within_0_and_1(count, level, method):
    interval = Interval.of(*count, level=level, method=method)
    assert 0 <= interval.low <= interval.rate <= interval.high <= 1


@given(counts(), LEVELS, METHODS)
def test_failures_mirror_successes(count, level, method):
    successes, trials = count
    one = Interval.of(successes, trials, level, method)
    other = Interval.of(trials - successes, trials, level, method)
    assert (other.low, other.high) == pytest.approx((1 - one.high, 1 - one.low), abs=1e-9)


@given(counts(), METHODS)
def test_more_trials_of_the_same_rate_narrow_it(count, method):
    successes, trials = count
    few, many = (Interval.of(k * successes, k * trials, method=method) for k in (1, 4))
    assert many.high - many.low < few.high - few.low


@given(counts(), METHODS)
def test_a_higher_level_widens_it(count, method):
    narrow, wide = (Interval.of(*count, level, method) for level in (0.8, 0.95))
    assert wide.low <= narrow.low + 1e-12
    assert narrow.high <= wide.high + 1e-12


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))), METHODS)
def test_one_more_success_moves_it_up(count, method):
    successes, trials = count
    one, more = (
        Interval.of(successes, trials, method=method),
        Interval.of(successes + 1, trials, method=method),
    )
    assert one.low <= more.low
    assert one.high <= more.high


def test_no_trials_tell_nothing():
    assert Interval.of(0, 0).to_data() == {
        "trials": 0,
        "successes": 0,
        "rate": 0.0,
        "interval": [0.0, 1.0],
    }


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2), (0, -1)])
def test_counts_that_cannot_be_are_refused(successes, trials):
    with pytest.raises(ConfigError, match="successes and trials that cannot be"):
        Interval.of(successes, trials)


@pytest.mark.parametrize("level", [0, 1, 95, float("nan")])
def test_levels_that_cannot_be_are_refused(level):
    with pytest.raises(ConfigError, match="not a level of confidence"):
        Interval.of(1, 2, level=level)


def test_another_method_is_answered_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'wilson'"):
        Interval.of(1, 2, method="wilsn")


def coverage(trials, method, rates):
    """Chance, by enumeration, that the interval contains each rate."""
    found = [Interval.of(k, trials, method=method) for k in range(trials + 1)]
    low, high = (np.array([getattr(i, end) for i in found]) for end in ("low", "high"))
    inside = (low <= rates[:, None]) & (rates[:, None] <= high)
    return (binom.pmf(np.arange(trials + 1), trials, rates[:, None]) * inside).sum(axis=1)


@pytest.mark.parametrize("trials", [20, 30, 50, 100, 200])
def test_they_cover_the_truth_as_often_as_they_say(trials):
    rates = np.linspace(0.0005, 0.9995, 1999)
    wilson = coverage(trials, "wilson", rates)
    assert wilson.mean() >= 0.95
    assert wilson.min() >= 0.915
    assert coverage(trials, "clopper-pearson", rates).min() >= 0.95
