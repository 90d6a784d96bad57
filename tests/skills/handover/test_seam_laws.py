"""Laws of every blend that promises smoothness, over random chunks, delays and rates."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Limits, Trajectory
from kata.skills.handover.blend import BLENDS, JerkLimited, make_blend
from kata.skills.handover.curve import sample

SMOOTH = tuple(name for name in BLENDS if name != "switch")
ONE = np.ones(3)
LIMITS = Limits(-2 * ONE, 2 * ONE, 2 * ONE, 12 * ONE, 4000 * ONE)


@dataclass(frozen=True)
class Seam:
    """A chunk that runs, the one that comes, and when."""

    old: Trajectory
    new: Trajectory
    now_s: float
    period_s: float


def chunk(rng, start_s, step_s, count, base):
    """Knots of a chunk inside the limits, at rest at its end, as kinematics make them."""
    speed = rng.uniform(-1.0, 1.0, (count, 3)) * rng.uniform(0.0, 1.2)
    position = np.clip(base + np.cumsum(speed * step_s, axis=0), LIMITS.lower, LIMITS.upper)
    times = start_s + step_s * np.arange(count)
    velocity = np.zeros_like(position)
    # Fritsch and Carlson: with the smaller of the neighbouring slopes nothing overshoots.
    slope = np.diff(position, axis=0) / step_s
    before, after = slope[:-1], slope[1:]
    least = np.where(np.abs(before) < np.abs(after), before, after)
    velocity[1:-1] = np.where(before * after > 0, least, 0.0)
    return Trajectory(times, position, velocity)


@st.composite
def seams(draw):
    rate, count = draw(st.floats(5.0, 500.0)), draw(st.integers(3, 16))
    # Clocks are whole periods: an instant is at a knot, or clearly between two.
    delay = draw(st.integers(0, count - 1)) + draw(st.sampled_from((0.0, 0.1, 0.35, 0.5, 0.8)))
    step_s = 1.0 / rate
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    base = rng.uniform(-1.0, 1.0, 3)
    apart = rng.uniform(-1.0, 1.0, 3) * draw(st.sampled_from((0.0, 0.01, 0.3)))
    old = chunk(rng, 0.0, step_s, count, base)
    new = chunk(rng, 0.0, step_s, count + 2, base + apart)
    return Seam(old, new, delay * step_s, min(step_s, 0.01))


def joined(name, seam):
    blend = make_blend(name, seam.period_s)
    return blend.join(seam.old, seam.new, seam.now_s, LIMITS)


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=60, deadline=None)
@given(seam=seams())
def test_position_and_velocity_go_on(name, seam):
    before, after = seam.old.at(seam.now_s), joined(name, seam).at(seam.now_s)
    assert np.abs(before.position - after.position).max() < 1e-9
    assert np.abs(before.velocity - after.velocity).max() < 1e-6


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=60, deadline=None)
@given(seam=seams())
def test_limits_of_position_and_velocity_are_never_broken(name, seam):
    path = joined(name, seam)
    times = np.arange(seam.now_s, path.end_s, seam.period_s)
    found = sample(path, times if len(times) else np.array([seam.now_s]))
    assert (found.position >= LIMITS.lower - 1e-9).all()
    assert (found.position <= LIMITS.upper + 1e-9).all()
    fastest = max(np.abs(c.velocity).max() for c in (seam.old, seam.new))
    assert np.abs(found.velocity).max() <= max(2.0, 1.5 * fastest) + 1e-6


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=40, deadline=None)
@given(seam=seams())
def test_equal_chunks_are_untouched(name, seam):
    same = Seam(seam.old, seam.old, seam.now_s, seam.period_s)
    path = joined(name, same)
    times = seam.now_s + seam.period_s * np.arange(60)
    gap = sample(path, times).position - sample(seam.old, times).position
    assert np.abs(gap).max() < 1e-9


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=40, deadline=None)
@given(seam=seams())
def test_it_comes_to_rest_where_the_new_chunk_ends(name, seam):
    path = joined(name, seam)
    last = path.at(path.end_s + 1.0)
    assert np.allclose(last.position, seam.new.position[-1], atol=1e-9)
    assert not last.velocity.any()


@pytest.mark.parametrize("name", SMOOTH)
def test_grippers_pass_their_next_knot_as_they_are_told(name):
    rng = np.random.default_rng(3)
    old, new = (chunk(rng, 0.0, 0.05, 9, base) for base in (0.0, 0.3))
    path = make_blend(name, 0.01, (2,)).join(old, new, 0.1, LIMITS)
    assert path.at(0.1).position[2] == pytest.approx(old.at(0.1).position[2])
    later = np.array([0.15, 0.2, 0.3])
    gap = sample(path, later).position[:, 2] - sample(new, later).position[:, 2]
    assert np.abs(gap).max() < 1e-9


def test_a_crossfade_that_would_be_too_fast_takes_longer_or_bounds_the_jerk():
    still = Trajectory.hold(0.0, -1.5 * ONE)
    far = Trajectory.hold(0.0, 1.5 * ONE)
    path = make_blend("crossfade", 0.01).join(still, far, 0.0, LIMITS)
    speed = sample(path, np.arange(0.0, path.end_s, 0.01)).velocity
    assert path.end_s > 0.4
    assert np.abs(speed).max() <= 2.0 + 1e-9


def test_a_crossfade_is_half_way_in_the_middle_of_its_window():
    still, near = (Trajectory.hold(0.0, x * ONE) for x in (0.0, 0.02))
    path = make_blend("crossfade", 0.01).join(still, near, 0.0, LIMITS)
    assert path.at(0.1).position == pytest.approx(0.01 * ONE)
    assert path.end_s == pytest.approx(0.2)


def test_what_is_left_after_inpainting_is_joined_with_bounded_jerk():
    assert make_blend("inpaint", 0.01) == JerkLimited(0.01)
