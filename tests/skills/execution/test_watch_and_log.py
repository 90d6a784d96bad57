"""Watches, and what a run leaves behind."""

import json
from dataclasses import replace

import numpy as np
import pytest

from kata.skills.contract.call import Call
from kata.skills.execution.log import peak_jerk
from kata.skills.execution.runner import run
from kata.skills.execution.watch import ConditionWatch, StallWatch
from kata.skills.testing import CONTRACTS, FakePlanner, FakeWorld, drawer_plan, good_skills

PLACE = Call(CONTRACTS["place_in"], ("red_cube", "drawer"))


def test_a_broken_condition_alarms_with_its_text():
    world = FakeWorld()
    alarm = ConditionWatch().check(PLACE, world.observe(), world.facts(), 0.1)
    assert alarm.reason == "no longer holds: open(drawer)"


def test_a_condition_that_is_unknown_alarms_nobody():
    world = FakeWorld()
    facts = world.facts()
    facts.truth[:] = -1
    assert ConditionWatch().check(PLACE, world.observe(), facts, 0.1) is None


def test_a_stall_needs_its_whole_window():
    world, watch = FakeWorld(), StallWatch(1.0)
    alarms = [watch.check(PLACE, world.observe(), world.facts(), 0.05 * k) for k in range(30)]
    first = next(i for i, alarm in enumerate(alarms) if alarm)
    assert first == 20
    assert alarms[first].reason == "nothing has moved for 1.0 s"


def test_a_new_call_starts_the_window_anew():
    world, watch = FakeWorld(), StallWatch(1.0)
    watch.check(PLACE, world.observe(), world.facts(), 0.05)
    other = Call(CONTRACTS["pick"], ("red_cube",))
    assert watch.check(other, world.observe(), world.facts(), 2.0) is None


def test_the_same_call_started_again_has_not_stalled_yet():
    world, watch = FakeWorld(), StallWatch(1.0)
    seen, facts = world.observe(), world.facts()
    assert watch.check(PLACE, seen, facts, 0.05) is None
    assert watch.check(PLACE, seen, facts, 3.0)
    later = replace(seen, time_s=60.0)
    assert watch.check(PLACE, later, facts, 0.05) is None
    assert watch.check(PLACE, later, facts, 1.0) is None
    assert watch.check(PLACE, later, facts, 1.05)


def test_peak_jerk_is_the_third_difference_around_a_seam():
    times = np.arange(0, 4, 0.01)
    cubic = (times**3)[:, None] * np.array([1.0, -2.0])
    assert peak_jerk(cubic, 0.01, [2.0]) == pytest.approx(12.0, rel=1e-3)
    step = np.where(times < 2.0, 0.0, 0.01)[:, None]
    assert peak_jerk(step, 0.01, [2.3]) == pytest.approx(2 * 0.01 / 1e-6)
    assert peak_jerk(step, 0.01, [3.0]) == pytest.approx(0.0, abs=1e-6)
    assert peak_jerk(step, 0.01, []) == 0.0


@pytest.fixture(scope="module")
def log():
    frames = []
    made = run(
        FakeWorld(), drawer_plan(), good_skills(), FakePlanner(), "full", 0, on_frame=frames.append
    )
    return made, frames


def test_a_log_tells_who_had_the_robot_when(log):
    made, _ = log
    assert [span.call for span in made.spans] == [str(call) for call in drawer_plan().calls]
    assert [span.outcome for span in made.spans] == ["done"] * 4
    assert len(made.seams) == 3
    assert made.commands.shape == (round((made.duration_s + 0.5) / 0.01), 4)


def test_a_log_tells_which_facts_changed(log):
    made, _ = log
    flips = [(flip.atom, flip.value) for flip in made.flips]
    assert flips.index(("open(drawer)", True)) < flips.index(("holding(red_cube)", True))
    assert flips[-1] == ("closed(drawer)", True)


def test_a_log_is_plain_data(log):
    made, _ = log
    text = json.dumps(made.to_data(), allow_nan=False)
    assert json.loads(text)["success"] is True


def test_a_spectator_sees_every_frame(log):
    made, frames = log
    assert len(frames) == -(-len(made.commands) // 5)
    assert frames[0].state == "waiting"
    assert frames[0].call == "open(drawer)"
    assert len(frames[0].plan) == 4
    gaps = np.diff([frame.observation.time_s for frame in frames])
    assert np.allclose(gaps, 0.05)


def test_a_run_that_takes_too_long_is_cancelled():
    made = run(FakeWorld(), drawer_plan(), good_skills(), None, "full", 0, limit_s=1.0)
    assert made.state == "cancelled"
    assert made.reason == "longer than 1 s"
    assert not made.success
