"""From a sentence to goals, by grammar alone: no language model, the same answer every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from kata.datasets.types import HAND_PREDICATES, Atom, AtomTable, Condition, Facts
from kata.skills.contract.contract import Contract

from .answers import Ambiguous, Answer, Grounded, NotUnderstood, UnresolvedError
from .examples import TextEncoder
from .grammar import Clause, Parser
from .meaning import Interpreter, Meaning
from .measures import MARK, Measure, Wish, fillable, measured
from .reader import Reader, Reading
from .reference import Discourse, Resolver
from .scene import Scene
from .typos import Spelling, corrected
from .wording import wording
from .words import Token, Vocabulary

_LONGEST = 1000
_LATER = "later"
_NO_TIMES = "'later' is a time, and times are not understood: say what should be done now"


class Grounder:
    """Grounds sentences in one scene with the skills that are known.

    Words for things and colours come from the scene's names and tags, a verb for each skill from
    its contract; `lexicon.yaml` adds synonyms. Nothing is learned and nothing is guessed.
    """

    def __init__(
        self,
        table: AtomTable,
        contracts: Sequence[Contract],
        encoder: TextEncoder | None = None,
    ) -> None:
        self._words, self._contracts = Vocabulary(table, contracts), fillable(contracts)
        self._encoder = encoder
        self._reader: Reader | None = None
        self._measures: list[Measure] = []

    def ground(self, sentence: str, facts: Facts) -> Answer:
        """Goals of a sentence, what it could mean, or why it was not understood."""
        scene = Scene(self._words, facts, self._contracts)
        if len(sentence) > _LONGEST:
            return NotUnderstood(f"longer than {_LONGEST} characters", scene.examples())
        sentence = sentence.encode("utf-8", "replace").decode("utf-8")  # half a character
        text, self._measures = measured(sentence.lower(), self._contracts)
        said = text if self._measures else sentence
        first = self._try(said, facts, scene)
        if isinstance(first, Grounded | Ambiguous):
            return first
        return self._told(self._again(said, facts, scene) or first)

    def _told(self, answer: Answer) -> Answer:
        """The answer with numbers as they were said, in place of their marks."""
        if isinstance(answer, Grounded) or not self._measures:
            return answer
        message = answer.message
        for index, measure in enumerate(self._measures):
            message = message.replace(f"{MARK}{index}", measure.text)
        return replace(answer, message=message)

    @property
    def read_twice(self) -> bool:
        """Whether some sentence needed the second reader."""
        return self._reader is not None

    def _again(self, sentence: str, facts: Facts, scene: Scene) -> Answer | None:
        """The second reader's answer to what the grammar alone did not understand."""
        encoder = self._encoder or shared_encoder()
        spelling = corrected(self._words, wording().plain(sentence, facts), encoder.is_word)
        if spelling is not None:
            return self._misspelt(spelling, facts, scene)
        if self._reader is None:
            self._reader = Reader(self._words, self._contracts, encoder)
        reading = self._reader.read(sentence, facts)
        if not isinstance(reading, Reading):
            return reading
        second = self._try(reading.text, facts, scene)
        if isinstance(second, Grounded):
            if sorted(_marks(sentence)) != sorted(_marks(reading.text)):
                return None  # a number would be lost
            return replace(second, notes=(*reading.notes, *second.notes))
        return second if isinstance(second, Ambiguous) else None

    def _misspelt(self, spelling: Spelling, facts: Facts, scene: Scene) -> NotUnderstood:
        """Which words are not known, and the corrected sentences, those that make sense first."""
        spelt = spelling.sentences
        good = [s for s in spelt if not isinstance(self._try(s, facts, scene), NotUnderstood)]
        options = tuple(dict.fromkeys(good or spelt))
        said = ", ".join(
            f"unknown word '{word}': did you mean {' or '.join(map(repr, near))}?"
            for word, near in spelling.near.items()
        )
        return NotUnderstood(said, options)

    def _try(self, sentence: str, facts: Facts, scene: Scene) -> Answer:
        try:
            return self._ground(sentence, facts, scene)
        except UnresolvedError as stop:
            answer = stop.answer
        if not isinstance(answer, NotUnderstood) or answer.suggestions:
            return answer
        tokens = self._words.tokens(sentence)
        named = [token.get("name", "noun") for token in tokens]
        return NotUnderstood(answer.message, scene.examples(named))

    def _ground(self, sentence: str, facts: Facts, scene: Scene) -> Grounded:
        tokens = self._words.tokens(sentence)
        _refuse_questions(tokens)
        self._words.unknown(tokens)
        _refuse_structure(tokens)
        clauses = Parser(tokens).clauses()
        if not clauses:
            raise UnresolvedError(NotUnderstood("there is nothing to do in it"))
        resolver = Resolver(self._words, facts, Discourse())
        interpreter = Interpreter(scene, resolver, self._contracts)
        meanings: list[tuple[Clause, Meaning]] = []
        for clause in clauses:
            meaning = _handed(interpreter.meaning(clause), clause.hand, scene)
            if meaning.theme or meaning.grounds:
                resolver.discourse.add(meaning.theme, meaning.grounds)
            at = len(meanings) - 1 if clause.join == "earlier" else len(meanings)
            meanings.insert(max(at, 0), (clause, meaning))
        notes = [note for _, meaning in meanings for note in meaning.notes] + resolver.notes
        stages = _stages(meanings, scene, notes)
        goals = tuple(Condition.of(stage) for stage in stages)
        return Grounded(goals, tuple(notes), tuple(self._wishes(meanings)))

    def _wishes(self, meanings: Sequence[tuple[Clause, Meaning]]) -> Iterator[Wish]:
        for clause, meaning in meanings:
            if clause.measures or clause.hand:
                atoms = tuple(atom for atom, value in meaning.literals.items() if value)
                said = tuple(self._measures[index] for index in clause.measures)
                yield Wish(atoms, said, clause.hand)


