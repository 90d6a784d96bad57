"""The heat map of pairs: which skill follows which, and how that goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..drawing import FAINT, PAPER, box, svg, text

_CELL, _LEFT, _TOP = 92, 96, 64


def heat_map(pairs: Mapping[str, Mapping[str, Any]], skills: Sequence[str]) -> str:
    """An SVG: a row the first skill, a column the second, `full` large and `naive` small.

    The colour is the difference in points: green where the layer helps, red where it harms.
    """
    width = _LEFT + _CELL * len(skills) + 12
    height = _TOP + _CELL * len(skills) + 40
    told = "success in %: full, below it (naive); colour: difference in points"
    parts = [text(_LEFT, 18, told, "start")]
    for i, name in enumerate(skills):
        middle = i * _CELL + _CELL / 2
        parts.append(text(_LEFT + middle, _TOP - 10, f"then {name}", "middle"))
        parts.append(text(_LEFT - 10, _TOP + middle + 4, name, "end"))
    for row, first in enumerate(skills):
        for column, second in enumerate(skills):
            block = pairs.get(f"{first}-{second}")
            parts.append(_cell(_LEFT + column * _CELL, _TOP + row * _CELL, block))
    return svg(width, height, parts, PAPER) + "\n"


def _cell(x: float, y: float, block: Mapping[str, Any] | None) -> str:
    if block is None:
        return box(x + 1, y + 1, _CELL - 2, _CELL - 2, "#f4f5f7", FAINT)
    points = 100.0 * block["difference"]
    full, naive = (100.0 * block[mode]["rate"] for mode in ("full", "naive"))
    low, high = (100.0 * bound for bound in block["interval"])
    middle = x + _CELL / 2
    told = f"{points:+.0f} points ({low:.0f} to {high:.0f}), p = {block['p']:.2g}"
    return (
        box(x + 1, y + 1, _CELL - 2, _CELL - 2, _colour(points), FAINT, told)
        + text(middle, y + 38, f"{full:.0f}", "middle", 19)
        + text(middle, y + 58, f"({naive:.0f})", "middle", 12)
        + text(middle, y + 76, f"{points:+.0f}", "middle", 11)
    )


def _colour(points: float) -> str:
    """From red at -50 over white to green at +50 points."""
    share = max(-1.0, min(1.0, points / 50.0))
    end = (61, 154, 109) if share > 0 else (184, 71, 90)
    mixed = (round(255 + (channel - 255) * abs(share) * 0.85) for channel in end)
    return "#" + "".join(f"{channel:02x}" for channel in mixed)
