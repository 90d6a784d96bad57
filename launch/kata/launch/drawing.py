"""Pieces of SVG text that charts are put together of. No script, no font, no file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

INK, FAINT, PAPER = "#2b3440", "#d9dee5", "#ffffff"


def svg(width: float, height: float, parts: Sequence[str], paper: str = "") -> str:
    """A picture of its parts, on paper of a colour if one is given."""
    ground = f'<rect width="100%" height="100%" fill="{paper}"/>' if paper else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-family="sans-serif">'
        f"{ground}{''.join(parts)}</svg>"
    )


def box(
    x: float, y: float, width: float, height: float, colour: str, edge: str = "", told: str = ""
) -> str:
    """A rectangle with rounded corners; `told` shows where a pointer rests on it."""
    stroke = f' stroke="{edge}"' if edge else ""
    title = f"<title>{escape(told)}</title>" if told else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height}" '
        f'rx="2" fill="{colour}"{stroke}>{title}</rect>'
    )


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1.0) -> str:
    """A straight line."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}" stroke-width="{width}"/>'
    )


def polyline(points: Iterable[tuple[float, float]], colour: str, width: float = 1.6) -> str:
    """A line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def text(x: float, y: float, words: str, anchor: str, size: int = 13, colour: str = INK) -> str:
    """Words whose `anchor` (start, middle or end) is at a place."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{colour}">{escape(words)}</text>'
    )
