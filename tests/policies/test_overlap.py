"""How a chunk goes on from what runs: exact where committed, near where guided, else its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import SpecError
from kata.datasets.types.overlap import check_overlap, joined, overlap_weights

SHAPES = st.tuples(st.integers(1, 20), st.integers(0, 20), st.integers(0, 20)).map(
    lambda n: (n[0], min(n[0], n[1]), min(n[0], n[1], n[2]))
)
"""Actions of a chunk, of the overlap, and committed ones."""


def chunks(length: int, seed: int, size: float = 1.0) -> np.ndarray:
    return size * np.random.default_rng(seed).normal(size=(length, 3))


@given(SHAPES)
def test_weights_are_one_where_committed_and_fall_after(shape: tuple[int, int, int]) -> None:
    _, overlap, committed = shape
    weights = overlap_weights(overlap, committed)
    assert (weights[:committed] == 1.0).all()
    rest = weights[committed:]
    assert (np.diff(weights) <= 0.0).all()
    assert ((rest > 0.0) & (rest < 1.0)).all()


def test_weights_are_the_published_ones() -> None:
    """Equation 5 for H = 8, d = 2 and two actions at the end that nothing guides."""
    left = np.array([(8 - 2 - i) / (8 - 2 - 2 + 1) for i in range(2, 6)])
    wanted = [1.0, 1.0, *(left * np.expm1(left) / np.expm1(1.0))]
    np.testing.assert_allclose(overlap_weights(6, 2), wanted)


@given(SHAPES, st.integers(0, 99), st.floats(1e-3, 1e3))
def test_committed_actions_are_exact_and_all_is_finite(
    shape: tuple[int, int, int], seed: int, size: float
) -> None:
    length, overlap, committed = shape
    values, prefix = chunks(length, seed), chunks(overlap, seed + 1, size)
    out = joined(values, prefix, committed)
    np.testing.assert_array_equal(out[:committed], prefix[:committed])
    assert out.shape == values.shape
    assert np.isfinite(out).all()


@given(SHAPES, st.integers(0, 99))
def test_a_chunk_that_agrees_is_untouched(shape: tuple[int, int, int], seed: int) -> None:
    length, overlap, committed = shape
    values = chunks(length, seed)
    np.testing.assert_array_equal(joined(values, values[:overlap].copy(), committed), values)


@given(SHAPES, st.integers(0, 99))
def test_it_is_the_least_of_what_it_says(shape: tuple[int, int, int], seed: int) -> None:
    """No other chunk with the same committed actions deviates less, by its own measure."""
    length, overlap, committed = shape
    values, prefix = chunks(length, seed), chunks(overlap, seed + 1)
    rng = np.random.default_rng(seed)
    best = _cost(joined(values, prefix, committed), values, prefix, committed)
    for size in (1e-3, 0.1, 1.0):
        other = joined(values, prefix, committed)
        other[committed:] += size * rng.normal(size=other[committed:].shape)
        assert _cost(other, values, prefix, committed) >= best - 1e-9


def _cost(out: np.ndarray, values: np.ndarray, prefix: np.ndarray, committed: int) -> float:
    from kata.datasets.types.overlap import BEND, GUIDE, SLOPE

    added = out - values
    weights = GUIDE * overlap_weights(len(prefix), committed)[:, None]
    return float(
        (added**2).sum()
        + SLOPE * (np.diff(added, axis=0) ** 2).sum()
        + BEND * (np.diff(added, n=2, axis=0) ** 2).sum()
        + (weights * (out[: len(prefix)] - prefix) ** 2)[committed:].sum()
    )


def test_what_is_added_dies_out() -> None:
    """Far from a committed offset the chunk is its own again, and no step is a jump."""
    values = np.zeros((16, 1))
    out = joined(values, np.ones((3, 1)), 3)[:, 0]
    assert np.abs(np.diff(out)).max() < 0.35
    assert abs(out[-1]) < 0.05


@pytest.mark.parametrize(
    ("prefix", "committed", "told"),
    [
        (np.zeros((5, 3)), None, "prefix does not fit"),
        (np.zeros((2, 2)), None, "prefix does not fit"),
        (np.zeros(3), None, "prefix does not fit"),
        (np.full((2, 3), np.inf), None, "not finite"),
        (np.zeros((2, 3)), 3, "not in the prefix"),
        (np.zeros((2, 3)), -1, "not in the prefix"),
        (None, 1, "not in the prefix"),
    ],
)
def test_what_does_not_fit_is_refused(
    prefix: np.ndarray | None, committed: int | None, told: str
) -> None:
    with pytest.raises(SpecError, match=told):
        check_overlap(prefix, committed, 4, 3)
