"""Whose turn it is, as laws over random plans of two hands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import Condition, ExecutionError
from kata.skills.contract.call import Call
from kata.skills.execution.turns import Ahead, Turns
from kata.skills.planning.plan import Plan
from kata.skills.testing import TWO_HAND_CONTRACTS

PICKS = ("pick(red_cube, hand=left)", "pick(blue_cube, hand=right)")
TEXTS = (
    *PICKS,
    "handover(left, right, red_cube)",
    "place_in(red_cube, bin, hand=left)",
    "place_in(blue_cube, bin, hand=right)",
)


def plan_of(texts, after):
    calls = [Call.parse(text, TWO_HAND_CONTRACTS.values()) for text in texts]
    return Plan(Condition("true"), tuple(calls), tuple(after), 0.0)


@st.composite
def plans(draw):
    texts = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6))
    after = [draw(st.sets(st.integers(0, i - 1))) if i else set() for i in range(len(texts))]
    return plan_of(texts, (tuple(sorted(before)) for before in after))


def waiting_for(plan, index):
    """Indices of all that wait for a call, found by walking from each of them."""

    def waits(i):
        return any(j == index or waits(j) for j in plan.after[i])

    return {i for i in range(len(plan.calls)) if waits(i)}


@given(plans(), st.booleans(), st.data())
def test_whatever_ends_when_all_calls_run_once_and_none_beside_one_it_clashes_with(
    plan, apart, data
):
    turns, done, running = Turns.of(plan, apart=apart), set(), set()
    while len(done) < len(plan.calls):
        for index in turns.begins(done, running):
            assert done >= set(plan.after[index])
            assert index not in done | running
            running.add(index)
        claims = [resource for i in running for resource in plan.calls[i].resources]
        assert len(set(claims)) == len(claims)
        names = [plan.calls[i].contract.name for i in running]
        assert apart or len(set(names)) == len(names)
        assert running
        over = data.draw(st.sampled_from(sorted(running)))
        running.remove(over)
        done.add(over)


@given(plans(), st.booleans(), st.data())
def test_what_is_ahead_of_a_call_is_what_comes_when_it_ends(plan, apart, data):
    turns, done, running = Turns.of(plan, apart=apart), set(), set()
    while len(done) < len(plan.calls):
        running |= set(turns.begins(done, running))
        over = data.draw(st.sampled_from(sorted(running)))
        ahead = turns.ahead(over, done, running)
        assert sorted(map(str, ahead.after)) == sorted(
            str(plan.calls[i]) for i in waiting_for(plan, over)
        )
        running.remove(over)
        done.add(over)
        begun = [plan.calls[i] for i in turns.begins(done, running)]
        same = [call for call in begun if call.resources == plan.calls[over].resources]
        assert [ahead.following] == (same or [None])
        assert ahead.awaited == (len(begun) > len(same))


@given(st.lists(st.sampled_from((PICKS[0], TEXTS[3])), min_size=1, max_size=6))
def test_one_hand_has_its_calls_in_line(texts):
    """What an executor of one call at a time reckons with is the same thing."""
    plan = Plan.sequence(Condition("true"), plan_of(texts, ()).calls)
    turns = Turns.of(plan, apart=True)
    for index in range(len(texts)):
        ahead = turns.ahead(index, set(range(index)), {index})
        assert ahead == Ahead.in_line(plan.calls[index + 1 :])


def test_a_call_that_still_waits_for_the_other_hand_does_not_follow_yet():
    place = "place_in(blue_cube, bin, hand=right)"
    turns = Turns.of(plan_of((*PICKS, place), ((), (), (0, 1))), apart=True)
    assert turns.ahead(1, set(), {0, 1}).following is None
    assert [str(call) for call in turns.ahead(1, set(), {0, 1}).after] == [place]
    assert str(turns.ahead(1, {0}, {1}).following) == place


def test_a_call_of_both_hands_follows_neither_of_them():
    turns = Turns.of(plan_of((*PICKS, TEXTS[2]), ((), (), (0, 1))), apart=True)
    assert turns.ahead(0, {1}, {0}) == Ahead((turns.plan.calls[2],), awaited=True)


def test_a_cyclic_order_has_no_turns():
    with pytest.raises(ExecutionError, match="cycle"):
        Turns.of(plan_of(PICKS, ((1,), (0,))), apart=True)
