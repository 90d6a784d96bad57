"""The table of states: every pair has its entry, and the ways through it make sense."""

import pytest

from kata.skills.execution.states import ACTIVE, FINAL, TRANSITIONS, Signal, State


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("signal", Signal)
def test_every_state_and_signal_is_defined(state, signal):
    assert isinstance(TRANSITIONS[state, signal], State)


def test_there_are_no_other_entries():
    assert len(TRANSITIONS) == len(State) * len(Signal)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_only_a_new_plan_leaves_a_final_state(state):
    ways = {signal: TRANSITIONS[state, signal] for signal in Signal}
    assert ways.pop(Signal.START) is State.CHECKING
    assert set(ways.values()) == {state}


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_a_cancel_ends_everything_that_goes_on(state):
    assert TRANSITIONS[state, Signal.CANCEL] is State.CANCELLED


@pytest.mark.parametrize("state", sorted(ACTIVE))
def test_a_skill_that_has_the_robot_can_fail(state):
    assert TRANSITIONS[state, Signal.BROKEN] is State.REPLANNING
    assert TRANSITIONS[state, Signal.GIVE_UP] is State.FAILED


def test_every_state_can_be_reached_and_left():
    reached = {target for (state, _), target in TRANSITIONS.items() if target is not state}
    assert reached == set(State) - {State.IDLE}
    left = {state for (state, _), target in TRANSITIONS.items() if target is not state}
    assert left == set(State)
