"""A new object or skill needs no code; no sentence breaks the grounder."""

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import Condition
from kata.skills.contract.contract import Contract, Parameter
from kata.skills.contract.testing_scene import TYPES, facts_for, table_of
from kata.skills.planning.language import Ambiguous, Grounded, Grounder, NotUnderstood, Unable
from kata.skills.planning.language.lexicon import lexicon, plural, verb_forms
from kata.skills.planning.language.words import NameWords
from kata.skills.planning.service import make_plan

FACTS = facts_for()


def goals(sentence, contracts, facts=FACTS):
    answer = Grounder(facts.table, contracts).ground(sentence, facts)
    assert isinstance(answer, Grounded), answer
    return [str(goal) for goal in answer.goals]


def test_a_new_object_is_spoken_of_by_its_name_alone(contracts):
    types = TYPES | {"striped_mug": frozenset({"object", "mug"})}
    facts = facts_for(table=table_of(types))
    assert goals("grab the striped mug", contracts, facts) == ["holding(striped_mug)"]
    assert goals("put the mug in the bin", contracts, facts) == ["in(striped_mug, bin)"]
    assert goals("put all mugs in the bin", contracts, facts) == ["in(striped_mug, bin)"]


def test_a_second_container_makes_the_tray_ambiguous(contracts):
    types = TYPES | {"small_bin": frozenset({"container", "fixture"})}
    facts = facts_for(table=table_of(types))
    answer = Grounder(facts.table, contracts).ground("put the red cube in the tray", facts)
    assert isinstance(answer, Ambiguous)
    assert answer.options == ("bin", "small_bin")


def test_a_new_skill_is_spoken_of_by_its_name_alone(contracts):
    flip = Contract(
        "flip",
        "1.0.0",
        "Set an object upright.",
        (Parameter("object", "object"),),
        Condition.parse("gripper_empty() and not upright(?object)"),
        Condition.parse(""),
        Condition.parse("upright(?object)"),
        5.0,
    )
    facts = facts_for(false=["upright(blue_cube)"])
    assert goals("flip the blue cube", [*contracts, flip], facts) == ["upright(blue_cube)"]
    answer = make_plan("try flipping the blue cube", facts, [*contracts, flip])
    assert answer.calls == ("flip(blue_cube)",)  # "try" alone is not in the lexicon
    answer = make_plan("please flip the blue cube", facts, [*contracts, flip])
    assert answer.calls == ("flip(blue_cube)",)


def test_numbered_names_share_their_noun():
    assert NameWords.of("cube_2") == NameWords("cube", frozenset({"2"}))
    assert NameWords.of("red_cube") == NameWords("cube", frozenset({"red"}))
    assert NameWords.of("drawer") == NameWords("drawer", frozenset())


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("put", ("put", "puts", "putting")),
        ("place", ("place", "places", "placing")),
        ("open", ("open", "opens", "opening")),
        ("carry", ("carry", "carries", "carrying")),
        ("turn on", ("turn on", "turns on", "turning on")),
    ],
)
def test_verb_forms(verb, forms):
    assert verb_forms(verb) == forms


def test_plurals():
    assert [plural(word) for word in ("cube", "box", "shelf", "toy")] == [
        "cubes",
        "boxes",
        "shelves",
        "toys",
    ]


def test_order_makes_stages_and_a_contradiction_too(contracts):
    assert goals("press the button, then open the drawer", contracts) == [
        "pressed(button)",
        "open(drawer)",
    ]
    assert goals("press the button and open the drawer", contracts) == [
        "pressed(button) and open(drawer)"
    ]
    assert goals("open the drawer and close it", contracts) == ["open(drawer)", "closed(drawer)"]


def test_a_typo_is_answered_with_the_corrected_sentence(contracts):
    answer = Grounder(FACTS.table, contracts).ground("close teh drawr", FACTS)
    assert isinstance(answer, NotUnderstood)
    answer = Grounder(FACTS.table, contracts).ground("close the drawr", FACTS)
    assert isinstance(answer, NotUnderstood)
    assert answer.suggestions == ("close the drawer",)


def test_suggestions_are_understood(contracts):
    answer = Grounder(FACTS.table, contracts).ground("what now?", FACTS)
    assert isinstance(answer, NotUnderstood)
    assert len(answer.suggestions) == 6
    for suggestion in answer.suggestions:
        assert isinstance(Grounder(FACTS.table, contracts).ground(suggestion, FACTS), Grounded)


def test_too_long_a_sentence_is_refused(contracts):
    answer = Grounder(FACTS.table, contracts).ground("open the drawer and " * 100, FACTS)
    assert isinstance(answer, NotUnderstood)


_WORDS = sorted({phrase for phrases in lexicon().phrases.values() for phrase in phrases})
_SCENE = [
    "cube",
    "cubes",
    "red",
    "blue",
    "drawer",
    "bin",
    "red_cube",
    "table",
    "thing",
    "3",
    ",",
    "?",
]


@given(st.lists(st.sampled_from(_WORDS + _SCENE * 8), max_size=12).map(" ".join))
def test_any_words_get_an_answer_and_the_same_one_twice(contracts, sentence):
    grounder = Grounder(FACTS.table, contracts)
    answer = grounder.ground(sentence, FACTS)
    assert isinstance(answer, Grounded | Ambiguous | NotUnderstood | Unable)
    assert answer == Grounder(FACTS.table, contracts).ground(sentence, FACTS)
    if isinstance(answer, Ambiguous):
        assert answer.options
        assert answer.message


@given(st.text(alphabet=string.printable + "äß漢🙂", max_size=80))
def test_any_text_gets_an_answer(contracts, sentence):
    answer = Grounder(FACTS.table, contracts).ground(sentence, FACTS)
    assert isinstance(answer, Grounded | Ambiguous | NotUnderstood | Unable)


def test_politeness_and_case_change_nothing(contracts):
    plain = goals("put the red cube in the drawer", contracts)
    assert goals("Please PUT the Red Cube into the drawer, thanks!", contracts) == plain
    assert goals("could you put the red cube in the drawer?", contracts) == plain


def test_more_versions_of_a_skill_do_not_change_the_meaning(contracts):
    newer = [replace(contract, version="2.0.0") for contract in contracts]
    sentence = "put the red cube in the drawer and close it"
    assert goals(sentence, [*contracts, *newer]) == goals(sentence, contracts)
