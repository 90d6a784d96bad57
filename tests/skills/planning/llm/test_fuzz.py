"""Whatever a model says, nothing breaks, and nothing runs that is not sound and asked for."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from kata.skills.contract.testing_scene import facts_for
from kata.skills.planning.llm import LanguageModelPlanner
from kata.skills.planning.llm.chat import NoAnswerError
from kata.skills.planning.llm.stream import Reply
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.sentence import Passed

from .independent import assert_right
from .schema_sampler import mutated, sample

FOLDER = Path(__file__).resolve().parents[3] / "data" / "llm"
SENTENCES = {
    "put the red cube in the drawer, then close it": ("in(red_cube, drawer)", "closed(drawer)"),
    "open the drawer": ("open(drawer)",),
    "stack the red cube on the blue cube": ("on(red_cube, blue_cube)",),
    "xyzzy plugh frobnicate": (),
}


def recorded() -> list[str]:
    """Every text that is on record."""
    texts = []
    for path in sorted(FOLDER.glob("*.json")):
        for reply in json.loads(path.read_text("utf-8"))["replies"]:
            calls = reply.get("tool_calls", ())
            texts += [reply.get("content") or "", *(c["function"]["arguments"] for c in calls)]
    return texts


class FuzzedChat:
    """Answers with mutations of what is on record and of samples of the schema."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.texts = recorded()
        self.said = 0

    def complete(self, _messages, schema):
        rng = self.rng
        self.said += 1
        if rng.random() < 0.01:
            raise NoAnswerError("HTTP 500")
        text = rng.choice(self.texts) if rng.random() < 0.6 else json.dumps(sample(schema, rng))
        if rng.random() < 0.7:
            text = mutated(text, rng)
        finish = rng.choice(("stop", "stop", "stop", "tool_calls", "length"))
        return Reply(text, "no" if rng.random() < 0.01 else "", finish)


PLANNED = {}


class OncePlanned(SymbolicPlanner):
    """Remembers plans, so that thousands of answers to a few sentences are soon judged."""

    def plan(self, goal, facts, contracts, failures=()):
        key = (goal, facts.truth.tobytes())
        if key not in PLANNED:
            PLANNED[key] = super().plan(goal, facts, contracts, failures)
        return PLANNED[key]


def fuzz(answers: int, seed: int, contracts) -> Counter:
    """How many answers came out as what."""
    chat, out = FuzzedChat(seed), Counter()
    facts, symbolic = facts_for(), OncePlanned()
    while chat.said < answers:
        rounds, confirm = chat.rng.choice((1, 2, 3)), chat.rng.random() < 0.5
        planner = LanguageModelPlanner(chat, symbolic, rounds, confirm)
        sentence = chat.rng.choices(list(SENTENCES), weights=(5, 2, 1, 2))[0]
        answer = planner.answer(sentence, facts, contracts)
        if isinstance(answer, Passed):
            out["passed"] += 1
            continue
        assert answer.rounds <= rounds
        json.dumps(answer.to_json())
        out[answer.status, answer.planner] += 1
        if answer.plan is None:
            assert answer.status != "plan"
            continue
        assert_right(answer.plan.calls, SENTENCES[sentence] or answer.goal, facts, contracts)
        if not SENTENCES[sentence]:
            assert not confirm, "nobody was asked back"
    return out


@pytest.mark.parametrize(
    ("answers", "seed"), [(300, 1), pytest.param(10_000, 2, marks=pytest.mark.slow)]
)
def test_no_answer_breaks_anything_and_no_unsound_call_comes_out(answers, seed, contracts):
    out = fuzz(answers, seed, contracts)
    # The fuzz is worth something only where some answers pass and others do not.
    assert out["plan", "llm"] > answers / 100
    assert out["plan", "symbolic"] > answers / 20
    assert out["passed"]
