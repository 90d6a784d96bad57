"""Files of sentences with what must come of them, and whether an answer is that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kata.datasets.types import Facts
from kata.skills.contract.testing_scene import facts_for
from kata.skills.planning.service import PlanAnswer

SCENES: Mapping[str, Facts] = {
    "table": facts_for(),
    "drawer": facts_for({"red_cube": "drawer", "blue_cube": "drawer"}),
    "open": facts_for({"red_cube": "drawer"}, true=["open(drawer)"]),
    "tower": facts_for({"red_cube": "blue_cube"}),
    "hand": facts_for({"green_cube": "hand"}),
}
_DATA = Path(__file__).resolve().parents[2] / "data"


def read_cases(name: str) -> list[dict[str, Any]]:
    """The cases of `tests/data/NAME.yaml`."""
    cases = yaml.safe_load((_DATA / f"{name}.yaml").read_text(encoding="utf-8"))
    return [dict(case) for case in cases]


def wrong(case: Mapping[str, Any], answer: PlanAnswer) -> str:
    """What is wrong with an answer; empty if nothing is."""
    statuses = case["status"] if isinstance(case["status"], list) else [case["status"]]
    if answer.status not in statuses:
        return f"{answer.status} {list(answer.goal)}: {answer.message}"
    goals = case.get("goals") or ([case["goal"]] if "goal" in case else [])
    if goals and not any(_same(goal, answer.goal) for goal in goals):
        return f"goal {list(answer.goal)}"
    if "order" in case and not _ordered(case["order"], answer.calls):
        return f"calls {list(answer.calls)}"
    said = " ".join((answer.message, *answer.options)).lower().replace("_", " ")
    if case.get("message", "") not in said:
        return f"message: {answer.message}"
    options = " ; ".join(answer.options).replace("_", " ")
    missing = [o for o in case.get("could_be", []) if o.replace("_", " ") not in options]
    if missing:
        return f"options {list(answer.options)} without {missing}"
    if "suggests" in case and list(answer.options[:1]) != [case["suggests"]]:
        return f"suggestions {list(answer.options)}"
    return ""


def _same(goal: Sequence[str], found: Sequence[str]) -> bool:
    """The same facts; what follows from them may be said too: a moved thing has left its place."""
    extra = set(found) - set(goal)
    moved = {text[3:].split(",")[0] for text in goal if text.startswith(("in(", "on("))}
    follows = {text for text in extra if text[:7] in ("not in(", "not on(")}
    follows = {text for text in follows if text[7:].split(",")[0] in moved}
    return set(goal) <= set(found) and extra <= follows | {"gripper_empty()"}


def _ordered(order: Sequence[str], calls: Sequence[str]) -> bool:
    places = [calls.index(call) if call in calls else -1 for call in order]
    return min(places) >= 0 and places == sorted(places)


def scores(
    cases: Sequence[Mapping[str, Any]], answer: Callable[[str, Facts], PlanAnswer]
) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Right answers and cases by kind, and a line for each that is wrong."""
    right: defaultdict[str, list[int]] = defaultdict(list)
    lines = []
    for case in cases:
        fault = wrong(case, answer(case["say"], SCENES[case.get("scene", "table")]))
        right[case["kind"]].append(not fault)
        if fault:
            lines.append(f"{case['kind']}: {case['say']!r}: {fault}")
    return {kind: (sum(found), len(found)) for kind, found in right.items()}, lines
