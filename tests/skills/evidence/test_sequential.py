"""The sequential test: exact, the same for a and b, ended once, clear about misuse."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import ConfigError
from kata.skills.evidence.paired import PairedOutcomes
from kata.skills.evidence.sequential import SequentialTest, spent, stepped, stop_limit

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60)
WIN, LOSS = (True, False), (False, True)


def decisions(alpha, trials):
    """Every sequence of wins and losses, with how its test ends."""
    for path in itertools.product((WIN, LOSS), repeat=trials):
        yield path, SequentialTest(alpha, trials).add_all(path)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.4])
def test_its_error_is_exact_over_all_paths(alpha):
    """Of all equally likely paths at most alpha decide, by any time at most what may be spent."""
    trials = 12
    ended = [test.trials for _, test in decisions(alpha, trials) if test.decision != "undecided"]
    for time in range(1, trials + 1):
        share = Fraction(sum(end <= time for end in ended), 2**trials)
        assert share <= spent(alpha, time / trials) + 1e-12
    assert len(ended) / 2**trials > alpha / 3


def test_its_p_value_is_the_share_of_paths_that_end_as_early_and_as_clearly():
    paths = [test for _, test in decisions(0.3, 10)]
    values = np.array([test.p_value for test in paths])
    for value in np.unique(values):
        assert (values <= value).mean() == pytest.approx(value)


def test_a_decision_is_a_p_value_of_at_most_alpha():
    for _, test in decisions(0.3, 10):
        assert (test.p_value <= 0.3) == (test.decision != "undecided")


@given(PAIRS)
def test_exchanging_the_two_mirrors_it(pairs):
    one = SequentialTest(0.2, 60).add_all(pairs)
    other = SequentialTest(0.2, 60).add_all((b, a) for a, b in pairs)
    mirrored = {"a": "b", "b": "a", "undecided": "undecided"}
    assert other.decision == mirrored[one.decision]
    assert (other.trials, other.p_value) == (one.trials, one.p_value)
    assert other.outcomes == one.outcomes.swapped()


@given(PAIRS)
def test_it_decides_for_the_one_that_won_more(pairs):
    test = SequentialTest(0.2, 60).add_all(pairs)
    balance = test.outcomes.only_a - test.outcomes.only_b
    assert (test.decision == "undecided") or (test.decision == "a") == (balance > 0)


@given(PAIRS)
def test_adding_gives_a_new_test_and_leaves_the_old_one(pairs):
    test = SequentialTest(max_trials=60)
    for a, b in pairs:
        if not test.done:
            new = test.add(a, b)
            assert new.trials == test.trials + 1
            test = new
    assert SequentialTest(max_trials=60).trials == 0
    assert SequentialTest(max_trials=60).add_all(pairs) == test


def test_one_that_always_wins_is_found_soon():
    test = SequentialTest().add_all([WIN] * 200)
    assert (test.decision, test.trials) == ("a", 14)
    assert test.p_value == pytest.approx(2 * 0.5**14)


def test_pairs_that_agree_decide_nothing():
    test = SequentialTest(max_trials=50).add_all([(True, True), (False, False)] * 25)
    assert (test.decision, test.p_value, test.trials, test.done) == ("undecided", 1.0, 50, True)


def test_until_its_end_it_tells_no_p_value():
    test = SequentialTest().add_all([WIN] * 5)
    assert (test.p_value, test.done) == (1.0, False)


def test_the_last_trial_spends_what_is_left():
    # 6 of 6 wins have chance 1/32 on both sides, too much before the last trial.
    test = SequentialTest(0.05, 6).add_all([WIN] * 6)
    assert (test.decision, test.trials) == ("a", 6)
    assert test.p_value == pytest.approx(1 / 32)


def test_what_it_tells_of_itself():
    test = SequentialTest(0.05, 6).add_all([WIN] * 6)
    assert test.outcomes == PairedOutcomes(0, 6, 0, 0)
    assert test.to_data() == {
        "trials": 6,
        "both": 0,
        "only_a": 6,
        "only_b": 0,
        "neither": 0,
        "difference": 1.0,
        "decision": "a",
        "p_value": pytest.approx(1 / 32),
        "alpha": 0.05,
        "max_trials": 6,
    }


def test_a_test_that_has_ended_takes_no_more():
    test = SequentialTest(0.05, 6).add_all([WIN] * 9)
    with pytest.raises(ConfigError) as caught:
        test.add(True, True)
    assert str(caught.value) == (
        "a pair for a test that has ended\n"
        "  expected: no more after pair 6\n"
        "  got:      decision a\n"
        "  do:       stop where the test is done; later pairs belong to another test"
    )


@pytest.mark.parametrize("alpha", [0, 1, 5, float("nan")])
def test_levels_that_cannot_be_are_refused(alpha):
    with pytest.raises(ConfigError, match="not an alpha"):
        SequentialTest(alpha)


def test_a_test_without_trials_is_refused():
    with pytest.raises(ConfigError, match="no trials"):
        SequentialTest(max_trials=0)


@given(st.integers(1, 40))
def test_the_walk_is_a_fair_one(steps):
    walk = np.ones(1)
    for _ in range(steps):
        walk = stepped(walk)
    assert walk.sum() == pytest.approx(1)
    assert (walk * np.arange(steps + 1) ** 2).sum() == pytest.approx(steps)
    assert stop_limit(walk, 0.0) == steps + 1
