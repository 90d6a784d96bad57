"""The heat map of pairs: which skill follows which, and how that goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_CELL, _LEFT, _TOP = 92, 96, 64
_INK, _FAINT = "#2b3440", "#d9dee5"


def heat_map(pairs: Mapping[str, Mapping[str, Any]], skills: Sequence[str]) -> str:
    """An SVG: a row the first skill, a column the second, `full` large and `naive` small.

    The colour is the difference in points: green where the layer helps, red where it harms.
    """
    width = _LEFT + _CELL * len(skills) + 12
    height = _TOP + _CELL * len(skills) + 40
    parts = [_text(_LEFT, 18, "success in %, full over (naive); colour: difference in points")]
    for i, name in enumerate(skills):
        middle = i * _CELL + _CELL / 2
        parts.append(_text(_LEFT + middle, _TOP - 10, f"then {name}", "middle"))
        parts.append(_text(_LEFT - 10, _TOP + middle + 4, name, "end"))
    for row, first in enumerate(skills):
        for column, second in enumerate(skills):
            block = pairs.get(f"{first}-{second}")
            parts.append(_cell(_LEFT + column * _CELL, _TOP + row * _CELL, block))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="sans-serif">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _cell(x: float, y: float, block: Mapping[str, Any] | None) -> str:
    if block is None:
        return _box(x, y, "#f4f5f7")
    points = 100.0 * block["difference"]
    full, naive = (100.0 * block[mode]["rate"] for mode in ("full", "naive"))
    low, high = (100.0 * bound for bound in block["interval"])
    middle = x + _CELL / 2
    told = f"{points:+.0f} points ({low:.0f} to {high:.0f}), p = {block['p']:.2g}"
    return (
        _box(x, y, _colour(points), told)
        + _text(middle, y + 38, f"{full:.0f}", "middle", 19)
        + _text(middle, y + 58, f"({naive:.0f})", "middle", 12)
        + _text(middle, y + 76, f"{points:+.0f}", "middle", 11)
    )


def _colour(points: float) -> str:
    """From red at -50 over white to green at +50 points."""
    share = max(-1.0, min(1.0, points / 50.0))
    end = (61, 154, 109) if share > 0 else (184, 71, 90)
    mixed = (round(255 + (channel - 255) * abs(share) * 0.85) for channel in end)
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _box(x: float, y: float, colour: str, told: str = "") -> str:
    title = f"<title>{escape(told)}</title>" if told else ""
    return (
        f'<rect x="{x + 1}" y="{y + 1}" width="{_CELL - 2}" height="{_CELL - 2}" rx="4" '
        f'fill="{colour}" stroke="{_FAINT}">{title}</rect>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 13) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{_INK}">{escape(text)}</text>'
    )
