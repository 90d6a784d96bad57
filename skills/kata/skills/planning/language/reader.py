"""The second reader: a sentence that the grammar does not know, in words that it knows.

It changes words and never things: what a request is about comes from the scene, and a request
that it cannot put into the grammar's words whole is refused. Sentence embeddings decide, against
labelled examples and with a refusal where they are not sure, what a part is that no word list
knows: an aside that may be left out, a way of asking, a wish, or a verb.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kata.datasets.types import Facts
from kata.skills.contract.contract import Contract

from .answers import Ambiguous, NotUnderstood, Unable
from .clauses import ClauseReader
from .examples import TextEncoder
from .guards import guards
from .parts import Dropped, Kept, Part, Piece, Stop, topic_of
from .prototypes import prototypes
from .segments import Segment, split
from .towers import tower
from .wording import NEEDS, wording
from .words import Vocabulary

_MOST_SEGMENTS = 24
_SEQUENCE = ("once", "as soon as", "after")
_HARD = ("if", "when", "whenever", "while", "whilst", *_SEQUENCE)
_THEN = ("then", "and then")


Refused = NotUnderstood | Ambiguous | Unable


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence in the grammar's words, with what was changed or left out."""

    text: str
    notes: tuple[str, ...]


class Reader:
    """Reads sentences in one scene with the skills that are known.

    Args:
        words: the scene's vocabulary.
        contracts: the skills; one whose goal has no name of its own is known by its examples.
        encoder: of sentences; it is first used where only likeness can tell.
    """

    def __init__(
        self, words: Vocabulary, contracts: Sequence[Contract], encoder: TextEncoder
    ) -> None:
        self._words = words
        self._clauses = ClauseReader(words, contracts, encoder)
        self._asides = prototypes("aside", encoder)
        self._provisos = prototypes("proviso", encoder)

    def read(
        self, sentence: str, facts: Facts
    ) -> Reading | NotUnderstood | Ambiguous | Unable | None:
        """The sentence in plain words, a better reason to refuse it, or None for no idea."""
        if _CODE.search(sentence.replace("->", "").replace("=>", "")):
            return None
        plain = wording().plain(sentence, facts)
        strange = _HAND.search(plain)
        if strange and not any(t.get("use") for t in self._words.tokens(strange.group())):
            return NotUnderstood(f"there is no '{strange[1]}' here: {self._hands()}")
        segments = split(plain, self._kinds)
        segments = tower(segments, self._words) or segments
        if not segments or len(segments) > _MOST_SEGMENTS:
            return None
        self._clauses.begin(facts)
        parts: list[tuple[Segment, Part]] = []
        for segment in segments:
            part = self._part(segment, parts)
            if isinstance(part, Stop):
                return part.answer
            if isinstance(part, Dropped) and segment.joint in ("before", "after", "without"):
                return None  # what comes before or after something unknown cannot be told
            if isinstance(part, Dropped) and not _left_out(part.text):
                return _said_otherwise(part.text)
            parts.append((segment, part))
        text = self._joined(parts)
        if not text:
            return None
        lost = guards().lost(sentence, text)
        if lost:
            return _said_otherwise(lost)
        left = tuple(
            f"left out '{part.text}'"
            for _, part in parts
            if isinstance(part, Dropped) and len(part.text.split()) > 2
        )
        return Reading(text, (f"read as '{text}'", *left))

    def _hands(self) -> str:
        hands = [hand.replace("_", " ") for hand in self._words.hands if len(self._words.hands) > 1]
        return f"the robot's hands are {' and '.join(hands)}" if hands else "the robot has one hand"

    def _kinds(self, text: str) -> frozenset[str]:
        piece = Piece(self._words, text)
        out = set()
        if piece.mentions or piece.pronouns:
            out.add("thing")
        if piece.mentions:
            out.add("named")
        if piece.mentions and piece.mentions[0].start == 0:
            out.add("begins")
        verbs = wording().place_verbs
        if piece.has("verb") or any(token.text in verbs for token in piece.tokens[:-2]):
            out.add("verb")
        participles = self._words.lexicon.participles
        needs = any(token.text == NEEDS for token in piece.tokens)
        if (
            needs
            or piece.has("relation", "adjective")
            or any(t.text in participles for t in piece.tokens)
        ):
            out.add("place")
        return frozenset(out)

    # ------------------------------------------------------------ one part

    def _part(self, segment: Segment, before: Sequence[tuple[Segment, Part]]) -> Part:
        heads = wording()
        if segment.head in heads.reasons:
            return self._reason(segment)
        if segment.head in heads.provisos:
            return self._proviso(segment, before)
        text = self._with_topic(segment.text, before)
        rest = text.removeprefix("with ")
        if rest != text and self._kinds(rest) >= {"begins", "place"}:
            text = rest  # "..., with the cube inside"
        piece = Piece(self._words, text)
        if not before and piece.mentions and self._announces(piece, text):
            return Dropped(text)
        if piece.understood():
            return Kept(text, topic_of(piece))
        if self._only_place(piece):
            return Kept(text)
        if not piece.mentions:
            aside = self._aside(segment, piece)
            if isinstance(aside, Dropped) or not (piece.pronouns and piece.has("verb", "relation")):
                return aside
        if self._only_things(piece):
            return Kept(text, topic_of(piece))
        return self._clauses.read(piece, asked=segment.asked)

    def _announces(self, piece: Piece, text: str) -> bool:
        """`two things: ...`, `I need two things done: ...`."""
        if not _unspecific(piece) or piece.has("relation"):
            return False
        return self._only_things(piece) or self._asides.nearest(text).label == "chat"

    def _with_topic(self, text: str, before: Sequence[tuple[Segment, Part]]) -> str:
        """The text with the thing that was just spoken of, in place of `it` or `which`."""
        if not before:
            return text
        part = before[-1][1]
        piece = Piece(self._words, text)
        opening = _WHICH.match(text)
        if opening and isinstance(part, Kept):
            return f"{_last(Piece(self._words, part.text))} {text[opening.end() :]}".strip()
        alone = isinstance(part, Kept) and self._only_things(Piece(self._words, part.text))
        topic = getattr(part, "topic", "") if alone or isinstance(part, Dropped) else ""
        if not topic:
            return text
        if alone and not piece.mentions and not piece.pronouns and len(piece.tokens) == 1:
            return f"{text} {topic}" if piece.has("verb", "adjective") else text  # "drawer: open"
        if not piece.pronouns:
            return text
        first = piece.pronouns[0]
        if not alone and piece.mentions and piece.mentions[0].start < first.start:
            return text
        return f"{piece.said(0, first.start)} {topic} {piece.said(first.end)}".strip()

    def _only_things(self, piece: Piece) -> bool:
        return len(piece.mentions) == 1 and not list(piece.outside())

    def _only_place(self, piece: Piece) -> bool:
        if piece.tokens and all(token.get("use") for token in piece.tokens):
            return True
        outside = list(piece.outside())
        alone = len(outside) == 1 == len(piece.mentions) and piece.mentions[0].start == 1
        return alone and bool(outside[0][1].get("relation"))

    def _aside(self, segment: Segment, piece: Piece) -> Part:
        """What speaks of nothing here: left out, unless it asks, denies or puts off."""
        if not piece.tokens:
            return Dropped("")
        found = self._asides.nearest(segment.text)
        denied = wording().denies(segment.text)
        if _states_something(segment.text) and found.best != "cancel":
            # A statement asks for nothing, whatever it is about.
            agrees = found.best == "chat" and wording().denies(found.example)
            return Dropped(segment.text) if agrees or not denied else Stop()
        if found.label != "chat":
            called = not denied and self._clauses.calls(segment.text)  # "..., dear"
            return Dropped(segment.text) if called else Stop()
        asks = self._words.lexicon.verbs.get(piece.tokens[0].get("verb"))
        doubtful = asks is not None and asks.asks != "nothing"
        if doubtful and found.likeness < _SURE:
            return Stop()
        if denied and not wording().denies(found.example):
            return Stop()
        return Dropped(segment.text)

    def _reason(self, segment: Segment) -> Part:
        piece = Piece(self._words, segment.text)
        denied = wording().denies(segment.text)
        if not piece.mentions:
            said = f"{segment.head} {segment.text}"
            cancelled = self._asides.nearest(said).best in ("cancel", "ask")
            return Stop() if denied and cancelled else Dropped(said)
        request = self._clauses.island(piece)
        if request is not None and not denied:
            return request
        if denied or set(segment.text.split()) & _DUTIES:
            return Stop()
        return Dropped(f"{segment.head} {segment.text}", topic_of(piece))

    def _proviso(self, segment: Segment, before: Sequence[tuple[Segment, Part]]) -> Part:
        said = f"{segment.head} {segment.text}".strip()
        refused = Stop(
            NotUnderstood(f"'{segment.head}' is not understood: say plainly what should hold")
        )
        piece = Piece(self._words, segment.text)
        if segment.head not in _HARD:
            return refused
        if not piece.mentions:
            found = self._provisos.nearest(said)
            idle = segment.head in ("while", "whilst") and not piece.denied()
            polite = found.label == "polite" or (idle and found.label != "condition")
            done = bool(set(segment.text.split()) & {"done", "finished", "through", "ready"})
            return Dropped(said, last=done and bool(before)) if polite or done else refused
        if segment.head in _SEQUENCE:
            return self._sequence(piece, before) or refused
        if segment.head in ("while", "whilst") and not piece.understood():
            part = self._clauses.read(piece)  # "while the other one goes on the shelf"
            return replace(part, joint="and") if isinstance(part, Kept) else refused
        if segment.head == "if" and not any(isinstance(part, Kept) for _, part in before):
            return self._clauses.wish(piece) or self._with_polite_start(segment, piece) or refused
        return self._with_polite_start(segment, piece) or refused

    def _sequence(self, piece: Piece, before: Sequence[tuple[Segment, Part]]) -> Part | None:
        """`once it is in the drawer`: what is to be done first."""
        part = Kept(piece.said()) if piece.understood() else self._clauses.wish(piece)
        part = part or self._clauses.read(piece)
        if not isinstance(part, Kept):
            return None
        if any(isinstance(other, Kept) for _, other in before):
            return replace(part, joint="after")
        return replace(part, text=f"{part.text} , then")

    def _with_polite_start(self, segment: Segment, piece: Piece) -> Part | None:
        """`when you have time open the drawer`: polite up to where a request begins."""
        for at, token in enumerate(piece.tokens):
            if token.get("verb") and at and piece.understood(at):
                said = f"{segment.head} {piece.said(0, at)}"
                if self._provisos.nearest(said).label == "polite":
                    return Kept(piece.said(at), topic_of(piece))
        return None

    # ------------------------------------------------------------ all parts

    def _joined(self, parts: Sequence[tuple[Segment, Part]]) -> str:
        """What was kept, in one text; a place alone goes with what was said before or after."""
        out: list[str] = []
        pending = ""
        for position, (segment, part) in enumerate(parts):
            if not isinstance(part, Kept):
                continue
            piece = Piece(self._words, part.text)
            if self._only_place(piece):
                if out:
                    out.append(part.text)
                else:
                    pending = part.text
                continue
            if self._only_things(piece) and _again(part.text, parts[position + 1 :]):
                continue
            said = part.joint or segment.joint
            joint = said if out or said in ("before", "after") else ""
            if joint not in ("", ",", "and", "but", "before", "after", "without", *_THEN):
                joint = "."
            if out and _marked_last(parts, position):
                joint = "then"
            out += [joint, part.text, pending]
            pending = ""
        return " ".join(" ".join(out).split())


