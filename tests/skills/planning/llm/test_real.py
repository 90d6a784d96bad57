"""A real language model, where the environment names one: whatever it says, the plans are right."""

import pytest

from kata.skills.contract.testing_scene import facts_for
from kata.skills.planning.llm import Endpoint, LanguageModelPlanner, OpenAIChat
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.sentence import Chain, EmbeddedPlanner

from .independent import assert_right

SENTENCES = {
    "open the drawer": ("open(drawer)",),
    "put the red cube in the drawer, then close it": ("in(red_cube, drawer)", "closed(drawer)"),
    "stack the green cube on the blue cube": ("on(green_cube, blue_cube)",),
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_real_model_is_understood_and_answers_in_form(sentence, language_model, contracts):
    chat = OpenAIChat(Endpoint(*language_model, timeout_s=240.0, allow_http=True))
    symbolic, facts = SymbolicPlanner(), facts_for()
    model = LanguageModelPlanner(chat, symbolic)
    found = Chain((model, EmbeddedPlanner(symbolic))).answer(sentence, facts, contracts)
    assert found.status == "plan"
    assert found.rounds >= 1, found.message
    # A model that follows the schema makes mistakes of meaning only.
    if chat.dialect.form == "json_schema":
        assert all(each.kind != "form" for each in found.violations)
    assert_right(found.plan.calls, SENTENCES[sentence], facts, contracts)
