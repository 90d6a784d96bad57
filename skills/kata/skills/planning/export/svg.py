"""A plan as a picture: SVG that is drawn here, with no script, no font and no file beside it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from kata.skills.planning.plan import Plan

from .layout import Cell, Layout, layout_of
from .tree import numbered

_COLOURS = ("#3b6fb6", "#3d9a6d", "#8a5bb0", "#5b7a8c", "#a58b2f")
_BOTH, _GOAL, _INK, _FAINT = "#d98032", "#2b3440", "#2b3440", "#d9dee5"
_CHARACTER, _HIGH, _STEP, _GUTTER, _TOP, _SIDE = 6.8, 30, 58, 44, 40, 20


def plan_svg(plan: Plan) -> str:
    """Boxes of calls in columns of what they claim, arrows to what waits, the goal at the end."""
    layout = layout_of(plan)
    names = [numbered(plan, index) for index in range(len(plan.calls))]
    wide = max([120.0, *(_CHARACTER * len(n) + 24 for n in (*names, *layout.columns))])
    frame = _Frame(layout, wide)
    told = list(_wrapped(f"goal: {plan.goal}", int((frame.width - 48) / _CHARACTER)))
    goal_y = _TOP + layout.rows * _STEP
    parts = [*_columns(frame, goal_y)]
    parts += [
        _arrow(frame, layout.cells[i], cell, offset=index)
        for index, (cell, direct) in enumerate(zip(layout.cells, plan.after, strict=True))
        for i in direct
    ]
    waited = {i for direct in plan.after for i in direct}
    last = [cell for index, cell in enumerate(layout.cells) if index not in waited]
    parts += [_down(frame.middle(cell), frame.bottom(cell), goal_y) for cell in last]
    for index, cell in enumerate(layout.cells):
        call = plan.calls[index]
        tip = f"{call.contract.key}: requires {call.requires}; achieves {call.achieves}"
        colour = _COLOURS[cell.first % len(_COLOURS)] if cell.first == cell.last else _BOTH
        parts.append(_box(frame.left(cell), frame.top(cell), frame.wide(cell), _HIGH, colour, tip))
        parts.append(_text(frame.middle(cell), frame.top(cell) + 20, names[index], "#fff"))
    high = 14 + 17 * len(told)
    parts.append(_box(_SIDE, goal_y, frame.width - 2 * _SIDE, high, _GOAL, str(plan.goal)))
    parts += [_text(frame.width / 2, goal_y + 20 + 17 * k, t, "#fff") for k, t in enumerate(told)]
    return _svg(frame.width, goal_y + high + 16, parts)


class _Frame:
    """Turns cells into points."""

    def __init__(self, layout: Layout, wide: float) -> None:
        self.layout, self._wide = layout, wide
        count = len(layout.columns)
        self.width = 2 * _SIDE + count * wide + (count + 1) * _GUTTER

    def left(self, cell: Cell) -> float:
        return _SIDE + _GUTTER + cell.first * (self._wide + _GUTTER)

    def wide(self, cell: Cell) -> float:
        return (cell.last - cell.first + 1) * (self._wide + _GUTTER) - _GUTTER

    def middle(self, cell: Cell) -> float:
        return self.left(cell) + self.wide(cell) / 2

    def right(self, cell: Cell) -> float:
        return self.left(cell) + self.wide(cell)

    def between(self, first: int, last: int, above: int, below: int) -> bool:
        """Whether a box stands in the middle of these columns, in the rows between."""
        middle = (first + last) / 2
        return any(
            above < cell.row < below and cell.first <= middle <= cell.last
            for cell in self.layout.cells
        )

    def top(self, cell: Cell) -> float:
        return _TOP + cell.row * _STEP

    def bottom(self, cell: Cell) -> float:
        return self.top(cell) + _HIGH


def _columns(frame: _Frame, bottom: float) -> Iterator[str]:
    for number, name in enumerate(frame.layout.columns):
        middle = frame.middle(Cell(0, number, number))
        yield _text(middle, 22, name.replace("_", " "), _INK)
        yield (
            f'<line x1="{middle:.1f}" y1="32" x2="{middle:.1f}" y2="{bottom:.1f}" '
            f'stroke="{_FAINT}" stroke-width="1"/>'
        )


def _arrow(frame: _Frame, source: Cell, target: Cell, offset: int) -> str:
    """Straight down where nothing stands between; else along a gutter, from side to side."""
    low, high = max(source.first, target.first), min(source.last, target.last)
    if low <= high and not frame.between(low, high, source.row, target.row):
        x = frame.middle(Cell(0, low, high))
        return _down(x, frame.bottom(source), frame.top(target))
    # Out below the middle and in above it, so that no way begins where another one ends.
    start, end = frame.bottom(source) - 8, frame.top(target) + 8
    leftwards = target.last < source.first
    side, way = (frame.left(source), -1) if leftwards else (frame.right(source), 1)
    gutter = side + way * (10 + 6 * (offset % 4))
    entry = frame.left(target) if target.first > source.last else frame.right(target)
    into = 1 if entry > gutter else -1
    path = f"M{side:.1f} {start:.1f} H{gutter:.1f} V{end:.1f} H{entry - 7 * into:.1f}"
    head = f"{entry:.1f},{end:.1f} {entry - 8 * into:.1f},{end - 5:.1f} "
    return _path(path, f"{head}{entry - 8 * into:.1f},{end + 5:.1f}")


def _down(x: float, top: float, bottom: float) -> str:
    head = f"{x:.1f},{bottom:.1f} {x - 5:.1f},{bottom - 8:.1f} {x + 5:.1f},{bottom - 8:.1f}"
    return _path(f"M{x:.1f} {top:.1f} V{bottom - 7:.1f}", head)


def _path(path: str, head: str) -> str:
    return (
        f'<path d="{path}" fill="none" stroke="{_INK}" stroke-width="1.4"/>'
        f'<polygon points="{head}" fill="{_INK}"/>'
    )


def _box(x: float, y: float, width: float, height: float, colour: str, tip: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6" '
        f'fill="{colour}"><title>{escape(tip)}</title></rect>'
    )


def _text(x: float, y: float, text: str, colour: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="13" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _wrapped(text: str, most: int) -> Iterator[str]:
    """The text in lines of so many characters at most, broken between words."""
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > most:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


def _svg(width: float, height: float, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" font-family="sans-serif">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
