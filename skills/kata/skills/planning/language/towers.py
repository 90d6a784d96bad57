"""Towers told from the bottom or the top: `green at the bottom, blue in the middle, red on top`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from .parts import Piece
from .segments import Segment
from .words import Vocabulary

_PLACE = re.compile(
    r"^(?P<thing>.+?)(?: (?:is|goes|comes|should be|should go))?"
    r"(?: (?:at|on|in|to))?(?: the)?(?: very)? (?P<rank>bottom|base|middle|centre|center|top)$"
)
_RANKS = {"bottom": 0, "base": 0, "middle": 1, "centre": 1, "center": 1, "top": 2}


def tower(segments: Sequence[Segment], words: Vocabulary) -> list[Segment] | None:
    """The same segments with a tower's places as `put X on Y`; None where there is no tower."""
    placed: dict[int, str] = {}
    others: list[Segment] = []
    for segment in segments:
        match = None if segment.head else _PLACE.match(segment.text)
        piece = Piece(words, match["thing"]) if match else None
        if (
            match
            and piece
            and len(piece.mentions) == 1
            and piece.mentions[0].end == len(piece.tokens)
        ):
            rank = _RANKS[match["rank"]]
            if rank in placed:
                return None
            placed[rank] = piece.said(piece.mentions[0].start)
        else:
            others.append(segment)
    if len(placed) < 2 or 0 not in placed:
        return None
    if any(Piece(words, segment.text).mentions for segment in others[:1]):
        return None
    stack = [placed[rank] for rank in sorted(placed)]
    built = [Segment("and", "", f"put {upper} on {lower}") for lower, upper in pairwise(stack)]
    return [*built, *others[1:]]
