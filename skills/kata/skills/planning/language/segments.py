"""A sentence in segments: the parts between stops and joints, each read on its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from .wording import wording

_STOPS = re.compile(r"\s*([.,;:!?]+)(?=\s|$)\s*")
_JOINTS = ("and then", "then", "but", "anyway", "before", "after", "without")
_SO = r"(?:^so|\bso(?= (?:please|could|can|would|put|i|we|you|let|the|now|just|go|do|don)\b))"
_LEAD = re.compile(
    r"(?:(?P<then>then|afterwards|after that|next(?! to\b)|finally|lastly|later|secondly|thirdly)"
    r"|first of all|firstly|first(?= the\b)|to begin with|also|well|okay|ok|please) +(?=\S)"
)
_LOOSE = re.compile(r"\b(and also|and|with|plus)\b")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a sentence.

    Attributes:
        joint: what stands before it: a stop, `and`, `then`, `before`, ..., or empty.
        head: the proviso or reason that it begins with, such as `if` or `because`.
        text: the rest.
        asked: it ends with a question mark.
    """

    joint: str
    head: str
    text: str
    asked: bool = False


Kinds = Callable[[str], frozenset[str]]
"""What a piece has: a `thing`, `named` if not by a pronoun alone, a `verb`, a `place` or state; and
if it `begins` with a thing."""


def split(text: str, kinds: Kinds) -> list[Segment]:
    """The segments of a plain text; `and` and `with` are joints only between two requests."""
    out: list[Segment] = []
    joint = ""
    parts = _STOPS.split(text)
    for piece, stop in zip(parts[::2], [*parts[1::2], ""], strict=True):
        for more, head, words in _pieces(piece, joint):
            out += _loosened(Segment(more, head, words, "?" in stop), kinds)
        joint = stop[:1] or joint
    return [_led(segment) for segment in out if segment.text or segment.head]


def _led(segment: Segment) -> Segment:
    """The segment without the word that only says where it stands in the row."""
    match = None if segment.head else _LEAD.match(segment.text)
    if match is None:
        return segment
    joint = "then" if match["then"] and segment.joint else segment.joint
    return replace(segment, joint=joint, text=segment.text[match.end() :])


def _pieces(piece: str, joint: str) -> list[tuple[str, str, str]]:
    """(joint, head, words) at each joint and head of a piece without stops."""
    found = [("", "", 0, 0)]
    for match in _borders().finditer(piece):
        word = " ".join(match.group().split())
        head = word if word in _heads() else ""
        found.append(("" if head else word, head, match.start(), match.end()))
    ends = [start for _, _, start, _ in found[1:]] + [len(piece)]
    out: list[tuple[str, str, str]] = []
    for (word, head, _, begin), end in zip(found, ends, strict=True):
        words = piece[begin:end].strip()
        said = word or (joint if not out else "")
        if words or head:
            out.append((said, head, words))
        else:
            joint = word or joint
    return out


def _loosened(segment: Segment, kinds: Kinds) -> list[Segment]:
    """The segment, cut at each `and` that joins two requests."""
    for match in _LOOSE.finditer(segment.text):
        before, after = segment.text[: match.start()].strip(), segment.text[match.end() :].strip()
        if _joins(kinds(before), kinds(after), match.group()):
            first = Segment(segment.joint, segment.head, before, segment.asked)
            return [first, *_loosened(Segment("and", "", after, segment.asked), kinds)]
    return [segment]


def _joins(before: frozenset[str], after: frozenset[str], word: str) -> bool:
    """Whether the pieces around `and`, `plus` or `with` are two requests, and not two things."""
    if "thing" not in after or not after & {"verb", "place"}:
        return False
    if word == "with":
        return "thing" in before and "place" in after and "begins" in after
    if "thing" not in before or ("named" not in before and "begins" not in after):
        return True
    return bool(before & {"place"} if "begins" in after else before & {"verb", "place"})


@cache
def _heads() -> frozenset[str]:
    return frozenset((*wording().provisos, *wording().reasons))


@cache
def _borders() -> re.Pattern[str]:
    words = sorted((*_heads(), *_JOINTS), key=len, reverse=True)
    words = [rf"(?<!\bat )(?<!\bjust ){word}" if word == "once" else word for word in words]
    # `should` begins a proviso only where a clause begins with it.
    found = "|".join(rf"(?<![^,])\b{w}\b" if w == "should" else rf"\b{w}\b" for w in words)
    return re.compile(f"{found}|{_SO}")
