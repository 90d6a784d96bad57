"""What denies, warns, puts off or puts a condition never becomes the plan to do it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.skills.contract.testing_scene import facts_for
from kata.skills.planning.language.guards import guards
from kata.skills.planning.service import make_plan

FACTS = facts_for()


@pytest.mark.parametrize(
    "said",
    [
        "please abstain from pressing the button",
        "opening the drawer is prohibited",
        "I wouldn't open the drawer",
        "cancel pressing the button",
        "beware of pressing the button",
        "nix on pressing the button",
        "hold off on pressing the button",
        "postpone pressing the button",
        "pressing the button is dangerous",
        "opening the drawer would be bad",
        "far be it from me to ask you to press the button",
        "if only you could press the button",
        "only a fool would press the button",
        "I would hate it if you opened the drawer",
        "it would break my heart if you opened the drawer",
        "if you opened the drawer I would cry",
        "pressing the button kills",
        "opening the drawer gets you fired",
        "my lawyer objects to opening the drawer",
        "who would open the drawer",
        "I would open the drawer",
        "the drawer is unlikely to be open",
        "the red cube in the drawer would be awful",
        "the red cube in the drawer, yuck",
        "put the red cube in the drawer later",
        "put the red cube in the drawer, but later on",
        "later open the drawer",
        "pop the red cube in the drawer next year",
        "press the button, I mean tomorrow",
        "yesterday, would you kindly press the button",
    ],
)
def test_it_is_refused(said, contracts):
    answer = make_plan(said, FACTS, contracts)
    assert answer.status == "not_understood", (said, answer.goal, answer.message)


@pytest.mark.parametrize(
    ("said", "goal"),
    [
        ("don't open the drawer", "not open(drawer)"),
        ("you must not open the drawer", "not open(drawer)"),
        ("I never asked you to open the drawer", "not open(drawer)"),
        ("avoid pressing the button", "not pressed(button)"),
    ],
)
def test_a_denial_that_is_read_stays_in_the_goal(said, goal, contracts):
    assert make_plan(said, FACTS, contracts).goal == (goal,)


@pytest.mark.parametrize(
    ("said", "goal"),
    [
        ("why don't you press the button", "pressed(button)"),
        ("don't forget to press the button", "pressed(button)"),
        ("I would be grateful if you pressed the button", "pressed(button)"),
        ("yank the drawer open", "open(drawer)"),
        ("my aunt is coming over, could you open the drawer?", "open(drawer)"),
        ("I bought it last week, could you open the drawer?", "open(drawer)"),
        ("would you open the drawer for the visitors", "open(drawer)"),
    ],
)
def test_polite_forms_and_asides_are_still_left_out(said, goal, contracts):
    assert make_plan(said, FACTS, contracts).goal == (goal,)


def test_later_is_an_order_between_two_requests(contracts):
    answer = make_plan("open the drawer, later press the button", FACTS, contracts)
    assert answer.calls[-1] == "press(button)"


_BEFORE_ING = [
    *("abstain from", "please refrain from", "cancel", "beware of", "postpone", "hold off on"),
    *("nix on", "quit", "stop", "skip", "eschew", "shun", "renounce", "I am against"),
    *("no", "down with", "I object to", "shy away from", "put off", "pretend to be", "I hate"),
    *("kindly delay", "would you please avoid", "think twice before", "fake", "wait with"),
]
_AFTER_ING = [
    *("is prohibited", "is forbidden", "is dangerous", "would be bad", "is not allowed"),
    *("is out of the question", "hurts", "is a no-go", "isn't wise", "would upset me"),
    *("is my worst nightmare", "is banned", "can wait", "was yesterday", "is for tomorrow"),
]
_BEFORE = [
    *("I wouldn't", "far be it from me to ask you to", "if only you could", "never", "do not"),
    *(
        "I forbid you to",
        "you are not to",
        "woe to those who",
        "only a fool would",
        "I dare you to",
    ),
    *("it is a crime to", "god forbid that you", "pretend to", "tomorrow", "later", "nobody may"),
    *("it would be unwise to", "I'd rather you did not", "resist the urge to", "who would"),
]
_AFTER = [
    *("later", "tomorrow", "never", ", not", ", or rather don't", "in an hour", "next week"),
    *("? no way", ", psych", "at noon", "only if I say so", "unless it rains", "and you are fired"),
    *(", just kidding", "over my dead body", "in your dreams", "at your peril", "until I say stop"),
]
_GOALS = [
    ("press the button", "pressing the button", "pressed(button)"),
    ("open the drawer", "opening the drawer", "open(drawer)"),
    (
        "put the red cube in the drawer",
        "putting the red cube in the drawer",
        "in(red_cube, drawer)",
    ),
    ("pop the blue cube in the bin", "popping the blue cube in the bin", "in(blue_cube, bin)"),
]
_DENIED = st.one_of(
    st.sampled_from(_BEFORE_ING).map(lambda said: f"{said} {{ing}}"),
    st.sampled_from(_AFTER_ING).map(lambda said: f"{{ing}} {said}"),
    st.sampled_from(_BEFORE).map(lambda said: f"{said} {{do}}"),
    st.sampled_from(_AFTER).map(lambda said: f"{{do}} {said}"),
)
_AROUND = st.sampled_from(["{}", "please {}", "hello, {}", "my aunt is coming, {}", "{}, thanks"])


@given(_DENIED, _AROUND, st.sampled_from(_GOALS))
@settings(max_examples=80)
def test_a_denied_goal_is_never_the_goal(contracts, denied, around, goal):
    do, ing, fact = goal
    answer = make_plan(around.format(denied.format(do=do, ing=ing)), FACTS, contracts)
    assert fact not in " ; ".join(answer.goal).replace(f"not {fact}", ""), answer.message


@pytest.mark.parametrize("said", [*_BEFORE_ING, *_AFTER_ING, *_BEFORE])
def test_no_denial_is_a_way_of_asking(said):
    assert not guards().asks(said)


def test_a_denial_counts_as_kept_once():
    assert not guards().lost("don't open it", "do not open it")
    assert guards().lost("don't open it and don't close it", "do not open it")
    assert not guards().lost("don't worry, open it", "open it")
