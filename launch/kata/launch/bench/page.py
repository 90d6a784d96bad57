"""The tables of a bench: for a terminal, and `performance.md` for everyone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .table import number

_MARKS = {True: "reached", False: "MISSED", None: ""}


def lines(name: str, result: Mapping[str, Any]) -> list[str]:
    """A bench's rows for a terminal, under a heading."""
    found = [f"{name:<46}{'ours':>10} {'baseline':>10} {'ratio':>9}  must"]
    for row in result["rows"]:
        told = f"{row['must']} {_MARKS[row['ok']]}".strip()
        what = f"  {row['name']}, {row['unit']}"
        values = [number(row[key]) or "-" for key in ("ours", "baseline", "ratio")]
        line = f"{what:<46}{values[0]:>10} {values[1]:>10} {values[2]:>9}  {told}"
        found.append(line.rstrip())
    return found


def page(
    results: Mapping[str, Mapping[str, Any]], machine: Mapping[str, Any], seconds: float
) -> str:
    """`performance.md`: what was measured, how, on what, and what limits it."""
    parts = [_HEAD, _machine(machine, seconds)]
    for name, result in results.items():
        parts.append(f"## {name}\n\n{_table(result['rows'])}")
        parts += [_growth(growth) for growth in result["growth"]]
        if result["notes"]:
            parts.append("\n".join(f"- {note}" for note in result["notes"]))
    return "\n\n".join(parts) + "\n"


_HEAD = """# Performance

Written by `kata bench all`; do not edit by hand. Each row is measured beside its baseline in the
same run on the same machine, because absolute times change with the machine and with what else it
does: read the ratios. Values are medians, in brackets the least and the greatest run.
`make bench-check` measures again and fails where a ratio is 20 % worse than the one in
[performance.json](performance.json). `kata bench NAME` runs one of them."""


def _machine(machine: Mapping[str, Any], seconds: float) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"Measured in {seconds / 60:.0f} minutes on {machine['processor']}, {machine['cores']} "
        f"cores, {machine['memory_gb']:.0f} GB, {machine['system']}, Python {machine['python']}, "
        f"{versions}."
    )


def _table(rows: list[Mapping[str, Any]]) -> str:
    found = [
        "| what | unit | ours | baseline | ratio | must | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        against = f" ({row['against']})" if row["against"] else ""
        cells = (
            row["name"],
            row["unit"],
            _value(row["spread"]["ours"]),
            f"{_value(row['spread']['baseline'])}{against}" if row["spread"]["baseline"] else "–",
            number(row["ratio"]) or "–",
            row["must"] or "–",
            _MARKS[row["ok"]],
        )
        found.append("| " + " | ".join(cells) + " |")
    return "\n".join(found)


def _value(sample: Mapping[str, Any]) -> str:
    if sample["runs"] == 1:
        return number(sample["median"])
    return f"{number(sample['median'])} ({number(sample['low'])} to {number(sample['high'])})"


def _growth(growth: Mapping[str, Any]) -> str:
    sizes = " | ".join(number(size) for size, _ in growth["points"])
    costs = " | ".join(number(cost) for _, cost in growth["points"])
    rule = "|---" * (len(growth["points"]) + 1) + "|"
    head = f"| {growth['size']} | {sizes} |"
    return f"{head}\n{rule}\n| {growth['name']}, {growth['unit']} | {costs} |"
