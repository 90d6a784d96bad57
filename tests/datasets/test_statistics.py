"""Statistics agree with numpy, merge without the data, and leave NaN out."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kata.datasets.statistics import QUANTILES, Statistics
from kata.datasets.types import DatasetError

NUMBERS = st.floats(-1e3, 1e3, width=32)
FRAMES = st.integers(1, 20).flatmap(lambda n: arrays(np.float64, (n, 3), elements=NUMBERS))
HOLES = st.integers(1, 20).flatmap(
    lambda n: arrays(np.float64, (n, 3), elements=NUMBERS | st.just(np.nan))
)


@given(HOLES)
def test_they_are_numpys_without_nan(values: np.ndarray) -> None:
    found = Statistics.of(values)
    assert found.frames == len(values)
    assert found.bad_frames == np.isnan(values).any(axis=1).sum()
    for column in range(3):
        known = values[:, column][np.isfinite(values[:, column])]
        assert found.count[column] == len(known)
        if not len(known):
            assert found.mean[column] == found.max[column] == 0.0
            continue
        wanted = [known.min(), known.max(), known.mean(), known.std()]
        wanted += [np.quantile(known, q) for q in QUANTILES.values()]
        got = [found.min, found.max, found.mean, found.std]
        got += [getattr(found, name) for name in QUANTILES]
        assert np.allclose([g[column] for g in got], wanted, atol=1e-6, rtol=1e-9)


@given(HOLES, HOLES)
def test_merged_moments_are_those_of_all_frames(a: np.ndarray, b: np.ndarray) -> None:
    merged, whole = Statistics.of(a).merge(Statistics.of(b)), Statistics.of(np.concatenate([a, b]))
    assert (merged.frames, merged.bad_frames) == (whole.frames, whole.bad_frames)
    for name in ("count", "min", "max", "mean", "std"):
        assert np.allclose(getattr(merged, name), getattr(whole, name), atol=1e-5, rtol=1e-6)


@given(FRAMES)
def test_parts_are_those_of_the_columns(values: np.ndarray) -> None:
    part = Statistics.of(values).part(1, 3)
    assert part.to_json() == Statistics.of(values[:, 1:]).to_json()


@given(FRAMES)
def test_they_survive_json_and_lerobots_form(values: np.ndarray) -> None:
    found = Statistics.of(values)
    again = Statistics.from_json(json.loads(json.dumps(found.to_json())))
    assert again.to_json() == found.to_json()
    assert Statistics.from_lerobot(found.to_lerobot()).to_json() == found.to_json()


@pytest.mark.parametrize("data", [{}, {"mean": "x"}, {"mean": [1.0], "count": []}])
def test_other_data_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(DatasetError):
        Statistics.from_json(data)
    with pytest.raises(DatasetError):
        Statistics.from_lerobot(data)


def test_a_histogram_gives_those_of_the_pixels() -> None:
    pixels = np.random.default_rng(0).integers(3, 200, (3, 500))
    counts = np.array([np.bincount(channel, minlength=256) for channel in pixels])
    found, wanted = Statistics.of_histogram(counts, 5), Statistics.of(pixels.T / 255.0)
    for name in ("min", "max", "mean", "std"):
        assert np.allclose(getattr(found, name), getattr(wanted, name))
    for name in QUANTILES:
        assert np.allclose(getattr(found, name), getattr(wanted, name), atol=2.5 / 255.0)


def test_no_frames_have_statistics_too() -> None:
    found = Statistics.of(np.empty((0, 2)))
    assert (found.frames, found.mean.tolist()) == (0, [0.0, 0.0])
