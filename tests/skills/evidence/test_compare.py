"""Comparisons: the same whoever is called a, cautious with several, honest about what it costs."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import ConfigError
from kata.skills.evidence.compare import (
    compare_pair,
    compare_sequentially,
    measure,
    needed,
    pairs_of,
    rank,
)
from kata.skills.evidence.paired import PairedOutcomes
from kata.skills.evidence.paired_measure import PairedMeasure, hodges_lehmann


def outcome(success, duration_s=2.0, jerk=100.0, hits=0):
    return {
        "success": bool(success),
        "duration_s": duration_s,
        "path_m": 0.5 * duration_s,
        "jerk": {"median": 1.0, "peak": jerk},
        "limits_hit": {"velocity": {"joint1": hits}} if hits else {},
    }


def drawn(rate, count, seed, **more):
    rng = np.random.default_rng(seed)
    return [outcome(success, **more) for success in rng.random(count) < rate]


def test_a_clear_difference_is_found() -> None:
    found = compare_pair(drawn(0.95, 200, 0), drawn(0.6, 200, 1))
    data = found.to_data()
    assert found.decision == "a"
    assert data["p_value"] < 1e-6
    assert data["interval"][0] < 0.35 < data["interval"][1]
    assert data["trials"] == 200
    assert set(data["measures"]) == {"duration_s", "path_m", "peak_jerk", "limits_hit"}


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_it_does_not_matter_who_is_called_a(pairs) -> None:
    a, b = ([outcome(pair[i]) for pair in pairs] for i in (0, 1))
    one, other = compare_pair(a, b), compare_pair(b, a)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.to_data()["difference"] == -other.to_data()["difference"]
    swapped = {"a": "b", "b": "a", "undecided": "undecided"}
    assert one.decision == swapped[other.decision]


def test_measures_are_compared_where_both_succeeded() -> None:
    a = [outcome(True, 1.0), outcome(True, 1.0), outcome(False, 9.0)]
    b = [outcome(True, 2.0), outcome(False, 0.1), outcome(True, 2.0)]
    time = compare_pair(a, b).measures[0]
    assert (time.pairs, time.median_a, time.median_b, time.difference) == (1, 1.0, 2.0, -1.0)
    assert compare_pair(a[1:], b[1:]).measures == ()


def test_measures_are_read_from_what_a_trial_tells() -> None:
    told = outcome(True, 3.0, 250.0, hits=4)
    names = ("duration_s", "path_m", "peak_jerk", "limits_hit")
    assert [measure(told, name) for name in names] == [3.0, 1.5, 250.0, 4.0]


def test_stopping_early_leaves_out_what_came_later() -> None:
    a, b = drawn(0.98, 200, 0), drawn(0.4, 200, 1)
    assert compare_sequentially(a[:3], b[:3], 0.05, 200) is None
    found = compare_sequentially(a, b, 0.05, 200)
    assert found is not None
    assert found.decision == "a"
    assert found.outcomes.trials < 80
    used = found.outcomes.trials
    assert compare_sequentially(a[:used], b[:used], 0.05, 200) == found


def test_no_difference_comes_to_an_end_too() -> None:
    found = compare_sequentially(drawn(0.9, 50, 0), drawn(0.9, 50, 1), 0.05, 50)
    assert found is not None
    assert (found.decision, found.outcomes.trials) == ("undecided", 50)


def test_several_are_ranked_with_letters() -> None:
    rates = {"good": 0.97, "also_good": 0.95, "bad": 0.3}
    ranking = rank({name: drawn(rate, 150, i) for i, (name, rate) in enumerate(rates.items())})
    assert ranking.order[-1] == "bad"
    assert ranking.letters["good"] == ranking.letters["also_good"] == "a"
    assert ranking.letters["bad"] == "b"
    assert ranking.decision == "undecided"
    assert all(x.rate >= y.rate for x, y in pairwise(ranking.rates[n] for n in ranking.order))
    best = rank({"good": drawn(0.97, 150, 0), "bad": drawn(0.3, 150, 1)})
    assert best.decision == "good"


def test_several_share_one_error() -> None:
    one, other = drawn(0.9, 100, 0), drawn(0.78, 100, 1)
    alone = compare_pair(one, other).p_value
    three = rank({"a": one, "b": other, "c": drawn(0.84, 100, 2)})
    assert three.pairs[("a", "b")].p_value > alone


@pytest.mark.parametrize(("gap", "least", "most"), [(0.0, 100, 400), (0.05, 300, 2000)])
def test_trials_needed_follow_from_the_gap(gap, least, most) -> None:
    seen = PairedOutcomes(150, 30, 10, 10)
    found = needed(seen, gap, 0.8, 0.05)
    assert found is not None
    assert least < found < most


def test_no_difference_seen_needs_no_number() -> None:
    assert needed(PairedOutcomes(90, 5, 5, 0), 0.0, 0.8, 0.05) is None
    assert needed(PairedOutcomes(0, 0, 0, 0), 0.1, 0.8, 0.05) is None
    with pytest.raises(ConfigError, match="an impossible gap"):
        needed(PairedOutcomes(90, 5, 5, 0), 1.0, 0.8, 0.05)


@pytest.mark.parametrize("pairs", [(100, 0, 0, 0), (0, 0, 0, 50), (10, 80, 10, 0)])
@pytest.mark.parametrize("gap", [0.01, 0.3, 0.9])
def test_any_gap_can_be_asked_for_after_any_trials(pairs, gap) -> None:
    found = needed(PairedOutcomes(*pairs), gap, 0.8, 0.05)
    assert found is not None
    assert found > 0


def test_outcomes_must_be_in_pairs() -> None:
    with pytest.raises(ConfigError, match="not in pairs"):
        pairs_of(drawn(0.9, 3, 0), drawn(0.9, 4, 0))
    with pytest.raises(ConfigError, match="not in pairs"):
        PairedMeasure.of("duration_s", [1.0], [float("nan")])


@settings(max_examples=40)
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=25))
def test_the_estimate_is_the_median_of_the_means_of_pairs(less) -> None:
    values = np.array(less, dtype=float)
    means = [(x + y) / 2 for i, x in enumerate(values) for y in values[i:]]
    middle, low, high = hodges_lehmann(values, 0.95)
    assert middle == pytest.approx(np.median(means), abs=1e-6)
    assert low <= middle <= high


def test_intervals_of_measures_cover_the_truth() -> None:
    rng = np.random.default_rng(0)
    inside = rejected = 0
    for _ in range(200):
        base = rng.normal(2.0, 0.5, 60)
        found = PairedMeasure.of("duration_s", base + rng.normal(0.3, 0.2, 60), base)
        assert found is not None
        inside += found.low <= 0.3 <= found.high
        rejected += found.lower(0.05) == "b"
    assert inside >= 180
    assert rejected == 200
    same = PairedMeasure.of("duration_s", [1.0] * 5, [1.0] * 5)
    assert same is not None
    assert (same.p_value, same.lower(0.05), same.difference) == (1.0, "", 0.0)
