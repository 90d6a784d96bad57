"""The tool's way past the pillar seen from above, guided and unguided, as a picture.

Frame: the robot's base at the bottom, x forward is up, y left is left; lengths in m.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kata.datasets.types import Array

from ..drawing import FAINT, INK, PAPER, box, line, polyline, svg, text
from .steer_ways import Outcome

_SCALE = 520.0
"""Pixels a metre."""

_MARGIN_M, _TOP = 0.07, 30
_HALF_M = 0.025
_GUIDED, _PLAIN, _PILLAR = "#3d9a6d", "#b8475a", "#ed7319"
_EACH = 3
"""Scenes side by side."""


def top_view(guided: Sequence[Outcome], unguided: Sequence[Outcome]) -> str:
    """The first scenes in which only the guided way was clean; the very first where none is so."""
    pairs = list(zip(guided, unguided, strict=False))
    shown = [(a, b) for a, b in pairs if a.clean and not b.clean][:_EACH] or pairs[:1]
    parts: list[str] = []
    left = height = 0.0
    for ours, plain in shown:
        panel, wide, high = _panel(left, ours, plain)
        parts += panel
        left, height = left + wide, max(height, high)
    parts.append(text(12, 18, "guided", "start", 13, _GUIDED))
    parts.append(text(70, 18, "unguided", "start", 13, _PLAIN))
    return svg(round(left), round(height + _TOP), parts, PAPER)


def _panel(left: float, ours: Outcome, plain: Outcome) -> tuple[list[str], float, float]:
    """One scene, its width and its height in pixels."""
    everything = np.concatenate([w[:, :2] for w in (ours.way, plain.way, ours.pillar)])
    low, high = everything.min(axis=0) - _MARGIN_M, everything.max(axis=0) + _MARGIN_M

    def at(place: Array) -> tuple[float, float]:
        return left + _SCALE * float(high[1] - place[1]), _TOP + _SCALE * float(high[0] - place[0])

    size = (high - low) * _SCALE
    edge = 2.0 * _HALF_M * _SCALE
    parts = [line(left, _TOP, left, _TOP + float(size[0]), FAINT)]
    for pillar in ours.pillar:
        x, y = at(pillar)
        parts.append(box(x - edge / 2, y - edge / 2, edge, edge, _PILLAR, INK, "the pillar"))
    for outcome, colour in ((plain, _PLAIN), (ours, _GUIDED)):
        parts.append(polyline([at(place) for place in outcome.way], colour, 2.4))
    x, y = at(ours.way[0])
    parts.append(text(x + 6, y + 4, "start", "start", 11))
    return parts, float(size[1]), float(size[0])
