"""Success and jerk against delay, as a picture: one panel each, one line a way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..drawing import FAINT, PAPER, line, polyline, svg, text

_WIDTH, _HEIGHT = 330, 230
_LEFT, _TOP, _BOTTOM = 52, 34, 52
_COLOURS = ("#3d9a6d", "#b8475a")

Lines = Mapping[str, Sequence[tuple[float, float]]]
"""By way: points of delay in ms, and success in % or jerk in rad/s³."""


def delay_chart(success: Lines, jerk: Lines) -> str:
    """Success in per cent and, on a logarithmic scale, peak jerk."""
    peaks = [y for points in jerk.values() for _, y in points if y > 0]
    low = math.floor(math.log10(min(peaks, default=1.0)))
    high = max(math.ceil(math.log10(max(peaks, default=10.0))), low + 1)
    parts = _panel(0, "success", success, (0.0, 100.0), [0, 25, 50, 75, 100], "{:.0f} %")
    logs = {way: [(x, math.log10(max(y, 1.0))) for x, y in points] for way, points in jerk.items()}
    decades = list(range(low, high + 1))
    words = "peak jerk, rad/s³"
    parts += _panel(_WIDTH, words, logs, (float(low), float(high)), decades, "1e{:.0f}")
    return svg(2 * _WIDTH, _HEIGHT, parts, PAPER)


def _panel(
    left: float,
    title: str,
    lines: Lines,
    span: tuple[float, float],
    ticks: Sequence[int],
    form: str,
) -> list[str]:
    start, room, rise = left + _LEFT, _WIDTH - _LEFT - 16, _HEIGHT - _TOP - _BOTTOM
    most = max((x for points in lines.values() for x, _ in points), default=1.0) or 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        share = (y - span[0]) / (span[1] - span[0])
        return start + room * x / most, _TOP + rise * (1.0 - min(max(share, 0.0), 1.0))

    parts = [text(start + room / 2, 18, title, "middle", 13)]
    for tick in ticks:
        _, y = at(0.0, float(tick))
        parts.append(line(start, y, start + room, y, FAINT))
        parts.append(text(start - 6, y + 4, form.format(tick), "end", 10))
    delays = sorted({x for points in lines.values() for x, _ in points})
    parts += [text(at(x, 0.0)[0], _TOP + rise + 16, f"{x:.0f}", "middle", 10) for x in delays]
    parts.append(text(start + room, _TOP + rise + 30, "delay in ms", "end", 10))
    for i, (way, points) in enumerate(lines.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        parts.append(polyline([at(x, y) for x, y in points], colour, 2.0))
        parts += [_dot(*at(x, y), colour) for x, y in points]
        parts.append(text(start + 120 * i, _HEIGHT - 6, way, "start", 12, colour))
    return parts


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
