"""Cuts are counted once each; baselines are what they say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kata.skills.handover.segmentation.score import (
    Agreement,
    agreement,
    flip_cuts,
    pooled,
    toggle_cuts,
    uniform_cuts,
)

cuts = st.lists(st.integers(1, 300), unique=True, max_size=20).map(sorted)


@given(cuts, cuts, st.integers(0, 20))
def test_agreement_is_symmetric_bounded_and_grows_with_tolerance(
    ours: list[int], theirs: list[int], tolerance: int
) -> None:
    one, other = agreement(ours, theirs, tolerance), agreement(theirs, ours, tolerance)
    assert one.hits == other.hits <= min(len(ours), len(theirs))
    assert one.f1 == other.f1
    assert 0.0 <= one.f1 <= 1.0
    assert one.hits <= agreement(ours, theirs, tolerance + 1).hits


@given(cuts)
def test_every_cut_agrees_with_itself(ours: list[int]) -> None:
    assert agreement(ours, ours, 0).f1 == 1.0


def test_no_true_cut_counts_twice() -> None:
    found = agreement([8, 10, 12], [10], 6)
    assert found == Agreement(1, 3, 1)
    assert (found.precision, found.recall, found.f1) == (1 / 3, 1.0, 0.5)


def test_as_many_as_can_be_are_matched() -> None:
    # The nearest pair (10, 9) alone would leave 15 without a partner.
    assert agreement([10, 15], [9, 11], 4).hits == 2


def test_episodes_are_pooled_by_their_cuts() -> None:
    assert pooled([[5], []], [[5], [9]], 2) == Agreement(1, 1, 2)


@given(st.integers(2, 500), st.integers(0, 20))
def test_uniform_cuts_lie_inside_at_equal_distances(frames: int, count: int) -> None:
    made = uniform_cuts(frames * (count + 1), count)
    assert len(made) == count
    assert set(np.diff([0, *made, frames * (count + 1)]).tolist()) == {frames}


def test_a_gripper_that_never_moves_has_no_toggle() -> None:
    assert toggle_cuts(np.full(30, 0.04)) == ()


def test_toggles_and_flips_are_where_things_change() -> None:
    opening = np.repeat([0.08, 0.02, 0.08], 10)
    assert toggle_cuts(opening) == (10, 20)
    facts = np.zeros((30, 2), dtype=np.int8)
    facts[10:, 0] = facts[12:, 1] = facts[25:, 1] = 1
    facts[25:, 1] = 0
    assert flip_cuts(facts) == (10, 25)
