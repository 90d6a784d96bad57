"""The vocabulary of one scene, and a sentence as tokens in it."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kata.datasets.types import AtomTable
from kata.skills.contract.contract import Contract

from .answers import NotUnderstood, UnresolvedError
from .lexicon import Lexicon, lexicon, plural, verb_forms
from .measures import MARK

_WORD = re.compile(r"[a-z0-9_]+|[.,;:!?]")
_PHRASE_WORDS = 5
_PLAIN = {"\u2019": "'", "`": "'", "-": " ", "&": " and "}
SKILL = "skill "
"""Prefix of the verb that is a contract's own name."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word or phrase with what it can be: kind -> what it stands for."""

    text: str
    kinds: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.text)

    def get(self, *kinds: str) -> str:
        """What it stands for as the first of these kinds that it is; else empty."""
        for kind in kinds:
            if kind in self.kinds:
                return self.kinds[kind]
        return ""


@dataclass(frozen=True, slots=True)
class NameWords:
    """A name of the scene as words: `red_cube` is a `cube` with the attribute `red`."""

    noun: str
    attributes: frozenset[str]

    @classmethod
    def of(cls, name: str) -> NameWords:
        """The last part that is a word is the noun, so that `cube_1` is a cube too."""
        parts = name.lower().split("_")
        nouns = [part for part in parts if part.isalpha()] or parts
        noun = nouns[-1]
        rest = list(parts)
        rest.reverse()
        rest.remove(noun)
        return cls(noun, frozenset(rest))


class Vocabulary:
    """Every phrase that can be said about a scene with these skills."""

    def __init__(self, table: AtomTable, contracts: Sequence[Contract]) -> None:
        self.lexicon: Lexicon = lexicon()
        self.names = {name: NameWords.of(name) for name in table.types}
        self.types, self.hands = table.types, table.hands
        self._phrases: dict[str, dict[str, str]] = {}
        for kind, phrases in self.lexicon.phrases.items():
            for phrase, value in phrases.items():
                self._add(phrase, kind, value)
        self._add_nouns()
        self._add_hands(table.hands)
        for contract in contracts:
            spoken = contract.name.replace("_", " ")
            if spoken not in self.lexicon.phrases["verb"]:
                for form in verb_forms(spoken):
                    self._add(form, "verb", SKILL + contract.name)

    def _add(self, phrase: str, kind: str, value: str) -> None:
        self._phrases.setdefault(phrase, {}).setdefault(kind, value)

    def _add_nouns(self) -> None:
        nouns = {words.noun for words in self.names.values()}
        nouns |= {tag for tags in self.types.values() for tag in tags}
        for name, words in self.names.items():
            self._add(name.lower(), "name", name)
            for attribute in words.attributes:
                self._add(attribute, "attribute", attribute)
        for noun, synonyms in self.lexicon.nouns.items():
            for word in (noun, *synonyms):
                kind = "noun" if noun in nouns else "absent"
                if word not in nouns or word == noun:
                    self._add(word, kind, noun)
                    self._add(plural(word), kind, f"{noun} plural")
        for noun in nouns:
            self._add(noun, "noun", noun)
            self._add(plural(noun), "noun", f"{noun} plural")

    def _add_hands(self, hands: Sequence[str]) -> None:
        for hand in hands if len(hands) > 1 else ():
            name = hand.replace("_", " ")
            for how, part in itertools.product(("with", "using", "by"), ("hand", "arm", "gripper")):
                for determiner in (" the", " your", ""):
                    self._add(f"{how}{determiner} {name} {part}", "use", hand)

    def tokens(self, sentence: str) -> list[Token]:
        """The sentence as tokens, longest phrases first; an unknown word is of no kind."""
        text = sentence.lower()
        for sign, plain in _PLAIN.items():
            text = text.replace(sign, plain)
        for short, long in self.lexicon.contractions.items():
            text = re.sub(rf"\b{short}\b", long, text)
        words = _WORD.findall(text.replace("'s ", " ").replace("'", ""))
        out, at = [], 0
        while at < len(words):
            for length in range(min(_PHRASE_WORDS, len(words) - at), 0, -1):
                phrase = " ".join(words[at : at + length])
                if phrase in self._phrases:
                    out.append(Token(phrase, self._phrases[phrase]))
                    break
            else:
                length, word = 1, words[at]
                stop = {"stop": word} if not word[0].isalnum() and word[0] != "_" else {}
                number = {"number": word} if word.isdigit() else {}
                if word.startswith(MARK) and word.removeprefix(MARK).isdigit():
                    number = {"measure": word.removeprefix(MARK)}
                out.append(Token(word, stop | number))
            at += length
        return out

    def unknown(self, tokens: Sequence[Token]) -> None:
        """Raise UnresolvedError if there are words that nothing here is called by."""
        unknown = [i for i, token in enumerate(tokens) if not token.kinds]
        if not unknown:
            return
        at = unknown[0]
        word = tokens[at].text
        near = self.nearest(word)
        said = " ".join(token.text for token in tokens)
        if near:
            choice = " or ".join(f"'{other}'" for other in near)
            fixed = [said.replace(word, other) for other in near]
            raise UnresolvedError(
                NotUnderstood(f"unknown word '{word}': did you mean {choice}?", tuple(fixed))
            )
        before = tokens[at - 1] if at else Token("")
        after = tokens[at + 1] if at + 1 < len(tokens) else Token("")
        if before.get("the", "a", "all", "both", "number", "attribute", "verb"):
            noun = after.get("noun").partition(" ")[0]
            there = [n for n, w in self.names.items() if noun in (w.noun, *self.types[n])]
            thing = f"{word} {after.text}" if there else word
            known = ", ".join(there or self.names)
            raise UnresolvedError(NotUnderstood(f"there is no '{thing}' here; there is {known}"))
        words = ", ".join(f"'{tokens[i].text}'" for i in unknown)
        raise UnresolvedError(NotUnderstood(f"unknown word{'s' * (len(unknown) > 1)} {words}"))

    def is_verb(self, word: str) -> bool:
        """Whether a sentence can begin with it as a request."""
        return "verb" in self._phrases.get(word, ())

    def single_words(self) -> list[str]:
        """Known phrases of one word, of three letters and more."""
        return sorted(p for p in self._phrases if " " not in p and len(p) > 2)

    def nearest(self, word: str) -> list[str]:
        """Known words that look like it, the likeliest first."""
        found = difflib.get_close_matches(word, self.single_words(), n=2, cutoff=0.78)
        return found[:1] if found[1:] and found[1] == plural(found[0]) else found

    def spoken(self, name: str) -> str:
        """A name as it is said: `red_cube` is `red cube`."""
        return name.replace("_", " ")
