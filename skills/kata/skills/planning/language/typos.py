"""Misspelt words: near a word that is known here, and no word of the language."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .wording import wording
from .words import Token, Vocabulary

_SHORTEST = 4
_MOST = 4


@dataclass(frozen=True, slots=True)
class Spelling:
    """What was misspelt: by word the known words that it may mean; and the corrected sentences."""

    near: Mapping[str, tuple[str, ...]]
    sentences: tuple[str, ...]


def corrected(words: Vocabulary, sentence: str, is_word: Callable[[str], bool]) -> Spelling | None:
    """The misspelt words of a sentence, likeliest corrections first; None if there are none."""
    tokens = words.tokens(sentence)
    choices = [_choices(words, tokens, at, is_word) for at in range(len(tokens))]
    near = {t.text: of for t, of in zip(tokens, choices, strict=True) if of != (t.text,)}
    if not near:
        return None
    combined = itertools.islice(itertools.product(*choices), _MOST)
    return Spelling(near, tuple(_spelt(texts) for texts in combined))


def _choices(
    words: Vocabulary, tokens: Sequence[Token], at: int, is_word: Callable[[str], bool]
) -> tuple[str, ...]:
    said = tokens[at].text
    known = tokens[at].kinds or said in wording().place_verbs
    if known or len(said) < _SHORTEST or any(map(is_word, _stems(said))):
        return (said,)
    swapped = [word for word in words.single_words() if _swapped(said, word)]
    near = list(dict.fromkeys([*swapped, *words.nearest(said)]))
    if not at:
        near.sort(key=lambda word: not words.is_verb(word))  # stable
    return tuple(near) or (said,)


def _stems(word: str) -> tuple[str, ...]:
    """The word, and what it may be a form of."""
    ends = [end for end in ("es", "ed", "d", "ing", "er", "ly") if word.endswith(end)]
    ends += ["s"] if word.endswith("s") and not word.endswith("ss") else []
    return (word, *(word.removesuffix(end) for end in ends if len(word) - len(end) >= _SHORTEST))


def _swapped(said: str, word: str) -> bool:
    """Whether two neighbouring letters changed places."""
    if sorted(said) != sorted(word):
        return False
    return sum(a != b for a, b in zip(said, word, strict=True)) == 2


def _spelt(texts: Sequence[str]) -> str:
    text = " ".join(texts)
    for sign in ".,;:!?":
        text = text.replace(f" {sign}", sign)
    return text
