"""Sentences and what comes of them; `tests/data/sentences.yaml` is the golden file."""

from pathlib import Path

import pytest
import yaml

from kata.skills.contract.testing_scene import facts_for
from kata.skills.planning.service import make_plan

CASES = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "data" / "sentences.yaml").read_text(encoding="utf-8")
)
SCENES = {
    "table": facts_for(),
    "drawer": facts_for({"red_cube": "drawer", "blue_cube": "drawer"}),
}


@pytest.mark.parametrize("case", CASES, ids=[case["say"][:60] for case in CASES])
def test_sentence(case, contracts):
    answer = make_plan(case["say"], SCENES[case.get("scene", "table")], contracts)
    assert answer.status == case["status"]
    assert list(answer.goal) == case.get("goal", [])
    assert list(answer.calls) == case.get("calls", [])
    assert case.get("message", "") in answer.message


def test_every_status_is_covered():
    statuses = {case["status"] for case in CASES}
    assert statuses == {"plan", "ambiguous", "missing_skill", "not_understood"}
    assert len(CASES) >= 80


def test_answer_as_json_has_the_promised_keys(contracts):
    answer = make_plan("open the drawer", facts_for(), contracts)
    assert answer.to_json() == {
        "status": "plan",
        "goal": ["open(drawer)"],
        "calls": ["open(drawer)"],
        "message": "1 call, about 5 s",
        "planner": "embedded",
        "rounds": 0,
        "violations": [],
    }


def test_nothing_to_do_when_it_is_so_already(contracts):
    answer = make_plan("open the drawer", facts_for(true=["open(drawer)"]), contracts)
    assert (answer.status, answer.calls) == ("plan", ())
    assert answer.message == "nothing to do: it is so already"


def test_it_is_what_the_hand_holds_if_nothing_was_named(contracts):
    answer = make_plan("put it on the shelf", facts_for({"green_cube": "hand"}), contracts)
    assert answer.calls == ("place(green_cube, shelf)",)


def test_a_missing_skill_is_named_with_the_nearest(contracts):
    known = [contract for contract in contracts if contract.name != "press"]
    answer = make_plan("press the button", facts_for(), known)
    assert answer.status == "missing_skill"
    assert answer.goal == ("pressed(button)",)
    assert answer.message.startswith("pressed(button): no known skill makes it true")
