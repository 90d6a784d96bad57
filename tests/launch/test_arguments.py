"""Sentences stay raw; everything else is a key, a flag or an error."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import ConfigError, KataError
from kata.launch.arguments import override_key, split
from kata.launch.configuration import compose, sweep
from kata.launch.keys import verb_keys

PLAN = verb_keys("plan")

sentences = st.text(min_size=1).filter(
    lambda text: not text.startswith("-") and not PLAN.knows(override_key(text) or "?")
)


@given(sentences)
def test_any_sentence_survives(sentence: str) -> None:
    arguments = split([sentence, "seed=3"], PLAN)
    assert arguments.words == (sentence,)
    assert arguments.overrides == ("seed=3",)


@given(st.text())
def test_after_two_dashes_every_text_survives(sentence: str) -> None:
    assert split(["--", sentence, "seed=3"], PLAN).words == (sentence,)


@pytest.mark.parametrize(
    "sentence",
    [
        "don't close it, put it in, then wait",
        'put "that" in {the: drawer}, [please] = ${now}',
        "speed=0.3 and put the cube down",
        "räum den Tisch auf 🧹",
        "-5 cubes in the drawer",
    ],
)
def test_sentence_reaches_the_configuration_untouched(sentence: str) -> None:
    assert compose(split([sentence, "seed=1"], PLAN), PLAN).text == sentence


def test_words_without_quotes_are_one_sentence() -> None:
    config = compose(split(["close", "the", "drawer", "seed=2"], PLAN), PLAN)
    assert (config.text, config.seed) == ("close the drawer", 2)


def test_folders_may_hold_anything_that_a_path_may() -> None:
    config = compose(split(["x", "out=/tmp/a b, (c)=[d]"], PLAN), PLAN)
    assert config.out == "/tmp/a b, (c)=[d]"


def test_words_come_first() -> None:
    with pytest.raises(ConfigError, match="words after a key=value"):
        split(["seed=1", "close the drawer"], PLAN)


def test_a_verb_without_words_refuses_them() -> None:
    with pytest.raises(ConfigError, match="takes no words"):
        split(["pick"], verb_keys("record"))


@given(st.lists(st.text(max_size=12), max_size=5))
def test_no_line_ends_in_anything_but_arguments_or_a_clear_error(line: list[str]) -> None:
    with contextlib.suppress(KataError):
        arguments = split(line, PLAN)
        assert len(arguments.words) + len(arguments.overrides) <= len(line)


def test_a_sweep_is_every_combination_in_order() -> None:
    runs = sweep(split(["x", "seed=1,2", "robot=panda"], PLAN))
    assert [run.overrides for run in runs] == [("seed=1", "robot=panda"), ("seed=2", "robot=panda")]
    assert {run.words for run in runs} == {("x",)}
