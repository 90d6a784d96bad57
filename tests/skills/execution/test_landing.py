"""How chunks are laid onto what runs: late ones, early ones, first ones."""

from dataclasses import replace

import numpy as np
import pytest

from kata.datasets.types import ActionChunk, Trajectory
from kata.skills.execution.landing import make_lander
from kata.skills.execution.states import State, place_of
from kata.skills.handover.blend import BLENDS, Crossfade, JerkLimited
from kata.skills.handover.curve import sample
from kata.skills.testing import PointKinematics, point_robot

PERIOD = 0.01
HOME = point_robot().home
UP = np.array([0.0, 0.0, 0.02, 0.0])


def lander(blend):
    return make_lander(point_robot(), PointKinematics(), PERIOD, blend)


def rising(start_s=0.0):
    values = HOME + UP * np.arange(1, 9)[:, None]
    chunk = ActionChunk(start_s, 0.05, "joint", values)
    return lander("none").land(chunk, Trajectory.hold(start_s, HOME), start_s, "seam")


def sideways(start_s, count=8):
    step = np.array([0.0, 0.02, 0.0, 0.0])
    values = HOME + 4 * UP + step * np.arange(1, count + 1)[:, None]
    return ActionChunk(start_s, 0.05, "joint", values)


# A switch bends the last span before it, for its speed jumps where one knot has one speed.
@pytest.mark.parametrize("place", ["seam", "near", "amid"])
@pytest.mark.parametrize("blend", [*(name for name in BLENDS if name != "switch"), "none"])
def test_what_begins_later_leaves_what_runs_until_then(blend, place):
    running, chunk = rising(), sideways(0.2)
    running.position[3, 1] += 0.01
    path = lander(blend).land(chunk, running, 0.1, place)
    before = 0.1 + PERIOD * np.arange(10)
    assert np.abs(sample(path, before).position - sample(running, before).position).max() < 1e-9
    assert path.at(0.1).velocity == pytest.approx(running.at(0.1).velocity)
    assert path.at(5.0).position == pytest.approx(chunk.values[-1])


@pytest.mark.parametrize("place", ["seam", "near", "amid"])
@pytest.mark.parametrize("blend", [*BLENDS, "none"])
def test_what_has_been_lived_through_is_left_out(blend, place):
    running, chunk = rising(), sideways(0.0)
    path = lander(blend).land(chunk, running, 0.2, place)
    assert path.start_s == pytest.approx(0.2)
    assert path.at(5.0).position == pytest.approx(chunk.values[-1])


def test_a_chunk_that_is_over_before_it_comes_is_told():
    assert lander("jerk_limited").land(sideways(0.0), rising(), 0.5, "amid") == "too late by 0.50 s"


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_chunk_without_a_velocity_is_told(wrong):
    """Where it leads is finite, how it moves is not: nothing could be joined to it."""

    class Unmoved(PointKinematics):
        def follow(self, chunk, command):
            path = super().follow(chunk, command)
            return replace(path, velocity=np.full_like(path.velocity, wrong))

    odd = make_lander(point_robot(), Unmoved(), PERIOD, "jerk_limited")
    assert "without a velocity" in odd.land(sideways(0.0), rising(), 0.0, "seam")


def test_the_nearer_to_the_work_the_sooner_a_blend_is_over():
    made = lander("jerk_limited")
    assert (made.seam, made.near, made.amid) == (
        JerkLimited(PERIOD, direct=(3,)),
        JerkLimited(PERIOD, 1.0, 0.1, (3,)),
        JerkLimited(PERIOD, 1.0, 0.2, (3,)),
    )


def jerk_share(running, path, now_s):
    ticks = now_s + PERIOD * np.arange(-3, 30)
    commands = np.where(
        (ticks <= now_s)[:, None], sample(running, ticks).position, sample(path, ticks).position
    )
    return np.abs(np.diff(commands[:, :3], n=3, axis=0)).max() / PERIOD**3 / 2000.0


def test_amid_the_work_a_chunk_is_followed_as_it_is_unless_it_comes_near_the_limits_of_jerk():
    running = rising()
    gentle = ActionChunk(0.2, 0.05, "joint", HOME + UP * np.arange(5, 13)[:, None])
    plain, made = lander("none"), lander("jerk_limited")
    for chunk, same in ((gentle, True), (sideways(0.2), False)):
        ways = [each.land(chunk, running, 0.2, "amid") for each in (plain, made)]
        ticks = 0.2 + PERIOD * np.arange(40)
        gap = np.abs(sample(ways[0], ticks).position - sample(ways[1], ticks).position).max()
        assert bool(gap < 1e-9) is same
        # After four actions it is where the policy reckons with it to be.
        assert ways[1].at(0.4).position == pytest.approx(ways[0].at(0.4).position, abs=1e-9)
    assert jerk_share(running, ways[1], 0.2) < 0.7 * jerk_share(running, ways[0], 0.2)


def test_a_chunk_is_joined_as_if_it_had_been_followed_before_and_bends_nowhere():
    """What ran before has no part in it: speed and acceleration are those of its own course."""
    made, chunk = lander("jerk_limited"), sideways(0.2)
    far = Trajectory.hold(0.2, HOME - 0.3 * np.array([1.0, 1.0, 1.0, 0.0]))
    ways = [
        made._intended(made.kinematics.follow(chunk, start.at(0.2)), 0.2)
        for start in (rising(), far)
    ]
    ticks = 0.2 + PERIOD * np.arange(0, 30)
    arm = [sample(way, ticks).position[:, :3] for way in ways]
    assert np.abs(arm[0] - arm[1]).max() < 1e-4
    bends = np.abs(np.diff(sample(ways[1], ticks).acceleration[:, :3], axis=0)).max()
    assert bends < 0.5


def test_other_blends_leave_the_middle_of_the_work_alone():
    made = lander("crossfade")
    assert (made.seam, made.near, made.amid) == (*[Crossfade(PERIOD, direct=(3,))] * 2, None)


@pytest.mark.parametrize(
    ("state", "began_s", "first", "place"),
    [
        (State.WAITING, 0.0, False, "seam"),
        (State.WAITING, 0.0, True, "amid"),
        (State.RUNNING, 0.2, False, "near"),
        (State.RUNNING, 0.2, True, "amid"),
        (State.RUNNING, 2.0, False, "amid"),
        (State.SETTLING, 2.0, False, "near"),
        (State.SETTLING, 2.0, True, "near"),
    ],
)
def test_a_chunk_has_its_place_in_a_call(state, began_s, first, place):
    assert place_of(state, began_s, first=first) == place
