"""Novelty: its p-value keeps its promise, and never decides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.skills.handover.novelty import LEAST, Novelty, fit_novelty


def p_values(rng, count, width):
    """p-values of fresh starts that are drawn as the known ones, each after a fit of its own."""
    found = []
    for seed in range(400):
        draw = rng.standard_t(3, size=(count + 1, width))
        novelty = fit_novelty(draw[:count], seed)
        found.append(float(novelty.p_value(draw[count:])[0]))
    return np.array(found)


@pytest.mark.parametrize(("count", "width"), [(LEAST, 2), (41, 6), (120, 30)])
def test_a_usual_start_is_called_new_no_more_often_than_promised(count, width):
    p = p_values(np.random.default_rng(count), count, width)
    for level in (0.05, 0.1, 0.3, 0.7):
        # Four standard errors of the simulation above what is promised.
        slack = 4.0 * np.sqrt(level * (1.0 - level) / len(p))
        assert (p <= level).mean() <= level + slack


def test_it_is_no_idle_promise():
    """Usual starts are spread over all p-values, and unlike ones get small ones."""
    rng = np.random.default_rng(0)
    p = p_values(rng, 120, 4)
    assert (p <= 0.5).mean() > 0.4
    novelty = fit_novelty(rng.normal(size=(200, 4)), 0)
    assert (novelty.p_value(rng.normal(size=(50, 4)) + 9.0) < 0.02).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(LEAST, 60), st.integers(1, 8), st.integers(0, 99))
def test_a_p_value_lies_above_zero_and_falls_with_the_score(count, width, seed):
    rng = np.random.default_rng(seed)
    novelty = fit_novelty(rng.normal(size=(count, width)), seed)
    fresh = rng.normal(size=(20, width)) * 3.0
    order = np.argsort(novelty.score(fresh))
    p = novelty.p_value(fresh)[order]
    assert (p > 0.0).all()
    assert (p <= 1.0).all()
    assert (np.diff(p) <= 0.0).all()


def test_it_is_written_and_read_back():
    novelty = fit_novelty(np.random.default_rng(1).normal(size=(60, 5)), 3)
    read = Novelty.of_parts(*novelty.to_parts())
    fresh = np.random.default_rng(2).normal(size=(9, 5))
    assert np.array_equal(read.p_value(fresh), novelty.p_value(fresh))


def test_too_few_starts_say_nothing():
    assert fit_novelty(np.zeros((LEAST - 1, 3)), 0) is None


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("known", np.zeros((0, 5))),
        ("known", np.full((30, 5), np.nan)),
        ("centre", np.zeros(4)),
        ("scale", np.zeros(5)),
        ("scores", np.array([2.0, 1.0])),
        ("scores", np.array([[1.0]])),
    ],
)
def test_what_is_not_sound_is_refused(name, wrong):
    card, tensors = fit_novelty(np.random.default_rng(1).normal(size=(60, 5)), 3).to_parts()
    with pytest.raises(ValueError, match=r"expected"):
        Novelty.of_parts(card, {**tensors, name: wrong})
