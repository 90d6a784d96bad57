"""A reliability plot: predicted against observed success of each skill, as an SVG text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SIDE, _GAP, _TOP = 150, 26, 24
_COLUMNS = 4


def reliability_svg(skills: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """One square a skill: a dot for each tenth of predicted success, as large as it is full."""
    step = _SIDE + _GAP
    rows = max(1, -(-len(skills) // _COLUMNS))
    width, height = _COLUMNS * step + _GAP, rows * (step + _TOP) + _GAP
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
        ),
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for k, (skill, bins) in enumerate(skills.items()):
        x, y = _GAP + k % _COLUMNS * step, _TOP + k // _COLUMNS * (step + _TOP)
        parts += _square(skill, bins, x, y)
    return "\n".join([*parts, "</svg>\n"])


def _square(skill: str, bins: Sequence[Mapping[str, Any]], x: float, y: float) -> list[str]:
    most = max((each["count"] for each in bins), default=1)
    dots = [
        (x + each["predicted"] * _SIDE, y + (1.0 - each["observed"]) * _SIDE,
         2.0 + 5.0 * (each["count"] / most) ** 0.5)
        for each in bins
    ]  # fmt: skip
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b, _ in dots)
    return [
        f'<text x="{x}" y="{y - 6}" font-weight="bold">{skill}</text>',
        f'<rect x="{x}" y="{y}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#bbb"/>',
        (
            f'<line x1="{x}" y1="{y + _SIDE}" x2="{x + _SIDE}" y2="{y}" stroke="#bbb" '
            'stroke-dasharray="4 3"/>'
        ),
        f'<polyline points="{line}" fill="none" stroke="#2a6fb0"/>',
        *(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{r:.1f}" fill="#2a6fb0"/>' for a, b, r in dots),
        f'<text x="{x}" y="{y + _SIDE + 13}" fill="#666">predicted 0 to 1, observed upwards</text>',
    ]
