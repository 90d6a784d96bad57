"""Recorded answers of good and bad models, over real HTTP, each with what must come of it."""

import json
from pathlib import Path

import pytest

from kata.skills.contract.testing_scene import TYPES, facts_for, table_of
from kata.skills.planning.llm import LanguageModelPlanner
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.sentence import Chain, EmbeddedPlanner

from .openai_server import scripted

FOLDER = Path(__file__).resolve().parents[3] / "data" / "llm"
CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


@pytest.mark.parametrize("name", CASES)
def test_what_comes_of_an_answer(name, serve, chat_with, contracts):
    case = CASES[name]
    server = serve(scripted(*case["replies"]))
    symbolic = SymbolicPlanner()
    model = LanguageModelPlanner(chat_with(server), symbolic, confirm=case.get("confirm", True))
    chain = Chain((model, EmbeddedPlanner(symbolic)))
    more = {name: frozenset(tags) for name, tags in case.get("names", {}).items()}
    facts = facts_for(table=table_of({**TYPES, **more}))
    answer = chain.answer(case["sentence"], facts, contracts)
    expect = case["expect"]
    found = answer.to_json()
    assert [each["kind"] for each in found["violations"]] == expect["kinds"]
    assert {key: found[key] for key in ("status", "planner", "rounds", "calls")} == {
        key: expect[key] for key in ("status", "planner", "rounds", "calls")
    }
    assert found["rounds"] == len(server.requests)
    assert case.get("note", "") in found["message"]
    if "goal" in case:
        assert found["goal"] == case["goal"]
    if answer.status != "plan":
        assert answer.plan is None


def test_there_are_enough_and_all_are_understood():
    assert len(CASES) >= 40
    assert {case["expect"]["planner"] for case in CASES.values()} == {"llm", "symbolic", "embedded"}
    assert all(case["what"] for case in CASES.values())
