"""Corrections change the running call at once, within bounds, and are told in the log."""

import numpy as np
import pytest

from kata.datasets.types import Condition
from kata.skills.contract.call import Call
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import run
from kata.skills.planning.plan import Plan
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.testing import FakeWorld
from kata.skills.testing.fake_skills import CONTRACTS, drawer_plan, good_skills


class Script:
    """Says what the script says, at its times."""

    def __init__(self, **says):
        self.left = sorted((float(time.strip("at_").replace("_", ".")), text)
                           for time, text in says.items())  # fmt: skip

    def says(self, observation, facts, call):
        said = [text for time, text in self.left if time <= observation.time_s + 1e-9]
        self.left = self.left[len(said) :]
        return said


PICK = Plan.sequence(Condition.parse("holding(red_cube)"), [Call(CONTRACTS["pick"], ("red_cube",))])


def go(plan=PICK, planner=None, mode="blended", **says):
    return run(
        FakeWorld(), plan, good_skills(), planner, mode, 0,
        options=ExecutorOptions(replans=0), corrector=Script(**says),
    )  # fmt: skip


def kinds(log):
    return [event.kind for event in log.events]


def reason(log, kind):
    return next(event.reason for event in log.events if event.kind == kind)


def test_a_silent_corrector_changes_nothing():
    silent, alone = go(), run(FakeWorld(), PICK, good_skills(), None, "blended", 0)
    assert np.array_equal(silent.commands, alone.commands)
    assert all(not heard.text for heard in silent.heard)
    assert len(silent.heard) >= 1
    assert silent.heard[0].call == "pick(red_cube)"


def test_stop_comes_to_rest():
    log = go(at_0_5="stop")
    assert (log.state, log.success) == ("cancelled", False)
    assert reason(log, "cancel") == "corrected: 'stop'"
    assert np.allclose(log.commands[-1], log.commands[-20])
    assert log.duration_s < 1.2


def test_slower_takes_longer_and_as_before_does_not():
    usual, slow = go(), go(at_0_2="slower")
    assert slow.success
    assert slow.duration_s > 1.5 * usual.duration_s
    assert reason(slow, "steered") == "'slower': pace 0.5"
    back = go(at_0_2="slower", at_0_6="as before")
    assert usual.duration_s < back.duration_s < slow.duration_s
    assert go(at_0_2="faster").duration_s == pytest.approx(usual.duration_s, abs=0.2)


def test_the_pace_is_bounded():
    log = go(at_0_2="much slower", at_0_3="much slower", at_0_4="much slower")
    paces = [event.reason for event in log.events if event.kind == "steered"]
    assert paces == ["'much slower': pace 0.25"] * 3


def test_a_shift_moves_the_target_for_this_call_alone():
    plan, planner = drawer_plan(), SymbolicPlanner()
    usual = run(FakeWorld(), plan, good_skills(), planner, "blended", 0)
    moved = go(plan, planner, at_0_1="3 cm to the left")
    # `open` works at the drawer's handle; the fake one asks the waypoints once, at its beginning.
    assert "steered" in kinds(moved)
    shifts = [event.reason for event in moved.events if event.kind == "steered"]
    assert shifts == ["'3 cm to the left': target moved by (0, 0.03, 0) m"]
    assert usual.success
    assert moved.events[-1].kind == "finished"


def test_shifts_add_up_to_their_bound():
    log = go(at_0_1="4 cm to the left", at_0_2="4 cm to the left", at_0_3="4 cm higher")
    shifts = [event.reason.partition("by ")[2] for event in log.events if event.kind == "steered"]
    assert shifts == ["(0, 0.04, 0) m", "(0, 0.05, 0) m", "(0, 0.05, 0.04) m"]


def test_another_thing_is_planned_for_from_what_holds_now():
    """The bin is not there in the fake world, so another place: it is told, and it rests."""
    world = FakeWorld()
    wrong = go(drawer_plan(), SymbolicPlanner(), at_0_5="the green one")
    assert "not_understood" in kinds(wrong)
    assert wrong.success
    assert world.facts().table.types.keys() == {"red_cube", "drawer"}


def test_what_is_not_understood_is_told_and_changes_nothing():
    usual, log = go(), go(at_0_3="make me a sandwich")
    assert "say for example" in reason(log, "not_understood")
    assert np.array_equal(log.commands, usual.commands)
    said = [heard for heard in log.heard if heard.text]
    assert [(heard.text, heard.meaning) for heard in said] == [("make me a sandwich", "")]


def test_equal_words_give_equal_runs():
    logs = [go(at_0_2="slower", at_0_5="2 cm higher") for _ in range(2)]
    assert np.array_equal(logs[0].commands, logs[1].commands)
    assert [h.to_data() for h in logs[0].heard] == [h.to_data() for h in logs[1].heard]


def test_after_the_end_nobody_listens():
    log = go(at_99="stop")
    assert log.state == "done"
    assert all(not heard.text for heard in log.heard)
