"""The words that every scene shares, read once from `lexicon.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_VOWELS = "aeiou"


@dataclass(frozen=True, slots=True)
class Verb:
    """What a verb asks for; see `lexicon.yaml`."""

    name: str
    asks: str
    predicate: str = ""
    relation: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """The predicates that a preposition can mean, or those that it ends."""

    name: str
    predicates: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All entries.

    Attributes:
        phrases: of each kind of word its phrases and what they stand for.
        participles: verbs as they are said, by their past participle.
    """

    verbs: Mapping[str, Verb]
    relations: Mapping[str, Relation]
    nouns: Mapping[str, tuple[str, ...]]
    say: Mapping[str, str]
    contractions: Mapping[str, str]
    phrases: Mapping[str, Mapping[str, str]]
    participles: Mapping[str, str]


@cache
def lexicon() -> Lexicon:
    """The lexicon that comes with the package."""
    import yaml

    text = files(__package__).joinpath("lexicon.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    phrases: dict[str, dict[str, str]] = {
        kind: dict.fromkeys(_split(words), kind) for kind, words in data["words"].items()
    }
    phrases["number"] = {word: str(value) for value, word in enumerate(data["numbers"])}
    phrases["adjective"] = _inverted(data["adjectives"])
    phrases["relation"] = _inverted(_words_of(data["relations"]))
    phrases["verb"] = {
        form: name
        for name, words in _words_of(data["verbs"]).items()
        for word in _split(words)
        for form in verb_forms(word)
    }
    return Lexicon(
        {name: Verb(name, **_without_words(entry)) for name, entry in data["verbs"].items()},
        {
            name: Relation(name, tuple(entry.get("predicates", ())), tuple(entry.get("ends", ())))
            for name, entry in data["relations"].items()
        },
        {noun: _split(words) for noun, words in data["nouns"].items()},
        data["say"],
        data["contractions"],
        phrases,
        {
            participle(word): word
            for words in _words_of(data["verbs"]).values()
            for word in _split(words)
        },
    )


def _split(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(","))


def _words_of(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: entry["words"] for name, entry in entries.items()}


def _without_words(entry: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in entry.items() if key != "words"}


def _inverted(entries: Mapping[str, str]) -> dict[str, str]:
    return {word: name for name, words in entries.items() for word in _split(words)}


def verb_forms(phrase: str) -> tuple[str, ...]:
    """A verb, its third person and its gerund: close, closes, closing; put, puts, putting."""
    word, _, rest = phrase.partition(" ")
    rest = f" {rest}" if rest else ""
    stem = word[:-1] if word.endswith("e") and not word.endswith("ee") else word
    vowels = [letter for letter in word if letter in _VOWELS]
    if len(vowels) == 1 and word[-2:-1] in _VOWELS and word[-1] not in f"{_VOWELS}wxy":
        stem += word[-1]
    return tuple(form + rest for form in (word, plural(word), f"{stem}ing"))


_PARTICIPLES = {
    "put": "put",
    "set": "set",
    "hit": "hit",
    "shut": "shut",
    "lay": "laid",
    "bring": "brought",
    "throw": "thrown",
    "hide": "hidden",
    "take": "taken",
    "hold": "held",
    "get": "got",
    "catch": "caught",
    "leave": "left",
    "keep": "kept",
    "let": "let",
    "stick": "stuck",
    "sweep": "swept",
    "fling": "flung",
}


def participle(phrase: str) -> str:
    """A verb's past participle: close, closed; drop, dropped; put, put."""
    word, _, rest = phrase.partition(" ")
    if word in _PARTICIPLES:
        past = _PARTICIPLES[word]
    elif word.endswith("y") and word[-2:-1] not in _VOWELS:
        past = f"{word[:-1]}ied"
    else:
        gerund = verb_forms(word)[2]
        past = f"{gerund[:-3]}ed"
    return f"{past} {rest}".strip()


def plural(word: str) -> str:
    """The plural of a noun, or the third person of a verb, by rule."""
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es"
    if word.endswith("f"):
        return f"{word[:-1]}ves"
    if word.endswith("y") and word[-2:-1] not in _VOWELS:
        return f"{word[:-1]}ies"
    return f"{word}s"
