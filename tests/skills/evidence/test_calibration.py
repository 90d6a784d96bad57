"""The statistics keep their promises, shown by simulation: errors, coverage, trials saved.

What is simulated is the code that decides: the vectorised runs below take the steps of
`SequentialTest` from its own functions, and a fast test holds them to it pair by pair.
`pytest -m slow -o junit_family=xunit1 --junitxml=FILE` writes the measured numbers to FILE.
"""

import functools
import gc

import numpy as np
import pytest
from scipy.special import betaln
from scipy.stats import binom

from kata.skills.evidence import paired
from kata.skills.evidence.budget import attempt_alpha
from kata.skills.evidence.interval import Interval
from kata.skills.evidence.paired import PairedOutcomes
from kata.skills.evidence.power import paired_power
from kata.skills.evidence.sequential import SequentialTest, spent, stepped, stop_limit
from kata.skills.evidence.several import holm

REPETITIONS = 20_000
ALPHA, TRIALS = 0.05, 200
EQUAL = [(0.5, 0.5), (0.5, 0.9), (0.8, 0.68), (0.8, 0.9), (0.9, 0.82), (0.95, 0.95)]
"""Rate of two equal candidates, and their agreement: that of independent ones, and closer."""

TWENTY = [(0.6, 0.4, 0.48), (0.7, 0.5, 0.5), (0.9, 0.7, 0.66), (0.9, 0.7, 0.76), (1.0, 0.8, 0.8)]
"""Rates 20 points apart, and their agreement."""


def wins(seed, rate_a, rate_b, agreement, repetitions=REPETITIONS, trials=TRIALS):
    """(trials, repetitions) 1 where only a succeeds, -1 where only b does, else 0."""
    only_a = (1 - agreement + rate_a - rate_b) / 2
    draws = np.random.default_rng(seed).random((trials, repetitions))
    return (draws < only_a).astype(int) - (draws > only_a + agreement)


def mcnemar(won, lost):
    """Exact p-values of many tables; a fast test compares them with `PairedOutcomes`."""
    return np.minimum(2 * binom.cdf(np.minimum(won, lost), won + lost, 0.5), 1)


def run_sequential(steps, alpha=ALPHA):
    """Trial at which each repetition ends, and its balance there if that is a decision, else 0."""
    trials, repetitions = steps.shape
    walks = np.zeros((repetitions, trials + 1))
    walks[:, 0] = 1.0
    balance, decided = np.zeros(repetitions, int), np.zeros(repetitions, int)
    end, live = np.full(repetitions, trials), np.arange(repetitions)
    for time in range(trials):
        step = steps[time, live]
        walk = walks[live]
        walk[step != 0] = stepped(walk[step != 0])[:, :-1]
        balance[live] += step
        budget = np.full(len(live), spent(alpha, (time + 1) / trials))
        limit = stop_limit(walk, budget)
        walk[np.arange(trials + 1) >= limit[:, None]] = 0.0
        walks[live] = walk
        stops = np.abs(balance[live]) >= limit
        end[live[stops]], decided[live[stops]] = time + 1, balance[live[stops]]
        live = live[~stops]
    return end, decided


def test_the_simulated_test_is_the_real_one():
    for seed, case in enumerate([*TWENTY, (0.5, 0.5, 0.5), (0.9, 0.9, 0.82)]):
        steps = wins(seed, *case, repetitions=6)
        for column, end, decided in zip(steps.T, *run_sequential(steps), strict=True):
            test = SequentialTest(ALPHA, TRIALS).add_all((s > 0, s < 0) for s in column)
            assert test.trials == end
            assert test.decision == {0: "undecided", 1: "a", -1: "b"}[int(np.sign(decided))]


def test_the_simulated_mcnemar_is_the_real_one():
    for won, lost in [(0, 0), (5, 0), (3, 3), (7, 12), (40, 22)]:
        assert mcnemar(won, lost) == pytest.approx(PairedOutcomes(0, won, lost, 0).mcnemar())


