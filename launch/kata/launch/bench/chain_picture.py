"""A picture of one seam in all four ways: how the joints are commanded to move around it.

Legend: `T` servo periods, `D` joints of the arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..drawing import FAINT, INK, PAPER, box, line, polyline, svg, text

if TYPE_CHECKING:
    from kata.skills.execution.log import RunLog

_BEFORE_S, _AFTER_S = 1.0, 4.0
_LEFT, _ROOM, _RISE, _STEP = 92, 620, 104, 148
_COLOURS = ("#3b6fb6", "#d98032", "#3d9a6d", "#8a5bb0", "#b8475a", "#5b7a8c", "#a58b2f")
_MOVING = "#eef3f8"


def seam_picture(logs: Mapping[str, RunLog]) -> str:
    """An SVG: a panel a way, the arm's joint speeds over time from the end of the first call on."""
    fastest = max(float(np.abs(_speeds(log)).max()) for log in logs.values())
    parts = [text(_LEFT, 20, "commanded joint speeds in rad/s around a seam", "start")]
    for i, (mode, log) in enumerate(logs.items()):
        parts += _panel(mode, log, 36 + i * _STEP, fastest)
    height = 36 + len(logs) * _STEP + 24
    parts.append(text(_LEFT + _ROOM / 2, height - 12, "s after the first skill", "middle", 11))
    return svg(_LEFT + _ROOM + 20, height, parts, PAPER) + "\n"


def _panel(mode: str, log: RunLog, top: float, fastest: float) -> list[str]:
    calls = [span for span in log.spans if span.kind == "call"]
    seam = calls[0].end_s
    scale = _ROOM / (_BEFORE_S + _AFTER_S)
    middle = top + _RISE / 2

    def at(time_s: float) -> float:
        return _LEFT + scale * (min(max(time_s - seam, -_BEFORE_S), _AFTER_S) + _BEFORE_S)

    parts = [
        box(at(span.start_s), top, at(span.end_s) - at(span.start_s), _RISE, _MOVING)
        for span in log.spans
        if span.kind == "transition" and at(span.end_s) > at(span.start_s)
    ]
    for second in range(-int(_BEFORE_S), int(_AFTER_S) + 1):
        parts.append(line(at(seam + second), top, at(seam + second), top + _RISE, FAINT))
        parts.append(text(at(seam + second), top + _RISE + 15, f"{second}", "middle", 10))
    parts.append(line(_LEFT, middle, _LEFT + _ROOM, middle, FAINT))
    for value in (fastest, -fastest):
        y = middle - value / fastest * _RISE / 2
        parts.append(text(_LEFT - 6, y + 4, f"{value:+.1f}", "end", 10))
    for joint, speed in enumerate(_speeds(log).T):
        times = log.start_s + log.period_s * np.arange(len(speed))
        shown = (times >= seam - _BEFORE_S) & (times <= seam + _AFTER_S)
        points = [
            (at(float(t)), middle - float(v) / fastest * _RISE / 2)
            for t, v in zip(times[shown], speed[shown], strict=True)
        ]
        parts.append(polyline(points, _COLOURS[joint % len(_COLOURS)], 1.2))
    parts.append(line(at(seam), top, at(seam), top + _RISE, INK, 1.4))
    if len(calls) > 1:
        begun = calls[1].start_s
        parts.append(line(at(begun), top, at(begun), top + _RISE, INK, 1.4))
    parts.append(text(_LEFT - 10, middle - 2, mode, "end"))
    told = f"{log.peak_jerk:,.0f} rad/s³"
    parts.append(text(_LEFT - 10, middle + 14, told, "end", 10))
    ending = "succeeds" if log.success else "fails"
    parts.append(text(_LEFT + _ROOM - 4, top + 14, ending, "end", 11))
    return parts


def _speeds(log: RunLog) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Speeds (T, D) of the arm's joints, from where they are sent."""
    commands = log.commands[:, list(log.motion.arms)]
    return np.diff(commands, axis=0, prepend=commands[:1]) / log.period_s
