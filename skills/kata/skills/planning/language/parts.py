"""What a part of a sentence is: a request in words of the grammar, an aside, a reason to stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .answers import Ambiguous, NotUnderstood, Unable, UnresolvedError
from .grammar import Parser, Thing, Things
from .wording import wording
from .words import Token, Vocabulary


@dataclass(frozen=True, slots=True)
class Kept:
    """A request as the grammar understands it.

    Attributes:
        topic: the one thing that it is about.
        joint: what joins it to the request before, where that is not as it was said.
    """

    text: str
    topic: str = ""
    joint: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """An aside that asks for nothing; a thing in it may be what `it` means afterwards."""

    text: str
    topic: str = ""
    last: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """The sentence is refused; with no answer of its own, as the grammar refused it."""

    answer: NotUnderstood | Ambiguous | Unable | None = None


Part = Kept | Dropped | Stop


@dataclass(frozen=True, slots=True)
class Mention:
    """Noun phrases that name something of the scene, from token `start` up to `end`."""

    start: int
    end: int
    things: Things


class Piece:
    """A part of a sentence as tokens, with what it mentions. Fillers do not count.

    Attributes:
        tokens: its tokens.
        mentions: things of the scene, in order.
        pronouns: places of `it` and `them`.
    """

    def __init__(self, words: Vocabulary, text: str) -> None:
        self.words = words
        self.tokens: list[Token] = []
        self._fillers: dict[int, str] = {}
        for token in words.tokens(text):
            if token.get("filler"):
                at = len(self.tokens)
                self._fillers[at] = f"{self._fillers.get(at, '')} {token.text}".strip()
            elif not token.get("stop"):
                self.tokens.append(token)
        self.mentions: list[Mention] = []
        self.pronouns: list[Mention] = []
        parser = Parser(self.tokens)
        at = 0
        while at < len(self.tokens):
            found = parser.things_at(at)
            if found is None:
                at += 1
                continue
            mention = Mention(at, found[1], found[0])
            if any(map(_names, found[0].items)):
                self.mentions.append(mention)
            elif any(item.determiner in ("it", "them") for item in found[0].items):
                self.pronouns.append(mention)
            at = found[1]

    def nothing(self) -> Mention | None:
        """`nothing` as the first word, where it is said of a place."""
        if not self.tokens or not self.tokens[0].get("none"):
            return None
        found = Parser(self.tokens).things_at(0)
        return None if found is None or found[1] != 1 else Mention(0, 1, found[0])

    def said(self, start: int = 0, end: int | None = None) -> str:
        """The words of some tokens."""
        return " ".join(token.text for token in self.tokens[start:end])

    def opening(self, end: int) -> str:
        """The words before a token, fillers too."""
        texts = [f"{self._fillers.get(i, '')} {self.tokens[i].text}" for i in range(end)]
        return " ".join(" ".join(texts).split())

    def has(self, *kinds: str) -> bool:
        """Whether a token outside of the mentions can be of one of these kinds."""
        return any(token.get(*kinds) for _, token in self.outside())

    def outside(self) -> Iterator[tuple[int, Token]]:
        """The tokens that are in no mention, with their places."""
        inside = {at for mention in self.mentions for at in range(mention.start, mention.end)}
        return ((at, token) for at, token in enumerate(self.tokens) if at not in inside)

    def understood(self, start: int = 0, end: int | None = None) -> bool:
        """Whether the grammar takes these tokens for requests."""
        tokens = self.tokens[start:end]
        if not tokens or not all(token.kinds for token in tokens):
            return False
        if any(
            (token.get("if", "question") and not token.get("be", "verb"))
            or (token.get("side") and not token.get("relation"))
            for token in tokens
        ):
            return False
        try:
            clauses = Parser(tokens).clauses()
        except UnresolvedError:
            return False
        return bool(clauses) and all(
            clause.verb or clause.relations or clause.adjective for clause in clauses
        )

    def denied(self) -> bool:
        """Whether a word outside of the mentions denies something."""
        return wording().denies(" ".join(token.text for _, token in self.outside()))

    def masked(self, start: int = 0, end: int | None = None, *, roles: Sequence[str]) -> str:
        """The words with each mention replaced by its role."""
        end = len(self.tokens) if end is None else end
        out: list[str] = []
        at = start
        for mention, role in zip(self.mentions, roles, strict=True):
            out += [token.text for token in self.tokens[at : mention.start]]
            out.append(role)
            at = mention.end
        return " ".join([*out, *(token.text for token in self.tokens[at:end])])

    def strange(self) -> bool:
        """Whether an unknown word describes a thing, as in `the purple cube`."""
        return any(
            m.start > 1
            and not self.tokens[m.start - 1].kinds
            and bool(self.tokens[m.start - 2].get("the", "a", "all", "number", "attribute"))
            for m in self.mentions
        )

    def absent(self) -> str:
        """A noun phrase with a word that nothing here is called by; empty if there is none."""
        for before, token in pairwise([*self.tokens, Token("")]):
            if before.get("absent") and not before.get("noun", "name"):
                return before.text
            if token and not token.kinds and before.get("the", "a", "all", "number", "attribute"):
                at = self.tokens.index(token)
                if any(after.get("verb") for after in self.tokens[at + 1 : at + 2]):
                    continue  # "a quick press": no thing
                rest = self.tokens[at : at + 3]
                noun = [t.text for t in rest[1:2] if t.get("noun", "name")]
                return " ".join([token.text, *noun])
        return ""


def _names(thing: Thing) -> bool:
    if thing.determiner == "none" and not (thing.noun or thing.name or thing.attributes):
        return False
    whole = thing.determiner in ("all", "both") or thing.other
    return bool(thing.noun or thing.name or thing.attributes or whole)


_DUTIES = frozenset(
    (
        *("should", "must", "shall", "want", "wants", "need", "needs", "please", "ought", "only"),
        *("not", "never", "sure", "ensure", "like", "you", "has", "have", "could", "would"),
    )
)


def asks(piece: Piece) -> bool:
    """Whether a remark has a word of duty or denial, and cannot be left out."""
    said = set(piece.opening(len(piece.tokens)).split())
    return bool(said & _DUTIES) or {"to", "be"} <= said


def topic_of(piece: Piece) -> str:
    """The one thing that a piece is about, as it was said; empty if there are several."""
    if len(piece.mentions) != 1:
        return ""
    return piece.said(piece.mentions[0].start, piece.mentions[0].end)


def understood_text(words: Vocabulary, text: str) -> Kept | None:
    """The text as a request, if the grammar understands it."""
    return Kept(text) if Piece(words, text).understood() else None
