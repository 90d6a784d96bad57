"""One request that the grammar does not know, in words that it knows."""

from __future__ import annotations

from collections.abc import Sequence

from kata.datasets.types import Facts
from kata.skills.contract.contract import Contract

from .examples import TextEncoder
from .guards import guards
from .likeness import GoalReader
from .parts import Dropped, Kept, Mention, Part, Piece, Stop, asks, topic_of, understood_text
from .prototypes import prototypes
from .surroundings import Surroundings
from .wording import NEEDS, wording
from .words import Vocabulary

_WISH = ("you have", "you could", "you would", "you can", "you might", "you")


class ClauseReader:
    """Puts a request into the grammar's words by the first of several readings that fits."""

    def __init__(
        self, words: Vocabulary, contracts: Sequence[Contract], encoder: TextEncoder
    ) -> None:
        self._words = words
        self._around = Surroundings(encoder)
        self._links = prototypes("link", encoder)
        self._goals = GoalReader(words, contracts, self._around, encoder)

    def begin(self, facts: Facts) -> None:
        """A sentence is read in these facts."""
        self._goals.begin(facts)

    def read(self, piece: Piece, *, asked: bool = False) -> Part:
        """The request, an aside that speaks of a thing, or why the sentence is refused."""
        readings = (
            self._by_place_verb,
            self._by_need,
            self._core,
            self._linked,
            self._fronted,
        )
        for reading in () if piece.strange() else readings:
            found = reading(piece)
            if found is not None:
                return found
        return self._goals.read(piece, asked)

    # ------------------------------------------------------------ words around a request

    def calls(self, text: str) -> bool:
        """Whether it only calls the robot, or says how: `dear`, `as quick as you can`."""
        return self._around.manner(text, sure=True)

    def island(self, piece: Piece) -> Kept | None:
        """The request at the end of a piece, whatever stands before it."""
        for at, token in enumerate(piece.tokens):
            if token.get("verb") and piece.understood(at) and at <= piece.mentions[0].start:
                return Kept(piece.said(at), topic_of(piece))
        return None

    def wish(self, piece: Piece) -> Part | None:
        """What stands after `if` in `I would be glad if you opened the drawer`."""
        said = piece.said()
        start = next((words for words in _WISH if said.startswith(f"{words} ")), "")
        if not start:
            return None
        rest = said.removeprefix(start).strip()
        first, _, more = rest.partition(" ")
        verb = self._words.lexicon.participles.get(first, first)
        inner = Piece(self._words, f"{verb} {more}")
        if start == "you" and verb == first:
            return None
        if inner.understood():
            return Kept(inner.said(), topic_of(inner))
        found = self.read(inner)
        return found if isinstance(found, Kept) else None

    def _core(self, piece: Piece) -> Part | None:
        """A request that is understood, between an opening and an ending that mean nothing."""
        if not piece.mentions and not piece.pronouns:
            return None
        named = piece.mentions or piece.pronouns
        first = min(mention.start for mention in named)
        last = max(mention.end for mention in named)
        for start in range(first + 1):
            if start and not self._may_open(piece, start):
                continue
            for end in range(len(piece.tokens), max(start, last) - 1, -1):
                dangling = end < len(piece.tokens) and piece.tokens[end - 1].get("relation", "the")
                if dangling or not piece.understood(start, end):
                    continue
                opening = self._around.opening(piece, start)
                if opening == "refuse":
                    return Stop()
                if opening and self._around.ending(piece, end):
                    return self._asked(piece, start, end, opening)
        return None

    def _asked(self, piece: Piece, start: int, end: int, opening: str) -> Part | None:
        core = piece.said(start, end)
        if opening == "ask":
            return Kept(core, topic_of(piece))
        if piece.tokens[start].get("verb"):
            return understood_text(self._words, f"do not {core}")
        first = next(m for m in piece.mentions if m.start == start)
        thing, rest = piece.said(start, first.end), piece.said(first.end, end)
        return understood_text(self._words, f"{thing} should be not {rest}")

    def _may_open(self, piece: Piece, start: int) -> bool:
        """Whether the tokens before `start` could be a way of asking, and not a verb."""
        token, before = piece.tokens[start], piece.tokens[start - 1]
        if before.get("the", "a", "attribute", "number"):
            return False
        if before.get("relation") and not (before.text == "to" and token.get("verb")):
            return False
        if any(said.get("if") for said in piece.tokens[:start]):
            return False
        named = any(mention.start == start for mention in piece.mentions)
        if named and any(said.get("verb") for said in piece.tokens[:start]):
            return self._around.asks(piece.said(0, start))
        return named or bool(token.get("verb", "not"))

    # ------------------------------------------------------------ other orders of words

    def _by_place_verb(self, piece: Piece) -> Part | None:
        """`bin the cube`: a place that is used as a verb."""
        for at, token in enumerate(piece.tokens[:-1]):
            place = wording().place_verbs.get(token.text)
            after = [m for m in (*piece.mentions, *piece.pronouns) if m.start == at + 1]
            before = piece.tokens[at - 1] if at else token
            determined = at and before.get("the", "a", "attribute", "relation", "all")
            if place is None or not after or determined or self._around.opening(piece, at) != "ask":
                continue
            if self._around.ending(piece, after[0].end):
                thing = piece.said(after[0].start, after[0].end)
                return Kept(f"put {thing} to the {place}", thing)
        return None

    def _by_need(self, piece: Piece) -> Part | None:
        """`the button needs pressing`."""
        for at, token in enumerate(piece.tokens[:-1]):
            gerund = piece.tokens[at + 1]
            if token.text == NEEDS and gerund.get("verb"):
                thing = piece.said(0, at)
                return Kept(f"{gerund.text} {thing} {piece.said(at + 2)}".strip(), thing)
        return None

    def _linked(self, piece: Piece) -> Part | None:
        """A thing, a wish and a place or state: `the cube wants to be in the drawer`."""
        nothing = piece.nothing()
        if not piece.mentions and nothing is None:
            return None
        theme = nothing or piece.mentions[0]
        if theme.start and self._around.opening(piece, theme.start) != "ask":
            return None
        inner = [m for m in piece.mentions if m.start == theme.end + 1]
        if inner and piece.tokens[theme.end].get("relation"):
            # "everything in the drawer should be on the shelf"
            found = self._link(piece, Mention(theme.start, inner[0].end, theme.things))
            if found is not None:
                return found
        return self._link(piece, theme)

    def _link(self, piece: Piece, theme: Mention) -> Part | None:
        for at in range(theme.end, len(piece.tokens)):
            token = piece.tokens[at]
            verb = self._words.lexicon.participles.get(token.text, "")
            states = self._states(verb)
            if not token.get("relation", "adjective") and not states:
                continue
            gap, denied = self._gap(piece, theme.end, at, bool(theme.start))
            wished = theme.start and gap in ("is", "are", "be")  # "see to it that it is open"
            label = "must" if wished or not gap else self._links.nearest(gap).label
            if label == "is":
                return None if asks(piece) else Dropped(piece.said(), topic_of(piece))
            if label != "must" or not guards().links(gap, self._links.texts("must")):
                continue
            thing = piece.said(theme.start, theme.end)
            no = " not" if denied else ""
            start = f"{thing} should be{no} {piece.said(at)}"
            if states and not token.get("adjective"):
                start = f"{'do not ' if denied else ''}{verb} {thing} {piece.said(at + 1)}".strip()
            inner = Piece(self._words, start)
            if inner.understood():
                return Kept(start, thing if len(piece.mentions) == 1 else "")
            again = self._core(inner)
            if again is not None:
                return again
        return None

    def _states(self, verb: str) -> bool:
        name = self._words.lexicon.phrases["verb"].get(verb, "")
        return bool(name) and self._words.lexicon.verbs[name].asks in ("state", "empty")

    def _gap(self, piece: Piece, start: int, end: int, wished: bool) -> tuple[str, bool]:
        """What links a thing to its place, without denial and participle; and whether denied."""
        tokens = list(piece.tokens[start:end])
        denied = any(token.get("not") for token in tokens)
        tokens = [token for token in tokens if not token.get("not")]
        participles = self._words.lexicon.participles
        if tokens and tokens[-1].text in participles:
            tokens.pop()
        said = " ".join(token.text for token in tokens)
        if wished and said and not said.startswith(("should", "must", "is", "to")):
            said = f"should be {said}"
        return said, denied

    def _fronted(self, piece: Piece) -> Part | None:
        """`into the drawer with the cube`, `onto the shelf goes the cube`."""
        if len(piece.mentions) != 2 or not piece.tokens[0].get("relation"):
            return None
        ground, theme = piece.mentions
        if all(not (item.noun or item.name) for item in theme.things.items):
            return None
        if ground.start != 1:
            return None
        thing, gap = piece.said(theme.start, theme.end), piece.said(ground.end, theme.start)
        tail = piece.said(theme.end)
        if not gap and tail and self._links.has(tail, "must"):
            gap = tail  # "into the bin the cube goes"
        elif not self._around.ending(piece, theme.end):
            return None
        place = piece.said(0, ground.end)
        verb = piece.tokens[theme.start - 1].get("verb")
        if verb:
            return understood_text(self._words, f"{piece.said(ground.end, theme.end)} {place}")
        if gap and self._links.nearest(gap).label != "must":
            return None
        if not guards().links(gap, self._links.texts("must")):
            return None
        return understood_text(self._words, f"put {thing} {place}")
