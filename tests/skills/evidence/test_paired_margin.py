"""Not worse by a margin: the published numbers, the laws, and the error, enumerated and simulated.

`pytest -m slow -o junit_family=xunit1 --junitxml=FILE` writes the measured numbers to FILE.
"""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, norm

from kata.skills.evidence.budget import attempt_alpha
from kata.skills.evidence.paired import PairedOutcomes
from kata.skills.evidence.paired_margin import _likeliest, least_difference, margin_p_value
from kata.skills.evidence.promotion import MARGIN

COUNTS = st.integers(0, 60)
TABLES = st.builds(PairedOutcomes, COUNTS, COUNTS, COUNTS, COUNTS)
REPETITIONS, ATTEMPTS = 20_000, range(1, 11)


def p_value(only_a, only_b, trials, margin=MARGIN):
    alike = trials - only_a - only_b
    return margin_p_value(PairedOutcomes(alike, only_a, only_b, 0), margin)


def share(attempt):
    """What the margin may cost at this attempt: the rule's tests are two-sided."""
    return attempt_alpha(attempt) / 2


def test_the_score_is_the_published_one() -> None:
    # Tango (1998), the crossover of two disinfections: 43, 0, 1, 0 and a margin of a tenth: the
    # score is 1.709. Half a count less is 0.5 / sqrt(44 * 0.09) less.
    found = margin_p_value(PairedOutcomes(43, 0, 1, 0), 0.1)
    assert float(norm.isf(found)) == pytest.approx(1.709 - 0.5 / np.sqrt(44 * 0.09), abs=5e-4)


@given(COUNTS, COUNTS, st.integers(1, 60), st.floats(0.01, 0.5))
def test_the_discordance_is_the_likeliest_under_the_margin(a, b, alike, margin) -> None:
    def unlikely(q):
        shares = np.array([q, q + margin, 1 - 2 * q - margin])
        return -float(np.array([a, b, alike]) @ np.log(np.maximum(shares, 1e-300)))

    found = _likeliest(a, b, a + b + alike, margin)
    span = (0.0, (1 - margin) / 2)
    best = minimize_scalar(unlikely, bounds=span, method="bounded", options={"xatol": 1e-9})
    assert 0 <= found <= span[1]
    assert unlikely(found) <= best.fun + 1e-6


def test_losses_as_many_as_chance_gives_are_no_proof() -> None:
    # With a version exactly 5 points worse there are at most 3 losses in 150 pairs in 5.5 % of the
    # cases: no proof at 1.25 %, though the lower bound of Newcombe's interval is above -5 points.
    three = PairedOutcomes(87, 0, 3, 60)
    assert three.newcombe(1 - attempt_alpha(1))[0] > -MARGIN
    assert binom.cdf(3, 150, MARGIN) == pytest.approx(0.0548, abs=5e-4)
    assert margin_p_value(three, MARGIN) == pytest.approx(0.0670, abs=5e-4)
    assert margin_p_value(PairedOutcomes(147, 0, 3, 0), MARGIN) == margin_p_value(three, MARGIN)


def test_how_many_equal_pairs_are_enough() -> None:
    least = [next(n for n in range(1, 1000) if p_value(0, 0, n) <= share(k)) for k in (1, 2, 5, 10)]
    assert least == [115, 152, 208, 254]


@given(TABLES.filter(lambda table: table.trials), st.floats(0.001, 0.4))
def test_the_bound_and_the_test_agree(table, alpha) -> None:
    low = least_difference(table, alpha)
    assert -1 <= low < table.difference
    if low > -1 + 1e-6:
        assert margin_p_value(table, -low + 1e-6) <= alpha
        assert margin_p_value(table, -low - 1e-6) >= alpha - 1e-9


@given(st.integers(0, 20), st.integers(0, 20), st.integers(41, 200))
def test_a_win_helps_and_a_loss_harms(a, b, n) -> None:
    assert p_value(a + 1, b, n) < p_value(a, b, n) < p_value(a, b + 1, n)


