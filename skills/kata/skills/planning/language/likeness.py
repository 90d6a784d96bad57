"""A whole request by likeness alone: the goal whose examples are nearest, of those that can be."""

from __future__ import annotations

from collections.abc import Sequence

from kata.datasets.types import Facts
from kata.skills.contract.contract import Contract

from .answers import NotUnderstood, Unable
from .examples import TextEncoder
from .goals import NO_GOALS, PLACE, SKILL_LABEL, THING, goal_prototypes, goal_says
from .guards import guards
from .parts import Dropped, Mention, Part, Piece, Stop, asks, topic_of, understood_text
from .reference import Discourse, Resolver
from .scene import Scene
from .surroundings import Surroundings
from .words import Vocabulary

_TYPED = ("in", "on", "near", "open", "closed", "pressed", "holding", "release")
_NOT_SAID_SO = ("in", "on", "near", "leave")
_DENYING = ("leave", "empty", "release", "closed")
_STATING = ("is ", "are ", "was ", "were ", "has ", "had ", "looks ", "seems ", "feels ")


class GoalReader:
    """Reads a request of one or two things whose words no list knows.

    The things come from the scene and so does what can be true of them; examples decide only
    between these goals, and against what is no goal.
    """

    def __init__(
        self,
        words: Vocabulary,
        contracts: Sequence[Contract],
        around: Surroundings,
        encoder: TextEncoder,
    ) -> None:
        self._words, self._contracts, self._around = words, tuple(contracts), around
        self._goals = goal_prototypes(contracts, encoder)
        self._says = goal_says()
        self._scene: Scene | None = None
        self._resolver: Resolver | None = None

    def begin(self, facts: Facts) -> None:
        """A sentence is read in these facts."""
        self._scene = Scene(self._words, facts, self._contracts)
        self._resolver = Resolver(self._words, facts, Discourse())

    def read(self, piece: Piece, asked: bool = False) -> Part:
        """The goal whose examples are nearest, of those that these things can have."""
        if len(piece.mentions) not in (1, 2) or piece.has("if"):
            return Stop()
        if piece.has("side", "number"):
            return Stop(self._unable(piece) if self._new_verb(piece) else None)
        roles = self._roles(piece)
        found = self._goals.nearest(piece.masked(roles=roles), self._possible(piece, roles))
        starts = not piece.mentions[0].start and found.best == "remark"
        if found.label == "remark" or (starts and not asks(piece)):
            return Stop() if asks(piece) else Dropped(piece.said(), topic_of(piece))
        if self._taken_back(piece):
            return Stop()
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

    def _taken_back(self, piece: Piece) -> bool:
        """Whether what stands before the request takes it back."""
        end = next((at for at, token in piece.outside() if token.get("verb")), 0)
        first = piece.mentions[0].start
        return self._around.takes_back(piece, min(end or first, first))

    def _all_told(self, piece: Piece) -> bool:
        """Whether no word is left that a request could hinge on, such as `twice` or `to mary`."""
        first, last = piece.mentions[0], piece.mentions[-1]
        tail = piece.said(last.end)
        if self._around.changes(tail):
            return False
        unknown = not all(token.kinds for token in piece.tokens[last.end :])
        if first.start and unknown and not self._around.manner(tail, sure=True):
            return False
        if not piece.has("verb"):
            return True
        verb = next(at for at, token in piece.outside() if token.get("verb"))
        if 0 < verb < first.start and not guards().ends(piece.opening(verb)):
            return False
        rest = [(at, token.text) for at, token in piece.outside() if not token.kinds]
        if not guards().ends(" ".join(word for at, word in rest if at != first.start - 1)):
            return False
        return all(
            self._around.manner(word) if at == first.start - 1 else guards().ends(word)
            for at, word in rest
        )

    def _new_verb(self, piece: Piece) -> bool:
        """Whether it begins with a word that no list knows, directly before a thing."""
        starts = [m.start for m in piece.mentions[:1] if m.start]
        return (
            bool(starts)
            and not piece.tokens[starts[0] - 1].kinds
            and (starts[0] == 1 or self._around.opening(piece, starts[0] - 1) == "ask")
        )

    def _possible(self, piece: Piece, roles: Sequence[str]) -> tuple[str, ...]:
        """The labels to choose from: where one that can be is rivalled by one that cannot."""
        by_role = dict(zip(roles, piece.mentions, strict=True))
        thing, place = (self._named(by_role.get(role)) for role in (THING, PLACE))
        scene = self._scene
        assert scene is not None
        out = [label for label in self._says if label not in _TYPED]
        if PLACE in by_role:
            out = [label for label in out if "{1}" in self._says[label]]
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
        kept = understood_text(self._words, template.format(*texts))
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
