"""A plan as Graphviz text; no Graphviz is needed to write it."""

from __future__ import annotations

from kata.skills.planning.plan import Plan

from .tree import numbered


def dot_text(plan: Plan) -> str:
    """A digraph: a box a call with what it claims, an arrow to what waits for it, the goal last."""
    lines = ["digraph plan {", "  rankdir=TB;", '  node [shape=box, fontname="sans-serif"];']
    for index, call in enumerate(plan.calls):
        claims = ", ".join(sorted(call.resources))
        label = f"{numbered(plan, index)}\n{claims}" if claims else numbered(plan, index)
        lines.append(f"  call{index + 1} [label={_quoted(label)}];")
    lines.append(f"  goal [label={_quoted(str(plan.goal))}, shape=ellipse];")
    waited = {i for direct in plan.after for i in direct}
    for index, direct in enumerate(plan.after):
        lines += [f"  call{i + 1} -> call{index + 1};" for i in direct]
    lines += [f"  call{i + 1} -> goal;" for i in range(len(plan.calls)) if i not in waited]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
