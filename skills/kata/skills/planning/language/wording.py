"""How people write, in plainer words: spelling of chats, sounds, the same again, what is held."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from kata.datasets.types import Facts

from .lexicon import lexicon

_QUOTES = {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "`": "'"}
_SPACE = re.compile(r"[\s\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_LETTERS = re.compile(r"[a-z]+")
NEEDS = "needs__"
"""Stands before a gerund in `the button needs pressing`."""
_HELD = "@held"


@dataclass(frozen=True, slots=True)
class Wording:
    """What `wording.yaml` says."""

    plainer: tuple[tuple[re.Pattern[str], str], ...]
    place_verbs: Mapping[str, str]
    provisos: tuple[str, ...]
    reasons: tuple[str, ...]
    denials: frozenset[str]

    def denies(self, text: str) -> bool:
        """Whether a word in it denies something."""
        return bool(self.denials & set(_LETTERS.findall(text))) or "n't" in text

    def plain(self, sentence: str, facts: Facts) -> str:
        """The sentence in lower case and plainer words; what is held by its name."""
        text = sentence.lower()
        for sign, plain in _QUOTES.items():
            text = text.replace(sign, plain)
        text = _SPACE.sub(" ", text)
        for short, long in lexicon().contractions.items():
            if "'" in short:
                text = re.sub(rf"\b{short}\b", long, text)
        for pattern, replacement in self.plainer:
            text = pattern.sub(replacement, text)
        return _SPACE.sub(" ", text.replace(_HELD, _held(facts))).strip()


@cache
def wording() -> Wording:
    """The wording that comes with the package."""
    import yaml

    text = files(__package__).joinpath("wording.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    return Wording(
        tuple((re.compile(pattern), replacement) for pattern, replacement in data["plainer"]),
        data["place_verbs"],
        _phrases(data["heads"]["proviso"]),
        _phrases(data["heads"]["reason"]),
        frozenset(_phrases(data["denials"])),
    )


def _phrases(words: str) -> tuple[str, ...]:
    """Longest first, so that `as soon as` is found before `as`."""
    return tuple(sorted((word.strip() for word in words.split(",")), key=len, reverse=True))


def _held(facts: Facts) -> str:
    """The one thing in a hand, or a word that nothing is called by."""
    held = {a.arguments[1] for a in facts.true_atoms() if a.predicate == "holding"}
    return held.pop() if len(held) == 1 else "it"