def test_no_pairs_show_nothing() -> None:
    none = PairedOutcomes(0, 0, 0, 0)
    assert (margin_p_value(none, MARGIN), least_difference(none, 0.0125)) == (1.0, -1.0)
    assert least_difference(PairedOutcomes(0, 0, 50, 0), 0.0125) == pytest.approx(-1, abs=1e-6)


@functools.cache
def most_losses(trials, alpha):
    """(trials + 1) the most losses that pass beside each number of wins; -1 where none do."""
    low, high = np.full(trials + 1, -1), trials - np.arange(trials + 1) + 1
    for wins in range(trials + 1):
        while high[wins] - low[wins] > 1:
            middle = (low[wins] + high[wins]) // 2
            passes = p_value(wins, int(middle), trials) <= alpha
            low[wins], high[wins] = (middle, high[wins]) if passes else (low[wins], middle)
    return low


def chance(trials, alpha, share_a, share_b):
    """Exact chance to pass, where only a and only b succeed with these shares."""
    losses, wins = most_losses(trials, alpha), np.arange(trials + 1)
    passing = np.where(losses < 0, 0, binom.cdf(losses, trials - wins, share_b / (1 - share_a)))
    return float(binom.pmf(wins, trials, share_a) @ passing)


def greatest_error(trials, attempt):
    """Exact error at 5 points worse, as a share of what is allowed, over all discordances."""
    ones = (0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.47)
    allowed = share(attempt)
    return max(chance(trials, allowed, one, one + MARGIN) for one in ones) / allowed


@pytest.mark.parametrize("trials", [60, 150, 200])
@pytest.mark.parametrize("attempt", [1, 3])
def test_the_error_is_at_most_its_share(trials, attempt) -> None:
    assert greatest_error(trials, attempt) <= 1


@pytest.mark.slow
def test_the_error_is_at_most_its_share_at_every_size(record_property) -> None:
    sizes = (20, 24, 36, 48, 56, 76, 88, 100, 120, 172, 260, 400, 640)
    errors = {(n, k): greatest_error(n, k) for n in sizes for k in (1, 2, 5, 10)}
    record_property("greatest", max(errors.values()))
    assert max(errors.values()) <= 1


@pytest.mark.parametrize(
    ("trials", "differ", "least"),
    [(200, 0.02, 0.85), (200, 0.05, 0.6), (400, 0.02, 0.99), (400, 0.05, 0.94)],
)
def test_an_equal_version_is_seen_to_be_no_worse(trials, differ, least, record_property) -> None:
    found = chance(trials, share(1), differ / 2, differ / 2)
    record_property("power", found)
    assert found >= least


@pytest.mark.slow
@pytest.mark.parametrize("trials", [100, 200, 400])
@pytest.mark.parametrize("best", [0.6, 0.7, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("agree", ["on all but losses", "on half of the rest", "by chance"])
def test_a_version_5_points_worse_seldom_passes(trials, best, agree, record_property) -> None:
    rng = np.random.default_rng(int(100 * best) + trials)
    wins = {"on all but losses": 0.0, "on half of the rest": 0.5, "by chance": 1.0}[agree]
    only_a = wins * (best - MARGIN) * (1 - best)
    shares = [best - MARGIN - only_a, only_a, only_a + MARGIN, 1 - best - only_a]
    counts = rng.multinomial(trials, shares, (len(ATTEMPTS), REPETITIONS))
    # Pairs that agree change nothing, whichever way they do: a fast test.
    tables, which = np.unique(counts[..., 1:3].reshape(-1, 2), axis=0, return_inverse=True)
    found = np.array([p_value(int(a), int(b), trials) for a, b in tables])[which]
    passed = found.reshape(counts.shape[:2]) <= np.array([[share(k)] for k in ATTEMPTS])
    once, ever = passed[0].mean(), passed.any(axis=0).mean()
    record_property("one attempt", once)
    record_property("ten attempts", ever)
    assert once <= share(1) + 3 * np.sqrt(share(1) / REPETITIONS)
    assert ever <= 0.025 + 3 * np.sqrt(0.025 / REPETITIONS)
