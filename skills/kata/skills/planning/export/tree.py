"""A plan as text: numbered calls, what may run at the same time as branches of a tree."""

from __future__ import annotations

from collections.abc import Iterator

from kata.skills.planning.plan import Plan

from .blocks import Block, blocks_of


def tree_lines(plan: Plan) -> tuple[str, ...]:
    """The calls, a line each; branches are done at the same time."""
    return tuple(_lines(blocks_of(plan), plan))


def tree_text(plan: Plan) -> str:
    """The goal and the calls as text."""
    return "\n".join([f"goal: {plan.goal}", *(f"  {line}" for line in tree_lines(plan))]) + "\n"


def numbered(plan: Plan, index: int) -> str:
    """A call with its number, from 1, as plans are shown."""
    return f"{index + 1}. {plan.calls[index]}"


def _lines(block: Block, plan: Plan) -> Iterator[str]:
    if block.kind == "call":
        waits = ", ".join(str(i + 1) for i in block.waits)
        yield numbered(plan, block.index) + (f"  (after {waits})" if waits else "")
    elif block.kind == "series":
        for part in block.parts:
            yield from _lines(part, plan)
    else:
        yield "at the same time"
        for count, part in enumerate(block.parts, 1):
            last = count == len(block.parts)
            for row, line in enumerate(_lines(part, plan)):
                mark = "└─ " if last else "├─ "
                yield (mark if row == 0 else "   " if last else "│  ") + line
