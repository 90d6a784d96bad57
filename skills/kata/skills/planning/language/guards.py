"""What keeps a plan from being made out of a sentence that denies, warns or puts off.

The second reader finds by likeness what may be left out of a sentence, and a likeness cannot tell
`please begin pressing` from `please abstain from pressing`. So word lists (`guards.yaml`) have the
last word: they look at the sentence as it was said, and where they are in doubt it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_LETTERS = re.compile(r"[a-z']+")
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "`": "'", "\u02bc": "'"})
_LATER, _ORDER = "later", {"then", "later"}
_PURPOSE = ("for", "to")


@dataclass(frozen=True, slots=True)
class Guards:
    """What `guards.yaml` says."""

    harmless: re.Pattern[str]
    denials: re.Pattern[str]
    turns: re.Pattern[str]
    never: re.Pattern[str]
    told: re.Pattern[str]
    past: re.Pattern[str]
    modal: re.Pattern[str]
    asking: frozenset[str]
    linking: frozenset[str]
    manner: frozenset[str]

    def lost(self, sentence: str, reading: str) -> str:
        """What in a sentence denies, warns or puts off and is not in its reading; or empty.

        Args:
            sentence: as it was said.
            reading: what was read out of it, in the grammar's words.
        """
        said = self._bare(sentence)
        never = self.never.search(said)
        if never:
            return never.group()
        if _LATER in _LETTERS.findall(said) and not _ORDER & set(reading.split()):
            return _LATER
        found = [match.group() for match in self.denials.finditer(said)]
        found += [match.group() for match in self.turns.finditer(said)]
        kept = len(self.denials.findall(self._bare(reading)))
        return found[-1] if len(found) > kept else ""

    def asks(self, text: str) -> bool:
        """Whether every word only asks or fills."""
        return self._only(self._bare(text), self.asking)

    def links(self, text: str, examples: Iterable[str]) -> bool:
        """Whether every word between a thing and its place asks, or is in an example of a wish."""
        known = {word for example in examples for word in example.lower().split()}
        return self._only(self._bare(text), self.asking | self.linking | known)

    def ends(self, text: str) -> bool:
        """Whether words after a request only say how, for whom or what for."""
        said = self._bare(text)
        if self._only(said, self.asking | self.manner):
            return True
        return said.split()[0] in _PURPOSE and self._quiet(said) and not self.past.search(said)

    def aside(self, text: str, *, states: bool) -> bool:
        """Whether a part of its own may be left out: it asks only, or has nothing to hinge on.

        Args:
            text: the part.
            states: it is a statement by its form, so that a time gone by puts nothing off.
        """
        said = self._bare(text)
        late = not states and self.past.search(said)
        return self.asks(text) or (self._quiet(said) and not late)

    def _quiet(self, said: str) -> bool:
        watched = (self.denials, self.turns, self.never, self.modal)
        return not any(pattern.search(said) for pattern in watched)

    def _only(self, said: str, known: frozenset[str] | set[str]) -> bool:
        watched = (self.denials, self.turns, self.never)
        if any(pattern.search(said) for pattern in watched) or self.told.fullmatch(said.strip()):
            return False
        return all(word in known for word in _LETTERS.findall(said))

    def _bare(self, text: str) -> str:
        """Lower case, without the forms of denial that deny nothing."""
        said = " ".join(text.lower().translate(_QUOTES).split())
        return self.harmless.sub(" ", said)


@cache
def guards() -> Guards:
    """The guards that come with the package."""
    import yaml

    text = files(__package__).joinpath("guards.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    return Guards(
        harmless=_pattern(data["harmless"]),
        denials=_pattern(data["denials"]),
        turns=_pattern(data["turns"]),
        never=_pattern(data["never"]),
        told=_pattern(data["told"]),
        past=_pattern(data["past"]),
        modal=_pattern(data["modal"]),
        asking=_words(data["asking"]),
        linking=_words(data["linking"]),
        manner=_words(data["manner"]),
    )


def _pattern(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(rf"(?<![\w'])(?:{one})(?![\w'])" for one in patterns))


def _words(text: str) -> frozenset[str]:
    return frozenset(word for phrase in text.split(",") for word in phrase.split())