_SURE = 0.5
_CODE = re.compile(r"[{}<>|\\$=^~]|\w\(")
_SUBJECTS = re.compile(
    r"(?:i|we|he|she|they|it|there|this|that|these|those|my|our|his|her|their|its|your|you|the|a|an"
    r"|some|people|everybody|everyone|someone|somebody|nobody|today|yesterday) \S+ \S|it is \S"
)
_WISHES = re.compile(
    r"\b(?:wants?|needs?|(?:would|d) like|wish|should|must|shall|ought|please|would|could|can"
    r"|will|may|let|tell|do|does|if|unless|until|when|or|got|(?:have|has|had) (?:to|better))\b"
)
_SIDES = "left|right|other|first|second|third|both|two|upper|lower|free"
_HAND = re.compile(rf"\b(?:with|using|by) (?:the |your )?((?:{_SIDES}) (?:hand|arm|gripper)s?)\b")
_WHICH = re.compile(r"(which|that one|this one|who)\b ")
_DUTIES = {"should", "must", "want", "wants", "need", "needs", "please", "has", "have", "ought"}


def _left_out(text: str) -> bool:
    return guards().aside(text, states=_states_something(text))


def _said_otherwise(said: str) -> NotUnderstood:
    return NotUnderstood(
        f"'{said}' may deny, warn, put off or put a condition: say plainly what should be done now,"
        " or begin with 'do not'"
    )


def _again(topic: str, after: Sequence[tuple[Segment, Part]]) -> bool:
    """Whether what follows speaks of this thing."""
    return any(isinstance(part, Kept) and topic in part.text for _, part in after)


def _marked_last(parts: Sequence[tuple[Segment, Part]], position: int) -> bool:
    """Whether `when you are done` follows directly: this part comes last."""
    return position + 1 < len(parts) and getattr(parts[position + 1][1], "last", False)


def _states_something(text: str) -> bool:
    """Whether it is a statement by its form: it begins with who it is about, and wishes nothing."""
    return bool(_SUBJECTS.match(text)) and not _WISHES.search(text)


def _unspecific(piece: Piece) -> bool:
    """Whether it speaks of some number of any things."""
    (thing, *more) = piece.mentions[0].things.items
    return thing.noun == "object" and not (more or thing.attributes or thing.name) and thing.plural


def _last(piece: Piece) -> str:
    """The thing that was named last."""
    if not piece.mentions:
        return ""
    things = piece.mentions[-1].things
    return (things.excepted or things.items)[-1].text
