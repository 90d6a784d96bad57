"""A contract in words: what a search can find it by."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kata.datasets.types import DEFAULT_HAND, HAND_PREDICATES, Atom, Condition
from kata.skills.contract.contract import Contract

_SAID: Mapping[str, str] = {
    "on": "{} is on {}",
    "in": "{} is in {}",
    "holding": "the {hand} holds {}",
    "open": "{} is open",
    "closed": "{} is closed",
    "pressed": "{} is pressed",
    "clear": "nothing is on {}",
    "gripper_empty": "the {hand} is empty",
    "reachable": "the {hand} can reach {}",
    "near": "{} is near {}",
    "upright": "{} is upright",
}
_TERM = re.compile(r"[a-z]+|\d+")
_STOP = frozenset(
    (
        "a", "an", "and", "are", "as", "at", "be", "by", "can", "could", "do", "for", "from", "has",
        "have", "i", "if", "is", "it", "its", "me", "my", "of", "or", "our", "please", "so", "some",
        "such", "than", "that", "the", "their", "then", "there", "they", "this", "to", "we", "what",
        "where", "which", "while", "will", "with", "would", "you", "your",
    )
)  # fmt: skip
_ENDINGS = ("ing", "ed", "es", "s")
_STEM = 3


def title(contract: Contract) -> str:
    """Name and summary, as a list of skills shows them."""
    return f"{_spoken(contract.name)}. {contract.summary}"


def passages(contract: Contract) -> tuple[str, ...]:
    """The whole contract in short texts: title, description, each example, then what is formal."""
    formal = [f"{_spoken(p.name)}: {_spoken(p.type)}" for p in contract.parameters]
    formal += [
        f"{word} {condition_words(condition)}"
        for word, condition in (("needs", contract.requires), ("makes", contract.achieves))
        if condition.kind != "true"
    ]
    failing = [f"{_spoken(mode.name)}: {mode.recovery}" for mode in contract.failures]
    texts = (
        title(contract),
        contract.description,
        *contract.examples,
        "; ".join(formal),
        "; ".join(failing),
    )
    return tuple(text for text in texts if text)


def condition_words(condition: Condition) -> str:
    """A condition as a person would say it, with `?object` as `object`."""
    if condition.atom is not None:
        return _atom_words(condition.atom)
    parts = [condition_words(part) for part in condition.parts]
    if condition.kind == "not":
        return f"not {parts[0]}"
    if condition.kind in ("and", "or"):
        return f" {condition.kind} ".join(parts)
    if condition.kind == "true":
        return "anything"
    each = "every" if condition.kind == "forall" else "some"
    return f"for {each} {_spoken(condition.tag)} {parts[0]}"


def terms(text: str) -> list[str]:
    """The words of a text that count, without their endings: `opened drawers` is open, drawer."""
    return [_stem(word) for word in _split(text) if word not in _STOP]


def stems(text: str) -> list[str]:
    """Every word of a text without its ending."""
    return [_stem(word) for word in _split(text)]


def _split(text: str) -> list[str]:
    return _TERM.findall(text.lower().replace("_", " "))


def _atom_words(atom: Atom) -> str:
    names = [_spoken(name.removeprefix("?")) for name in atom.arguments]
    hand = DEFAULT_HAND
    if atom.predicate in HAND_PREDICATES:
        first, *names = names
        hand = first if first == DEFAULT_HAND else f"{first} hand"
    return _SAID[atom.predicate].format(*names, hand=hand)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _stem(word: str) -> str:
    """A light stemmer: endings of plural, past and gerund, a doubled letter, and a last `e`."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM:
            word = word.removesuffix(ending)
            if ending in ("ing", "ed") and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    if word.endswith("y"):
        return word[:-1] + "i"
    return word.removesuffix("e") if len(word) > _STEM else word