def _handed(meaning: Meaning, hand: str, scene: Scene) -> Meaning:
    """The meaning with the hand that was asked for in place of the robot's first."""
    if not hand:
        return meaning
    literals = {
        Atom(atom.predicate, (hand, *atom.arguments[1:]))
        if atom.predicate in HAND_PREDICATES and atom.arguments[0] in scene.table.hands
        else atom: value
        for atom, value in meaning.literals.items()
    }
    return replace(meaning, literals=literals)


def _marks(text: str) -> list[str]:
    return [word for word in text.split() if word.startswith(MARK)]


@cache
def shared_encoder() -> TextEncoder:
    """One encoder a process; its model is loaded when the first text is embedded."""
    from kata.skills.library.search.encoder import Encoder

    return Encoder()


def _refuse_questions(tokens: Sequence[Token]) -> None:
    asked = any(token.text == "?" for token in tokens)
    words = [token for token in tokens if not token.get("stop", "filler")]
    first = words[0] if words else Token("")
    polite = any(token.get("filler").startswith("filler") for token in tokens[:2])
    if first.get("question") or (asked and not polite):
        raise UnresolvedError(NotUnderstood("that is a question; say what should be done"))


def _refuse_structure(tokens: Sequence[Token]) -> None:
    words = [token.text for token in tokens if not token.get("stop", "filler")]
    if _LATER in (*words[:1], *words[-1:]):
        raise UnresolvedError(NotUnderstood(_NO_TIMES))  # later than no other request
    for token in tokens:
        if token.get("side") and not token.get("relation"):
            raise UnresolvedError(
                NotUnderstood(f"places '{token.text}' something are not known: say in, on, next to")
            )
        if token.get("if", "question") and not token.get("be", "verb"):
            raise UnresolvedError(
                NotUnderstood(f"'{token.text}' is not understood: say plainly what should hold")
            )


def _stages(
    meanings: Sequence[tuple[Clause, Meaning]], scene: Scene, notes: list[str]
) -> list[dict[Atom, bool]]:
    """Literals a stage: a new one after `then`, and where a clause ends what another asked for."""
    kept = [atom for _, m in meanings if m.kept for atom, value in m.literals.items() if value]
    denied = {atom for _, m in meanings for atom, value in m.literals.items() if not value}
    stages: list[dict[Atom, bool]] = [{}]
    for position, (clause, meaning) in enumerate(meanings):
        literals = dict(meaning.literals)
        if meaning.every and not meaning.kept:
            for atom in [a for a, value in literals.items() if value]:
                if atom in denied or any(scene.conflict(atom, other) for other in kept):
                    del literals[atom]
        follows = position and (
            clause.join == "then" or meanings[position - 1][0].join == "earlier"
        )
        current = stages[-1]
        clash = any(
            current.get(atom, value) is not value
            or any(value and now and scene.conflict(atom, other) for other, now in current.items())
            for atom, value in literals.items()
        )
        if current and (follows or clash):
            stages.append({})
        stages[-1].update(literals)
    _drop_idle_denials(stages, scene, notes)
    return [stage for stage in stages if stage] or [{}]


def _drop_idle_denials(stages: Sequence[dict[Atom, bool]], scene: Scene, notes: list[str]) -> None:
    """`don't close it` is no request to open what is closed, unless something else needs it so."""
    wanted = {
        name
        for stage in stages
        for atom, value in stage.items()
        if value
        for name in atom.arguments
    }
    for stage in stages:
        for atom in [atom for atom, value in stage.items() if not value]:
            made = atom in scene.made and atom.predicate not in ("in", "on")
            if made and scene.facts.value(atom) and not wanted & set(atom.arguments) - {scene.hand}:
                del stage[atom]
                notes.append(f"{atom} already; nothing is done about it")
