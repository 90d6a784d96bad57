"""Normalisers: round trip, clip, floor, plain data."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kata.datasets.types import SpecError
from kata.policies.normalise import Normaliser

VALUES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(2, 20), st.integers(1, 4), st.integers(1, 4)),
    elements=st.floats(-100, 100, width=32),
)


@given(VALUES)
def test_decode_undoes_encode(values: np.ndarray) -> None:
    normaliser = Normaliser.fit(values, floor=0.01, clip=1e6)
    back = normaliser.decode(normaliser.encode(values))
    np.testing.assert_allclose(back, values, atol=1e-3)


@given(VALUES)
def test_encoded_is_centred_bounded_and_float32(values: np.ndarray) -> None:
    encoded = Normaliser.fit(values, floor=0.01, clip=3.0).encode(values)
    assert encoded.dtype == np.float32
    assert np.abs(encoded).max() <= 3.0


@given(VALUES)
def test_plain_data_keeps_every_bit(values: np.ndarray) -> None:
    normaliser = Normaliser.fit(values, floor=0.01, clip=5.0)
    again = Normaliser.from_json(json.loads(json.dumps(normaliser.to_json())))
    np.testing.assert_array_equal(again.center, normaliser.center)
    np.testing.assert_array_equal(again.scale, normaliser.scale)
    assert again.clip == normaliser.clip


def test_what_never_moved_is_not_blown_up() -> None:
    normaliser = Normaliser.fit(np.full((10, 1), 0.3, np.float32), floor=0.01, clip=5.0)
    assert normaliser.encode(np.array([0.31], np.float32)) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"center": [0.0], "scale": [0.0], "clip": 1.0},
        {"center": [0.0], "scale": [1.0, 1.0], "clip": 1.0},
        {"center": ["a"], "scale": [1.0], "clip": 1.0},
    ],
)
def test_bad_data_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(SpecError):
        Normaliser.from_json(data)


def test_nothing_cannot_be_fitted() -> None:
    with pytest.raises(SpecError, match="nothing to fit"):
        Normaliser.fit(np.zeros((0, 3), np.float32), floor=0.01, clip=5.0)
