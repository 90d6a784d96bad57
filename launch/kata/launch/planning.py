"""How the answer to a sentence is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .descriptors import predicted_words

if TYPE_CHECKING:
    from kata.skills.planning.service import PlanAnswer

_TITLES = {
    "plan": "plan",
    "ambiguous": "ambiguous",
    "missing_skill": "no plan",
    "not_understood": "not understood",
}


def answer_lines(answer: PlanAnswer, predicted: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The answer in lines: status and message, goal, calls, prediction, options."""
    lines = [f"{_TITLES[answer.status]}: {answer.message}"]
    if answer.goal:
        lines.append(f"goal: {' and '.join(answer.goal)}")
    lines += [f"  {number}. {call}" for number, call in enumerate(answer.calls, 1)]
    if predicted is not None:
        lines.append(f"success: {predicted_words(predicted)}, without a new plan on the way")
    if answer.status == "ambiguous":
        lines += [f"  could be: {option}" for option in answer.options]
    return tuple(lines)
