"""One request that the grammar does not know, in words that it knows."""

from __future__ import annotations

from collections.abc import Sequence

from kata.datasets.types import Facts
from kata.skills.contract.contract import Contract

from .answers import NotUnderstood, Unable
from .examples import TextEncoder
from .goals import NO_GOALS, PLACE, SKILL_LABEL, THING, goal_prototypes, goal_says
from .parts import Dropped, Kept, Mention, Part, Piece, Stop, asks
from .prototypes import prototypes
from .reference import Discourse, Resolver
from .scene import Scene
from .wording import NEEDS, wording
from .words import Vocabulary

_SURE, _EXACT = 0.6, 0.99
_TYPED = ("in", "on", "near", "open", "closed", "pressed", "holding", "release")
_NOT_SAID_SO = ("in", "on", "near", "leave")
_DENYING = ("leave", "empty", "release", "closed")
_STATING = ("is ", "are ", "was ", "were ", "has ", "had ", "looks ", "seems ", "feels ")
_WISH = ("you could", "you would", "you can", "you might", "you")


class ClauseReader:
    """Puts a request into the grammar's words by the first of several readings that fits."""

    def __init__(
        self, words: Vocabulary, contracts: Sequence[Contract], encoder: TextEncoder
    ) -> None:
        self._words, self._contracts = words, tuple(contracts)
        self._openings = prototypes("opening", encoder)
        self._endings = prototypes("ending", encoder)
        self._links = prototypes("link", encoder)
        self._goals = goal_prototypes(contracts, encoder)
        self._says = goal_says()
        self._scene: Scene | None = None
        self._resolver: Resolver | None = None

    def begin(self, facts: Facts) -> None:
        """A sentence is read in these facts."""
        self._scene = Scene(self._words, facts, self._contracts)
        self._resolver = Resolver(self._words, facts, Discourse())

    def read(self, piece: Piece, *, asked: bool = False) -> Part:
        """The request, an aside that speaks of a thing, or why the sentence is refused."""
        for reading in (
            self._by_place_verb(piece),
            self._by_need(piece),
            self._core(piece),
            self._linked(piece),
            self._fronted(piece),
        ):
            if reading is not None:
                return reading
        return self._by_goal(piece, asked)

    # ------------------------------------------------------------ words around a request

    def island(self, piece: Piece) -> Kept | None:
        """The request at the end of a piece, whatever stands before it."""
        for at, token in enumerate(piece.tokens):
            if token.get("verb") and piece.understood(at) and at <= piece.mentions[0].start:
                return Kept(piece.said(at), self._topic(piece))
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
            return Kept(inner.said(), self._topic(inner))
        found = self.read(inner)
        return found if isinstance(found, Kept) else None

    def _core(self, piece: Piece) -> Part | None:
        """A request that is understood, between an opening and an ending that mean nothing."""
        if not piece.mentions and not piece.pronouns:
            return None
        named = [*piece.mentions, *piece.pronouns]
        first = min(mention.start for mention in named)
        last = max(mention.end for mention in named)
        for start in range(first + 1):
            if start and not self._may_open(piece, start):
                continue
            for end in range(len(piece.tokens), max(start, last) - 1, -1):
                if not piece.understood(start, end):
                    continue
                opening = self._opening(piece, start)
                if opening == "refuse":
                    return Stop()
                if opening and self._ending(piece, end):
                    return self._asked(piece, start, end, opening)
        return None

    def _asked(self, piece: Piece, start: int, end: int, opening: str) -> Part | None:
        core = piece.said(start, end)
        if opening == "ask":
            return Kept(core, self._topic(piece))
        if piece.tokens[start].get("verb"):
            return self._if_understood(f"do not {core}")
        first = next(m for m in piece.mentions if m.start == start)
        thing, rest = piece.said(start, first.end), piece.said(first.end, end)
        return self._if_understood(f"{thing} should be not {rest}")

    def _may_open(self, piece: Piece, start: int) -> bool:
        """Whether the tokens before `start` could be a way of asking, and not a verb."""
        token, before = piece.tokens[start], piece.tokens[start - 1]
        if before.get("the", "a", "attribute", "relation", "number"):
            return False
        if any(said.get("if") for said in piece.tokens[:start]):
            return False
        named = any(mention.start == start for mention in piece.mentions)
        if named and before.get("verb"):
            return self._openings.nearest(piece.said(0, start)).likeness > _EXACT
        return named or bool(token.get("verb", "not"))

    def _opening(self, piece: Piece, start: int) -> str:
        if not start:
            return "ask"
        said = piece.said(0, start)
        found = self._openings.nearest(said)
        if start == 1 and found.likeness < _EXACT:
            return ""  # one word alone may as well be a verb
        if found.label == "deny":
            return found.label
        if set(said.split()) & wording().denials and found.likeness < _SURE:
            return "refuse"
        return found.label

    def _ending(self, piece: Piece, end: int) -> bool:
        said = piece.said(end)
        if not said:
            return True
        found = self._endings.nearest(said)
        denied = bool(set(said.split()) & wording().denials)
        return found.label == "manner" and not (denied and found.likeness < _SURE)

    # ------------------------------------------------------------ other orders of words

    def _by_place_verb(self, piece: Piece) -> Part | None:
        """`bin the cube`: a place that is used as a verb."""
        for at, token in enumerate(piece.tokens[:-1]):
            place = wording().place_verbs.get(token.text)
            after = [m for m in (*piece.mentions, *piece.pronouns) if m.start == at + 1]
            before = piece.tokens[at - 1] if at else token
            determined = at and before.get("the", "a", "attribute", "relation", "all")
            if place is None or not after or determined or self._opening(piece, at) != "ask":
                continue
            if self._ending(piece, after[0].end):
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
        if not piece.mentions:
            return None
        theme = piece.mentions[0]
        if theme.start and self._opening(piece, theme.start) != "ask":
            return None
        inner = [m for m in piece.mentions[1:2] if m.start == theme.end + 1]
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
            label = self._links.nearest(gap).label if gap else "must"
            if label == "is":
                return None if asks(piece) else Dropped(piece.said(), self._topic(piece))
            if label != "must":
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
        if ground.start != 1 or not self._ending(piece, theme.end):
            return None
        thing, gap = piece.said(theme.start, theme.end), piece.said(ground.end, theme.start)
        place = piece.said(0, ground.end)
        verb = piece.tokens[theme.start - 1].get("verb")
        if verb:
            return self._if_understood(f"{piece.said(ground.end, theme.end)} {place}")
        if gap and self._links.nearest(gap).label != "must":
            return None
        return self._if_understood(f"put {thing} {place}")

    def _if_understood(self, text: str) -> Kept | None:
        piece = Piece(self._words, text)
        return Kept(text) if piece.understood() else None

    # ------------------------------------------------------------ by likeness alone

    def _by_goal(self, piece: Piece, asked: bool) -> Part:
        """The goal whose examples are nearest, of those that these things can have."""
        if len(piece.mentions) not in (1, 2) or piece.has("side", "if", "number"):
            return Stop()
        roles = self._roles(piece)
        found = self._goals.nearest(piece.masked(roles=roles), self._possible(piece, roles))
        if found.label == "remark":
            return Stop() if asks(piece) else Dropped(piece.said(), self._topic(piece))
        absent = piece.absent()
        if absent:
            return Stop(self._nothing(absent) if found.label and found.label != "salad" else None)
        if found.best in ("remark", "question", "salad") or (asked and not found.label):
            return Stop()
        if found.best == "other" or not found.label:
            return Stop(self._unable(piece) if found.label or self._new_verb(piece) else None)
        if piece.denied() and found.label not in _DENYING:
            return Stop()
        if not self._all_told(piece):
            return Stop()
        if found.label in _NOT_SAID_SO and not self._agrees(piece, found.label):
            return Stop()
        return self._said(piece, found.label, roles)

    def _agrees(self, piece: Piece, label: str) -> bool:
        """Whether no preposition before the place says something else than the label."""
        relations = self._words.lexicon.relations
        said = [
            relations[piece.tokens[mention.start - 1].get("relation")]
            for mention in piece.mentions
            if mention.start and piece.tokens[mention.start - 1].get("relation")
        ]
        if label == "leave":
            return all(relation.ends for relation in said) or piece.denied()
        return all(label in relation.predicates for relation in said)

    def _all_told(self, piece: Piece) -> bool:
        """Whether no word is left that a request could hinge on, such as `twice` or `halfway`."""
        if self._endings.nearest(piece.said(piece.mentions[-1].end)).label == "refuse":
            return False
        if not piece.has("verb"):
            return True
        rest = [token.text for _, token in piece.outside() if not token.kinds]
        return all(self._endings.nearest(word).best == "manner" for word in rest)

    def _new_verb(self, piece: Piece) -> bool:
        """Whether it begins with a word that no list knows, directly before a thing."""
        starts = [m.start for m in piece.mentions[:1] if m.start]
        return (
            bool(starts)
            and not piece.tokens[starts[0] - 1].kinds
            and (starts[0] == 1 or self._opening(piece, starts[0] - 1) == "ask")
        )

    def _possible(self, piece: Piece, roles: Sequence[str]) -> tuple[str, ...]:
        """The labels to choose from: where one that can be is rivalled by one that cannot."""
        by_role = dict(zip(roles, piece.mentions, strict=True))
        thing, place = (self._named(by_role.get(role)) for role in (THING, PLACE))
        scene = self._scene
        assert scene is not None
        out = [label for label in self._says if label not in _TYPED]
        if PLACE in by_role:
            pairs = [(a, b) for a in thing for b in place if a != b]
            can = [p for p in ("in", "on", "near") if any(scene.possible(p, *ab) for ab in pairs)]
            out += can or ["in", "on", "near"]
        else:
            held = any(scene.true("holding", name) for name in thing)
            can = [
                p
                for p in ("open", "closed", "pressed", "holding")
                if any(scene.possible(p, name) for name in thing)
            ]
            out += can or ["open", "closed", "pressed", "holding"]
            out += ["release"] if held else []
        skills = [f"{SKILL_LABEL}{contract.name}" for contract in self._contracts]
        first = piece.mentions[0]
        if not first.start and piece.said(first.end).startswith(_STATING):
            return (*out, *skills, "remark", "question", "salad")  # "the cube is hot": no order
        return (*out, *skills, *NO_GOALS)

    def _named(self, mention: Mention | None) -> list[str]:
        assert self._resolver is not None
        items = mention.things.items if mention is not None else ()
        return [name for item in items for name in self._resolver.candidates(item)]

    def _roles(self, piece: Piece) -> tuple[str, ...]:
        if len(piece.mentions) == 1:
            return (THING,)
        start = piece.mentions[0].start
        fronted = bool(start and piece.tokens[start - 1].get("relation"))
        movable = [self._movable(mention) for mention in piece.mentions]
        swap = fronted if movable[0] == movable[1] else movable[1]
        return (PLACE, THING) if swap else (THING, PLACE)

    def _movable(self, mention: Mention) -> bool:
        assert self._scene is not None
        return any(self._scene.possible("holding", name) for name in self._named(mention))

    def _said(self, piece: Piece, label: str, roles: Sequence[str]) -> Part:
        if label.startswith(SKILL_LABEL):
            template = label.removeprefix(SKILL_LABEL).replace("_", " ") + " {0}"
        else:
            template = self._says[label]
        by_role = dict(zip(roles, piece.mentions, strict=True))
        things = [by_role[role] for role in (THING, PLACE) if role in by_role]
        needed = template.count("{")
        if len(things) < needed or len(things) > max(needed, 1):
            return Stop()
        texts = [piece.said(mention.start, mention.end) for mention in things]
        kept = self._if_understood(template.format(*texts))
        return kept or Stop()

    # ------------------------------------------------------------ refusals

    def _nothing(self, absent: str) -> NotUnderstood:
        there = ", ".join(self._words.names)
        return NotUnderstood(f"there is no '{absent}' here; there is {there}")

    def _unable(self, piece: Piece) -> Unable:
        assert self._scene is not None
        skills = ", ".join(sorted({contract.name for contract in self._contracts}))
        said = piece.said()
        message = f"no known skill can '{said}'; the known skills: {skills}"
        return Unable(said, message, self._scene.examples())

    @staticmethod
    def _topic(piece: Piece) -> str:
        if len(piece.mentions) != 1:
            return ""
        return piece.said(piece.mentions[0].start, piece.mentions[0].end)