def test_the_simulated_pairs_have_their_rates():
    steps = wins(0, 0.9, 0.7, 0.76)
    assert (steps == 1).mean() == pytest.approx(0.22, abs=0.002)
    assert (steps == -1).mean() == pytest.approx(0.02, abs=0.002)


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "agreement"), EQUAL)
def test_the_fixed_test_errs_as_often_as_it_may(rate, agreement, record_property):
    steps = wins(1, rate, rate, agreement)
    p_values = mcnemar((steps > 0).sum(axis=0), (steps < 0).sum(axis=0))
    error = (p_values <= ALPHA).mean()
    record_property("error", error)
    assert error <= 0.055


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "agreement"), EQUAL)
def test_the_sequential_test_errs_as_often_as_it_may(rate, agreement, record_property):
    _, decided = run_sequential(wins(2, rate, rate, agreement))
    error = (decided != 0).mean()
    record_property("error", error)
    assert error <= 0.055


@pytest.mark.slow
def test_looking_after_each_pair_without_care_errs_far_more_often(record_property):
    steps = wins(3, 0.8, 0.8, 0.68)
    won, lost = (np.cumsum(sign * steps > 0, axis=0) for sign in (1, -1))
    error = (mcnemar(won, lost) <= ALPHA).any(axis=0).mean()
    record_property("error", error)
    assert error >= 0.10


@pytest.mark.slow
@pytest.mark.parametrize(("rate_a", "rate_b", "agreement"), TWENTY)
def test_the_sequential_test_saves_trials_and_loses_no_power(
    rate_a, rate_b, agreement, record_property
):
    end, decided = run_sequential(wins(4, rate_a, rate_b, agreement))
    power, fixed = (decided > 0).mean(), paired_power(rate_a, rate_b, TRIALS, ALPHA, agreement)
    record_property("mean trials", end.mean())
    record_property("power", power)
    record_property("power of 200 fixed trials", fixed)
    assert end.mean() <= 0.7 * TRIALS
    assert power >= 0.8
    assert power >= fixed - 0.01
    assert (decided < 0).mean() <= 0.001


@pytest.mark.slow
@pytest.mark.parametrize("prior", [0.5, 1.0, 5.0])
def test_a_betting_test_finds_less(prior, record_property):
    """A Beta mixture of likelihood ratios against 1 / alpha, which needs no greatest number."""
    steps = wins(4, *TWENTY[0])
    won, lost = (np.cumsum(sign * steps > 0, axis=0) for sign in (1, -1))
    wealth = betaln(prior + won, prior + lost) - betaln(prior, prior) + (won + lost) * np.log(2)
    power = (wealth >= np.log(1 / ALPHA)).any(axis=0).mean()
    record_property("power", power)
    _, decided = run_sequential(steps[:, :4000])
    assert power <= (decided > 0).mean() - 0.05


@pytest.mark.slow
@pytest.mark.parametrize("method", ["wilson", "clopper-pearson"])
@pytest.mark.parametrize("trials", [20, 50, 100, 200])
def test_intervals_of_a_rate_cover_it(method, trials, record_property):
    rates = np.concatenate([[0.003, 0.01, 0.02], np.linspace(0.03, 0.97, 48), [0.98, 0.99, 0.997]])
    found = [Interval.of(k, trials, method=method) for k in range(trials + 1)]
    low, high = (np.array([getattr(i, end) for i in found]) for end in ("low", "high"))
    drawn = np.random.default_rng(5).binomial(trials, rates, (REPETITIONS, len(rates)))
    coverage = ((low[drawn] <= rates) & (rates <= high[drawn])).mean(axis=0)
    record_property("mean coverage", coverage.mean())
    record_property("worst coverage", coverage.min())
    assert coverage.mean() >= 0.94
    assert coverage.min() >= 0.90


