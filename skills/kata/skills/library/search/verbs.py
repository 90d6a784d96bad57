"""Classes of verbs: which kind of doing a text is about, whatever the things are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from .words import stems

_LONGEST = 3
_APART = 4
_PARTICLES = frozenset(stems("away back down in off on out over up"))


@dataclass(frozen=True, slots=True)
class Verbs:
    """All classes, and by phrase (as stems) those that it can stand for.

    Attributes:
        frames: by class the predicates that the change makes true, `not PREDICATE` for false.
    """

    frames: Mapping[str, frozenset[str]]
    phrases: Mapping[tuple[str, ...], frozenset[str]]

    def of(self, text: str) -> frozenset[str]:
        """Names of the classes that a text's verbs stand for.

        Longer phrases go first; what is taken may stand between a verb and its particle, as in
        `put the plate away`.
        """
        words, found, at = stems(text), set[str](), 0
        while at < len(words):
            classes, length = self._at(words, at)
            found |= classes
            at += length
        return frozenset(found)

    def _at(self, words: Sequence[str], at: int) -> tuple[frozenset[str], int]:
        for length in range(_LONGEST, 1, -1):
            classes = self.phrases.get(tuple(words[at : at + length]))
            if classes is not None:
                return classes, length
        for later in words[at + 2 : at + 2 + _APART]:
            if later in _PARTICLES and (words[at], later) in self.phrases:
                return self.phrases[words[at], later], 1
        return self.phrases.get((words[at],), frozenset()), 1

    def making(self, frames: Iterable[str]) -> frozenset[str]:
        """Names of the classes with one of these frames."""
        wanted = set(frames)
        return frozenset(name for name, makes in self.frames.items() if makes & wanted)


@cache
def verbs() -> Verbs:
    """The classes that come with the package."""
    import yaml

    text = files(__package__).joinpath("verbs.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    phrases: dict[tuple[str, ...], set[str]] = {}
    for name, entry in data.items():
        for phrase in _split(entry["verbs"]):
            phrases.setdefault(tuple(stems(phrase)), set()).add(name)
    return Verbs(
        {name: frozenset(_split(entry["frames"])) for name, entry in data.items()},
        {phrase: frozenset(found) for phrase, found in phrases.items()},
    )


def _split(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]
