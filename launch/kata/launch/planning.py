"""How the answer to a sentence is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kata.skills.planning.service import PlanAnswer

_TITLES = {
    "plan": "plan",
    "ambiguous": "ambiguous",
    "missing_skill": "no plan",
    "not_understood": "not understood",
}


def answer_lines(answer: PlanAnswer) -> tuple[str, ...]:
    """The answer in lines: status and message, goal, calls, options."""
    lines = [f"{_TITLES[answer.status]}: {answer.message}"]
    if answer.goal:
        lines.append(f"goal: {' and '.join(answer.goal)}")
    lines += [f"  {number}. {call}" for number, call in enumerate(answer.calls, 1)]
    if answer.status == "ambiguous":
        lines += [f"  could be: {option}" for option in answer.options]
    return tuple(lines)
