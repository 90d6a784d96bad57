"""What stands before and after a request: whether it can be left out."""

from __future__ import annotations

from .examples import TextEncoder
from .guards import guards
from .parts import Piece
from .prototypes import prototypes
from .wording import wording

_WARNING, _EXACT = 0.65, 0.99


class Surroundings:
    """Reads openings such as `could you` and endings such as `for me`."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._openings = prototypes("opening", encoder)
        self._endings = prototypes("ending", encoder)

    def asks(self, text: str) -> bool:
        """Whether it is a way of asking, word for word."""
        return self._openings.has(text, "ask")

    def opening(self, piece: Piece, start: int) -> str:
        """What the words before a token are: `ask`, `deny`, `refuse`, or empty."""
        if not start:
            return "ask"
        said = piece.opening(start)
        found = self._openings.nearest(said)
        if start == 1 and len(said.split()) == 1 and found.likeness < _EXACT:
            return ""  # one word alone may as well be a verb
        denied = wording().denies(said)
        if found.label == "deny" and not denied:
            return "refuse" if found.likeness > _WARNING else ""  # "it is dangerous to"
        if found.label == "deny":
            return found.label
        if denied and not wording().denies(found.example):
            return "refuse"
        if found.label == "ask" and not guards().asks(said) and not self.asks(said):
            return ""  # likeness alone makes no request of words that may say anything
        return found.label

    def ending(self, piece: Piece, end: int) -> bool:
        """Whether the words from a token on may be left out."""
        said = piece.said(end)
        if not said:
            return True
        if piece.tokens[end].get("relation") and not self._endings.has(said, "manner"):
            return False  # a place, such as "to my office"
        if not guards().ends(said) and not self._endings.has(said, "manner"):
            return False
        found = self._endings.nearest(said)
        if "only" in said.split() or wording().denies(said):
            return False
        return found.label == "manner"

    def takes_back(self, piece: Piece, end: int) -> bool:
        """Whether the words before a token take back what follows."""
        found = self._openings.nearest(piece.opening(end)) if end > 1 else None
        return found is not None and found.label not in ("", "ask") and found.likeness > _WARNING

    def changes(self, text: str) -> bool:
        """Whether an ending changes what is asked for, such as `twice`."""
        return self._endings.nearest(text).label == "refuse"

    def manner(self, text: str, *, sure: bool = False) -> bool:
        """Whether an ending says how and nothing more."""
        found = self._endings.nearest(text)
        return (found.label if sure else found.best) == "manner"