@pytest.mark.slow
@pytest.mark.parametrize("trials", [20, 50, 200])
def test_intervals_of_a_difference_cover_it(trials, monkeypatch, record_property):
    monkeypatch.setattr(paired, "bounds", functools.cache(paired.bounds))
    interval = functools.cache(lambda *counts: PairedOutcomes(*counts).newcombe())
    coverage = []
    for rate_a, rate_b, agreement in [
        *TWENTY[:-1],
        (0.9, 0.9, 0.82),
        (0.95, 0.9, 0.91),
        (0.98, 0.05, 0.05),
        (0.8, 0.8, 0.98),
    ]:
        only_a = (1 - agreement + rate_a - rate_b) / 2
        only_b = 1 - agreement - only_a
        cells = (rate_a - only_a, only_a, only_b, agreement - rate_a + only_a)
        drawn = np.random.default_rng(6).multinomial(trials, np.maximum(cells, 0), REPETITIONS)
        tables, counts = np.unique(drawn, axis=0, return_counts=True)
        low, high = np.array([interval(*map(int, table)) for table in tables]).T
        truth = rate_a - rate_b
        inside = (low <= truth + 1e-12) & (truth - 1e-12 <= high)
        coverage.append((inside * counts).sum() / REPETITIONS)
    record_property("mean coverage", np.mean(coverage))
    record_property("worst coverage", min(coverage))
    assert np.mean(coverage) >= 0.94
    assert min(coverage) >= 0.90


@pytest.mark.slow
def test_holm_keeps_the_error_of_a_family(monkeypatch, record_property):
    """Four candidates, three of them equal, compared in pairs on the same seeds."""
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels asks for it each time: 50 ms
    rates = np.array([0.8, 0.8, 0.8, 0.6])
    random = np.random.default_rng(7)
    pairs = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    good = random.random((100, REPETITIONS, 4)) < rates
    ahead = [(good[..., i] & ~good[..., j]).sum(axis=0) for i, j in pairs]
    behind = [(good[..., j] & ~good[..., i]).sum(axis=0) for i, j in pairs]
    p_values = mcnemar(np.array(ahead), np.array(behind))
    names = [(str(i), str(j)) for i, j in pairs]
    adjusted = np.array(
        [list(holm(dict(zip(names, row.tolist(), strict=True))).values()) for row in p_values.T]
    )
    plain = (p_values[:3].min(axis=0) <= ALPHA).mean()
    error = (adjusted[:, :3].min(axis=1) <= ALPHA).mean()
    record_property("error without", plain)
    record_property("error", error)
    assert plain >= 0.07
    assert error <= 0.055
    assert (adjusted[:, 3:].max(axis=1) <= ALPHA).mean() >= 0.4


@pytest.mark.slow
@pytest.mark.parametrize("attempts", [1, 3, 10])
def test_an_equal_candidate_that_tries_again_and_again_stays_within_the_budget(
    attempts, record_property
):
    accepted = np.zeros(REPETITIONS, bool)
    for attempt in range(1, attempts + 1):
        steps = wins((8, attempt), 0.85, 0.85, 0.8, trials=100)
        p_values = mcnemar((steps > 0).sum(axis=0), (steps < 0).sum(axis=0))
        accepted |= (p_values <= attempt_alpha(attempt)) & (steps.sum(axis=0) > 0)
    record_property("accepted", accepted.mean())
    assert accepted.mean() <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("rate_a", "rate_b", "agreement"), [*TWENTY, (0.9, 0.8, 0.8)])
def test_what_an_early_stop_does_to_the_interval_of_a_difference(
    rate_a, rate_b, agreement, monkeypatch, record_property
):
    """It was made for a fixed number of pairs: after an early stop it leans to the outside."""
    monkeypatch.setattr(paired, "bounds", functools.cache(paired.bounds))
    interval = functools.cache(lambda *counts: PairedOutcomes(*counts).newcombe())
    steps = wins(9, rate_a, rate_b, agreement)
    end, _ = run_sequential(steps)
    done = np.arange(1, TRIALS + 1)[:, None] <= end
    won, lost = ((sign * steps > 0) & done for sign in (1, -1))
    won, lost = won.sum(axis=0), lost.sum(axis=0)
    only_a = (1 - agreement + rate_a - rate_b) / 2
    both = np.random.default_rng(10).binomial(end - won - lost, (rate_a - only_a) / agreement)
    tables = np.stack([both, won, lost, end - won - lost - both], axis=1)
    low, high = np.array([interval(*map(int, table)) for table in tables]).T
    inside = (low <= rate_a - rate_b) & (rate_a - rate_b <= high)
    record_property("coverage", inside.mean())
    record_property("bias", ((won - lost) / end).mean() - (rate_a - rate_b))
    assert inside.mean() >= 0.85
