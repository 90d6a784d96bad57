"""Learned progress: what it learns from ways, how it ends calls, and what of it is stored."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import DatasetError, PackageError
from kata.skills.contract.call import Call
from kata.skills.handover.boundary import fit_boundary
from kata.skills.handover.progress import BAND, ProgressQuality
from kata.skills.handover.progress_fit import (
    endings,
    enough,
    fit_progress,
    longest_stay,
    said_at,
    share_of,
)
from kata.skills.handover.progress_frames import Frames, Way, WayRecord, apart, way_of
from kata.skills.handover.storage import CARD_NAME, TENSORS_NAME, load_boundary, save_boundary
from kata.skills.testing import CONTRACTS, FakeWorld

SETTLE_S = 0.2
_DONE = 0.9


def drawn_way(rng, good=True):
    """Something is moved from 0 to 1 and is there from 0.9 on; a bad way sticks before it."""
    frames, end = int(rng.integers(30, 60)), 1.0 if good else rng.uniform(0.2, 0.8)
    place = np.concatenate([np.linspace(0.0, end, frames), np.full(20 if good else 80, end)])
    features = np.column_stack([place, place - 1.0, rng.normal(size=(len(place), 2))])
    features[:, 1] += 0.02 * rng.normal(size=len(place))
    return way_of(features, list(place >= _DONE), good)


def drawn_ways(seed, good=40, bad=15):
    rng = np.random.default_rng(seed)
    return [drawn_way(rng) for _ in range(good)] + [drawn_way(rng, False) for _ in range(bad)]


@pytest.fixture(scope="module")
def model():
    return fit_progress(drawn_ways(0), SETTLE_S, seed=1)


def read(model, way):
    return model.of(way.features.astype(float))


def test_progress_follows_the_way_and_says_there_when_it_is(model):
    for way in drawn_ways(1, bad=0):
        value, there = read(model, way)
        assert np.abs(value - share_of(way)).mean() < 0.12
        assert ((value >= 0.0) & (value <= 1.0)).all()
        assert (there[way.reached] > 0.5).mean() > 0.9
    assert model.quality.error < 0.1
    assert model.quality.calibration_error < 0.03


def test_ways_end_rightly_on_what_was_not_learned_from(model):
    ways = drawn_ways(2, 100, 100)
    chances = [read(model, way)[1] for way in ways]
    false, missed = endings(ways, chances, model.enter, model.leave, 4)
    assert false <= 0.01
    assert missed <= 0.02


def test_a_way_that_gets_nowhere_is_never_at_its_end(model):
    for way in drawn_ways(3, 0, 30):
        assert read(model, way)[0].max() < 0.99


def test_no_good_way_stays_as_long_as_a_stalled_one(model):
    good, bad = drawn_ways(4, 40, 0), drawn_ways(4, 0, 40)
    stays = [longest_stay(read(model, way)[0][: way.arrival + 1]) for way in good]
    assert max(stays) < model.patience_s
    stuck = [longest_stay(read(model, way)[0]) for way in bad]
    assert np.mean(np.array(stuck) > model.patience_s) > 0.8


def test_equal_seeds_give_equal_models():
    one, two = (fit_progress(drawn_ways(5), SETTLE_S, seed=3) for _ in range(2))
    assert json.dumps(one.to_parts()[0]) == json.dumps(two.to_parts()[0])
    for name, array in one.to_parts()[1].items():
        assert np.array_equal(array, two.to_parts()[1][name])


@pytest.mark.parametrize(
    ("ways", "got"),
    [
        ([], "no frames"),
        (drawn_ways(0, 5, 30), "35 ways, of which too few get there"),
        ([drawn_way(np.random.default_rng(0)), way_of(np.zeros((3, 9)), [False] * 3, False)],
         "widths [4, 9]"),
    ],
)  # fmt: skip
def test_too_few_and_unlike_ways_teach_nothing(ways, got):
    with pytest.raises(DatasetError, match="no progress can be learned") as caught:
        fit_progress(ways, SETTLE_S, 0)
    assert caught.value.got == got


def test_enough_are_those_that_get_there():
    assert enough(drawn_ways(0, 20, 0))
    assert not enough(drawn_ways(0, 19, 40))


@given(
    chances=st.lists(st.floats(0.0, 1.0), max_size=60),
    enter=st.floats(0.3, 0.95),
    settle=st.integers(1, 8),
)
def test_nothing_flips_within_the_hysteresis(chances, enter, settle):
    """Once `enter` is reached, whatever is not below `leave` ends the call after `settle`."""
    leave = enter / 2
    said = said_at(np.array(chances), enter, leave, settle)
    entered = next((t for t, chance in enumerate(chances) if chance >= enter), None)
    if entered is None:
        assert said is None
    elif all(chance >= leave for chance in chances[entered:]):
        assert said == (entered + settle if entered + settle < len(chances) else None)
    if said is not None:
        assert all(chance >= leave for chance in chances[said - settle : said + 1])
        assert chances[said - settle] >= enter


def test_a_false_end_and_a_missed_one_are_counted():
    good = way_of(np.zeros((40, 1)), [False] * 20 + [True] * 20, True)
    bad = way_of(np.zeros((40, 1)), [False] * 40, False)
    right = np.array([0.0] * 20 + [1.0] * 20)
    assert endings([good, bad], [right, np.zeros(40)], 0.9, 0.5, 4) == (0.0, 0.0)
    assert endings([good, bad], [np.zeros(40), right], 0.9, 0.5, 4) == (0.5, 1.0)
    early = np.ones(40)
    assert endings([good], [early], 0.9, 0.5, 4) == (1.0, 0.0)


def test_what_trembles_stays_and_what_goes_on_does_not():
    assert longest_stay(np.linspace(0.0, 1.0, 60)) < 0.7
    trembling = 0.4 + BAND * np.tile([1.0, -1.0], 50)
    assert longest_stay(trembling) > 4.0
    again = np.tile(np.concatenate([np.linspace(0.0, 0.6, 15), np.linspace(0.6, 0.0, 15)]), 4)
    assert longest_stay(again) < 1.0


def test_a_way_is_the_same_after_its_file(tmp_path):
    way = drawn_way(np.random.default_rng(1))
    again = Way.from_data(json.loads(json.dumps(way.to_data())))
    assert np.array_equal(way.features, again.features)
    assert np.array_equal(way.reached, again.reached)
    assert (way.success, way.arrival) == (again.success, again.arrival)


@pytest.mark.parametrize(
    "damage",
    [{"features": "?"}, {"reached": "012"}, {"width": 7}, {"success": 1}, {"features": None}],
)
def test_what_is_no_way_is_refused(damage):
    data = {**drawn_way(np.random.default_rng(1)).to_data(), **damage}
    with pytest.raises(DatasetError, match="not the way of a rollout"):
        Way.from_data(data)


def test_frames_hold_what_is_seen_and_what_is_near():
    call = Call(CONTRACTS["place_in"], ("red_cube", "drawer"))
    seen = call.seen(FakeWorld().observe())
    record = WayRecord()
    record.see(seen, reached=False)
    way = record.done(success=False)
    assert way.features.shape == (1, Frames.of(seen).features().shape[1])
    assert way.arrival == 1
    things = np.zeros((1, 1, 3))
    others = np.array([[[0.0, 0.0, 2.0], [3.0, 4.0, 0.0]]])
    assert apart(things, others).tolist() == [[[2.0, 0.0]]]
    assert apart(things, np.zeros((1, 0, 3))).tolist() == [[[1.0, 1.0]]]


@pytest.fixture
def stored(model, tmp_path):
    save_boundary(replace(fit_boundary([], [], 0), progress=model), tmp_path)
    return tmp_path


def test_progress_is_stored_with_the_boundary(model, stored):
    again = load_boundary(stored).progress
    way = drawn_way(np.random.default_rng(6))
    for mine, theirs in zip(read(model, way), read(again, way), strict=True):
        assert np.array_equal(mine, theirs)
    settings = ("enter", "leave", "patience_s", "width")
    assert [getattr(again, s) for s in settings] == [getattr(model, s) for s in settings]
    assert again.quality.ways == model.quality.ways
    before = [(stored / name).read_bytes() for name in (CARD_NAME, TENSORS_NAME)]
    save_boundary(load_boundary(stored), stored)
    assert before == [(stored / name).read_bytes() for name in (CARD_NAME, TENSORS_NAME)]


@pytest.mark.parametrize(
    "damage",
    [
        {"enter": 0.2, "leave": 0.4},
        {"enter": float("nan")},
        {"patience_s": 0.0},
        {"width": 1},
        {"members": [0, 2]},
        {"members": [2, 3]},
        {"base": []},
        {"quality": {}},
        {"quality": dict.fromkeys(asdict(ProgressQuality(1, 1, 0, 0, 0, 0)), float("nan"))},
        {"scale": "many"},
    ],
)
def test_a_progress_that_is_not_sound_is_refused(stored, damage):
    card = json.loads((stored / CARD_NAME).read_text())
    card["sections"]["progress"].update(damage)
    (stored / CARD_NAME).write_text(json.dumps(card))
    with pytest.raises(PackageError, match="boundary is not sound") as caught:
        load_boundary(stored)
    assert "sections.progress" in caught.value.where
