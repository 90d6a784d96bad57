"""Charts as SVG text: bars with intervals, time lines, curves. No script, no font, no file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ..drawing import FAINT, INK, box, line, polyline, svg, text

COLOURS = ("#3b6fb6", "#d98032", "#3d9a6d", "#8a5bb0", "#b8475a", "#5b7a8c", "#a58b2f", "#4fa3b5")
MODE_COLOURS = {"naive": "#b8475a", "blended": "#d98032", "full": "#3d9a6d"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a rate, and its interval if there is one."""

    label: str
    rate: float
    colour: str
    interval: tuple[float, float] | None = None
    text: str = ""


def rate_bars(bars: Sequence[Bar], width: int = 620) -> str:
    """Horizontal bars from 0 to 100 %, whiskers for the intervals."""
    left, right, step = 150, 96, 30
    room = width - left - right
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + share * room
        parts.append(line(x, 4, x, step * len(bars) + 6, FAINT))
        parts.append(text(x, step * len(bars) + 22, f"{100 * share:.0f} %", "middle", 11))
    for i, bar in enumerate(bars):
        y = 8 + i * step
        parts.append(text(left - 10, y + 14, bar.label, "end"))
        parts.append(box(left, y + 2, bar.rate * room, 16, bar.colour))
        if bar.interval:
            low, high = (left + x * room for x in bar.interval)
            parts += [line(low, y + 10, high, y + 10, INK, 1.5)]
            parts += [line(x, y + 6, x, y + 14, INK, 1.5) for x in (low, high)]
        label = bar.text or f"{100 * bar.rate:.1f} %"
        parts.append(text(width - right + 10, y + 14, label, "start"))
    return svg(width, step * len(bars) + 30, parts)


def log_bars(bars: Sequence[tuple[str, float, str]], unit: str, width: int = 620) -> str:
    """Horizontal bars of positive numbers on a logarithmic scale."""
    left, right, step = 150, 130, 30
    room = width - left - right
    positive = [value for _, value, _ in bars if value > 0] or [1.0]
    low = 10 ** math.floor(math.log10(min(positive)) - 0.3)
    high = 10 ** math.ceil(math.log10(max(positive)))
    span = math.log10(high / low) or 1.0
    parts = []
    for i, (label, value, colour) in enumerate(bars):
        y = 8 + i * step
        length = room * math.log10(max(value, low) / low) / span
        parts.append(text(left - 10, y + 14, label, "end"))
        parts.append(box(left, y + 2, length, 16, colour))
        parts.append(text(left + length + 8, y + 14, f"{value:,.0f} {unit}", "start"))
    return svg(width, step * len(bars) + 14, parts)


def timeline(
    rows: Sequence[tuple[str, Sequence[Mapping[str, object]]]],
    colours: Mapping[str, str],
    width: int = 900,
) -> str:
    """Spans of calls and transitions over time, a row an episode; a failed one has a red edge."""
    left, step = 90, 40
    room = width - left - 16
    ends = [float(str(span["end_s"])) for _, spans in rows for span in spans]
    end = max(ends, default=1.0)
    parts = []
    for second in range(0, math.ceil(end) + 1, 2 if end < 24 else 5):
        x = left + room * second / end
        if x <= width - 10:
            parts.append(line(x, 4, x, step * len(rows) + 4, FAINT))
            parts.append(text(x, step * len(rows) + 20, f"{second} s", "middle", 11))
    for i, (label, spans) in enumerate(rows):
        y = 8 + i * step
        parts.append(text(left - 10, y + 18, label, "end"))
        parts += [_span(span, left, room / end, y, colours) for span in spans]
    return svg(width, step * len(rows) + 28, parts)


def _span(
    span: Mapping[str, object], left: float, scale: float, y: float, colours: Mapping[str, str]
) -> str:
    call, moving = str(span["call"]), span["kind"] == "transition"
    begin, end = float(str(span["start_s"])), float(str(span["end_s"]))
    x, length = left + begin * scale, max((end - begin) * scale, 1.5)
    colour = "#aeb8c4" if moving else colours.get(call, "#5b7a8c")
    edge = "#c22f3d" if span["outcome"] == "failed" else "none"
    told = escape(f"{span['kind']} {call}, {begin:.1f} to {end:.1f} s: {span['reason']}")
    bar = (
        f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="26" rx="3" fill="{colour}" '
        f'stroke="{edge}" stroke-width="2"><title>{told}</title></rect>'
    )
    name = "move" if moving else call
    fits = length > 7.2 * len(name)
    return bar + (text(x + length / 2, y + 17, name, "middle", 11, "#fff") if fits else "")


def curves(
    title: str,
    lines: Sequence[tuple[str, Sequence[tuple[float, float]], str]],
    width: int = 290,
    height: int = 170,
) -> str:
    """Losses over steps on a logarithmic scale."""
    points = [y for _, curve, _ in lines for _, y in curve if y > 0]
    if not points:
        return ""
    low, high = math.log10(min(points)), math.log10(max(points))
    span = max(high - low, 0.2)
    most = max(x for _, curve, _ in lines for x, _ in curve)
    left, top, room, rise = 44, 24, width - 56, height - 58
    parts = [text(width / 2, 14, title, "middle", 12)]
    for value in (10**low, 10**high):
        y = top + rise * (1 - (math.log10(value) - low) / span)
        parts.append(line(left, y, left + room, y, FAINT))
        parts.append(text(left - 6, y + 4, f"{value:.2g}", "end", 10))
    for i, (name, curve, colour) in enumerate(lines):
        path = (
            (left + room * x / most, top + rise * (1 - (math.log10(y) - low) / span))
            for x, y in curve
            if y > 0
        )
        parts.append(polyline(path, colour))
        parts.append(text(left + 4 + 90 * i, height - 8, name, "start", 11, colour))
    parts.append(text(left + room, top + rise + 14, f"{most:.0f} steps", "end", 10))
    return svg(width, height, parts)
