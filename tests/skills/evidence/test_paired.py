"""Two candidates on equal seeds: the published numbers, the laws, and bad input."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from kata.datasets.types import ConfigError
from kata.skills.evidence.paired import PairedOutcomes

COUNTS = st.integers(0, 60)
TABLES = st.builds(PairedOutcomes, COUNTS, COUNTS, COUNTS, COUNTS)
LAST_BIT = 1e-12


@pytest.mark.parametrize(
    ("table", "difference", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 2635-2650, table II, method 10.
        ((36, 12, 2, 0), 0.20, 0.0569, 0.3404),
        # Fagerland, Lydersen and Laake, BMC Medical Research Methodology 14 (2014), the example
        # of Bentur and others: airways before and after a transplantation.
        ((1, 1, 7, 12), -0.2857, -0.5069, -0.0256),
        # Altman and others, Statistics with Confidence (2000), table 6.2.
        ((14, 5, 0, 22), 0.1220, 0.0115, 0.2265),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(table, difference, low, high):
    outcomes = PairedOutcomes(*table)
    assert outcomes.difference == pytest.approx(difference, abs=5e-5)
    assert outcomes.newcombe() == pytest.approx((low, high), abs=5e-5)


def test_pairs_are_counted():
    a = [True, True, False, False, True]
    b = [True, False, True, False, False]
    outcomes = PairedOutcomes.of(a, b)
    assert outcomes == PairedOutcomes(both=1, only_a=2, only_b=1, neither=1)
    assert (outcomes.successes_a, outcomes.successes_b, outcomes.trials) == (3, 2, 5)
    assert outcomes.to_data() == {
        "trials": 5,
        "both": 1,
        "only_a": 2,
        "only_b": 1,
        "neither": 1,
        "difference": 0.2,
    }


@given(TABLES)
def test_the_interval_contains_its_estimate_and_is_possible(table):
    low, high = table.newcombe()
    assert -1 <= low <= table.difference + LAST_BIT
    assert table.difference <= high + LAST_BIT
    assert high <= 1


@given(TABLES)
def test_exchanging_the_two_mirrors_everything(table):
    low, high = table.newcombe()
    other = table.swapped()
    assert other.difference == -table.difference
    assert other.newcombe() == pytest.approx((-high, -low), abs=LAST_BIT)
    assert other.mcnemar() == pytest.approx(table.mcnemar())


@given(TABLES.filter(lambda table: table.trials))
def test_more_pairs_of_the_same_kinds_narrow_it_and_never_weaken_the_test(table):
    counts = (table.both, table.only_a, table.only_b, table.neither)
    more = PairedOutcomes(*(4 * count for count in counts))
    (low, high), (low_more, high_more) = table.newcombe(), more.newcombe()
    assert high_more - low_more < high - low
    assert more.mcnemar() <= table.mcnemar() + LAST_BIT


@given(TABLES)
def test_a_higher_level_widens_the_interval(table):
    (low, high), (lower, higher) = table.newcombe(0.8), table.newcombe(0.99)
    assert lower <= low
    assert high <= higher


@given(TABLES.filter(lambda table: table.only_a + table.only_b))
def test_mcnemar_is_the_exact_test_of_statsmodels(table):
    cells = [[table.both, table.only_a], [table.only_b, table.neither]]
    assert table.mcnemar() == pytest.approx(mcnemar(cells, exact=True).pvalue)


@given(st.integers(1, 60), COUNTS)
def test_pairs_that_agree_change_no_p_value(wins, agreeing):
    alone = PairedOutcomes(0, wins, 0, 0).mcnemar()
    assert PairedOutcomes(agreeing, wins, 0, agreeing).mcnemar() == alone
    assert alone == pytest.approx(min(2 * 0.5**wins, 1))


def test_no_pairs_tell_nothing():
    none = PairedOutcomes.of([], [])
    assert (none.difference, none.newcombe(), none.mcnemar()) == (0.0, (-1.0, 1.0), 1.0)


def test_candidates_that_always_agree_do_not_differ():
    same = PairedOutcomes.of([True, False] * 50, [True, False] * 50)
    low, high = same.newcombe()
    assert same.mcnemar() == 1
    assert low == pytest.approx(-high)
    assert high < 0.03


def test_the_farthest_difference_ends_at_one():
    low, high = PairedOutcomes(0, 50, 0, 0).newcombe()
    assert high == 1.0
    assert 0.85 < low < 1


def test_outcomes_without_a_partner_are_refused():
    with pytest.raises(ConfigError) as caught:
        PairedOutcomes.of([True], [True, False])
    assert str(caught.value) == (
        "outcomes that are not in pairs\n"
        "  expected: one of a and one of b for each seed\n"
        "  got:      1 of a, 2 of b"
    )


def test_negative_counts_are_refused():
    with pytest.raises(ConfigError, match="a negative count of pairs"):
        PairedOutcomes(1, -1, 0, 0)


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan])
def test_levels_that_cannot_be_are_refused(level):
    with pytest.raises(ConfigError, match="not a level of confidence"):
        PairedOutcomes(1, 1, 1, 1).newcombe(level)
