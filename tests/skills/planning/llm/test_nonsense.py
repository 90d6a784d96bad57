"""A model whose answers fit the schema and mean nothing changes no plan for the worse."""

import random
from collections import Counter
from pathlib import Path

import pytest
import yaml

from kata.skills.contract.testing_scene import facts_for
from kata.skills.planning.llm import LanguageModelPlanner
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.sentence import Chain, EmbeddedPlanner
from kata.skills.planning.service import make_plan

from .independent import assert_right
from .openai_server import nonsense

CASES = yaml.safe_load(
    (Path(__file__).resolve().parents[3] / "data" / "sentences.yaml").read_text("utf-8")
)
SCENES = {
    "table": facts_for(),
    "drawer": facts_for({"red_cube": "drawer", "blue_cube": "drawer"}),
}
FEW = random.Random(4).sample(CASES, 12)


def outcomes(cases, serve, chat_with, contracts) -> Counter:
    """What came of each sentence: by status whose calls they are, and whether it is right."""
    server, symbolic, out = serve(nonsense(7)), SymbolicPlanner(), Counter()
    model = LanguageModelPlanner(chat_with(server), symbolic)
    chain = Chain((model, EmbeddedPlanner(symbolic)))
    for case in cases:
        facts = SCENES[case.get("scene", "table")]
        answer = chain.answer(case["say"], facts, contracts)
        alone = make_plan(case["say"], facts, contracts, planner=symbolic)
        right = (answer.status, answer.goal) == (alone.status, alone.goal)
        if answer.plan is not None:
            assert_right(answer.plan.calls, answer.goal, facts, contracts)
            assert answer.plan.cost <= alone.plan.cost + 1e-9
        # Where nothing is understood the model may ask, or say that it cannot be done.
        harmless = alone.status == "not_understood" and answer.plan is None
        assert right or harmless, case["say"]
        out[alone.status, answer.status, answer.planner] += 1
    return out


def test_a_dozen_sentences_come_out_right_whatever_the_model_says(serve, chat_with, contracts):
    out = outcomes(FEW, serve, chat_with, contracts)
    assert sum(out.values()) == 12
    assert sum(count for (was, now, _), count in out.items() if was == now == "plan") >= 5


@pytest.mark.slow
def test_all_sentences_come_out_right_whatever_the_model_says(serve, chat_with, contracts):
    out = outcomes(CASES, serve, chat_with, contracts)
    assert sum(out.values()) == len(CASES)
    plans = sum(case["status"] == "plan" for case in CASES)
    assert sum(count for (was, now, _), count in out.items() if was == now == "plan") == plans
