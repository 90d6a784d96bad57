"""Which names of the scene a noun phrase means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kata.datasets.types import Facts

from .answers import Ambiguous, NotUnderstood, UnresolvedError
from .grammar import Thing, Things
from .words import Vocabulary

Fits = Callable[[str], bool]
"""Whether a name can stand where the phrase stands."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Names that a phrase means; `every` if it meant all of a kind, `none` if it denied them."""

    names: tuple[str, ...]
    every: bool = False
    none: bool = False


@dataclass(slots=True)
class Discourse:
    """What was mentioned so far, latest clause last: its theme, then what it was related to."""

    themes: list[tuple[str, ...]] = field(default_factory=list)
    grounds: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, theme: Sequence[str], grounds: Sequence[str]) -> None:
        """A clause's names."""
        self.themes.append(tuple(theme))
        self.grounds.append(tuple(grounds))

    def mentioned(self) -> list[tuple[str, ...]]:
        """Groups of names, the most salient first."""
        pairs = zip(reversed(self.themes), reversed(self.grounds), strict=True)
        return [group for pair in pairs for group in pair if group]


class Resolver:
    """Resolves noun phrases against a scene, its facts and what was mentioned before."""

    def __init__(self, words: Vocabulary, facts: Facts, discourse: Discourse) -> None:
        self._words, self._facts, self.discourse = words, facts, discourse
        self.notes: list[str] = []

    def things(self, things: Things, fits: Fits, done: Fits = lambda _: False) -> Chosen:
        """The names of coordinated phrases, exceptions left out.

        `fits` narrows where something fits; `done` is true of names that an indefinite phrase
        ("two cubes") need not mean, since nothing would be left to do.
        """
        chosen = [self._thing(item, fits, done) for item in things.items]
        out = {name for item in things.excepted for name in self._thing(item, fits, done).names}
        names = list(dict.fromkeys(name for choice in chosen for name in choice.names))
        kept = tuple(name for name in names if name not in out)
        if not kept:
            raise UnresolvedError(NotUnderstood(f"'{things.text}' leaves nothing"))
        every = any(choice.every for choice in chosen)
        return Chosen(kept, every, any(choice.none for choice in chosen))

    def candidates(self, thing: Thing) -> tuple[str, ...]:
        """All names that the words alone could mean, in the scene's order; may be empty."""
        if thing.name and not thing.attributes:
            return (thing.name,)
        noun = thing.noun or thing.name
        mentioned = {name for group in self.discourse.mentioned() for name in group}
        return tuple(
            name
            for name, words in self._words.names.items()
            if set(thing.attributes) <= words.attributes
            and (not noun or noun == words.noun or noun in self._words.types[name])
            and not (thing.other and name in mentioned)
        )

    def _thing(self, thing: Thing, fits: Fits, done: Fits) -> Chosen:
        if thing.determiner in ("it", "them"):
            return self._pronoun(thing, fits)
        found = self.candidates(thing)
        if not found or thing.absent:
            raise UnresolvedError(NotUnderstood(self._nothing(thing)))
        fitting = tuple(name for name in found if fits(name)) or found
        if thing.determiner == "none":
            return Chosen(fitting, True, True)
        wanted = 2 if thing.determiner == "both" else thing.number
        plural = thing.plural or (thing.other and not thing.noun)
        if thing.determiner in ("all", "both"):
            return Chosen(self._exactly(thing, fitting, wanted), True)
        if thing.determiner == "the" and (wanted or plural):
            return Chosen(self._exactly(thing, fitting, wanted), not wanted)
        if thing.determiner == "a" or wanted:
            return Chosen(self._any(thing, fitting, wanted or 1, done))
        if plural:
            return Chosen(fitting, True)
        return Chosen(self._exactly(thing, fitting, 1))

    def _exactly(self, thing: Thing, names: tuple[str, ...], wanted: int) -> tuple[str, ...]:
        if not wanted or len(names) == wanted:
            return names
        could = ", ".join(names)
        message = f"'{thing.text}' could be any of {could}"
        if len(names) < wanted or wanted > 1:
            message = f"'{thing.text}': there are {len(names)}: {could}"
        raise UnresolvedError(Ambiguous(thing.text, message, names))

    def _any(
        self, thing: Thing, names: tuple[str, ...], wanted: int, done: Fits
    ) -> tuple[str, ...]:
        if len(names) < wanted:
            found = f"there are only {len(names)}: {', '.join(names)}"
            raise UnresolvedError(NotUnderstood(f"'{thing.text}': {found}"))
        if len(names) == wanted:
            return names
        chosen = sorted(names, key=done)[:wanted]  # sorting is stable: the scene's order
        self.notes.append(f"for '{thing.text}' took {' and '.join(chosen)}")
        return tuple(chosen)

    def _pronoun(self, thing: Thing, fits: Fits) -> Chosen:
        for group in self.discourse.mentioned():
            fitting = tuple(name for name in group if fits(name))
            if thing.determiner == "them" and len(fitting) > 1:
                return Chosen(fitting)
            if thing.determiner == "it" and len(fitting) == 1:
                return Chosen(fitting)
            if thing.determiner == "it" and fitting:
                raise self._which(thing, fitting)
        said = tuple(dict.fromkeys(n for group in self.discourse.mentioned() for n in group))
        several = tuple(name for name in said if fits(name))
        if thing.determiner == "them" and several:
            return Chosen(several)
        held = [
            atom.arguments[1]
            for atom in self._facts.true_atoms()
            if atom.predicate == "holding" and fits(atom.arguments[1])
        ]
        if len(held) == 1 and not said:
            return Chosen(tuple(held))
        raise self._which(thing, tuple(name for name in self._words.names if fits(name)))

    def _which(self, thing: Thing, names: tuple[str, ...]) -> UnresolvedError:
        options = names or tuple(self._words.names)
        message = f"'{thing.text}' could mean {', '.join(options)}: say which"
        if len(options) == 1:
            message = f"nothing was named that '{thing.text}' could mean: is it {options[0]}?"
        return UnresolvedError(Ambiguous(thing.text, message, options))

    def _nothing(self, thing: Thing) -> str:
        noun = thing.noun or thing.name
        same = [
            name
            for name, words in self._words.names.items()
            if noun and (noun == words.noun or noun in self._words.types[name])
        ]
        there = ", ".join(same or self._words.names)
        if thing.other:
            return f"'{thing.text}': nothing else of that kind is left"
        return f"there is no '{thing.text.removeprefix('the ')}' here; there is {there}"
