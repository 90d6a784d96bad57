"""Moments of a run as features for an advisor, and what was said in them.

Legend: `N` moments, `F` features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, DatasetError

HISTORY = 3
"""Moments that are looked at: this one and those before it in the same call."""

BEFORE_S = 0.4
"""A quiet moment this shortly before a correction is no example of silence."""

THINGS = 2
"""Things of a call whose place is looked at."""

_POSE = 7


@dataclass(frozen=True, slots=True)
class Moment:
    """What an advisor sees: of the running call, the facts, the tool and the call's things."""

    time_s: float
    call: str
    age_s: float
    facts: frozenset[str]
    tool: tuple[float, ...]
    things: tuple[tuple[float, ...], ...]
    text: str = ""
    meaning: str = ""
    advised: bool = False

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Moment:
        """A line of `corrections.jsonl`. Raises DatasetError for another form."""
        try:
            found = cls(
                float(data["time_s"]),
                str(data["call"]),
                float(data["age_s"]),
                frozenset(map(str, data["facts"])),
                tuple(float(x) for x in data["tool"]),
                tuple(tuple(float(x) for x in thing) for thing in data["things"]),
                str(data["text"]),
                str(data["meaning"]),
                bool(data.get("advised", False)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError("not a moment of a run", got=repr(error)) from None
        sizes = {len(found.tool), *(len(thing) for thing in found.things)}
        numbers = [*found.tool, *(x for thing in found.things for x in thing)]
        if sizes != {_POSE} or not np.isfinite([found.time_s, found.age_s, *numbers]).all():
            raise DatasetError("not a moment of a run", expected="finite poses of 7 numbers")
        return found

    @property
    def skill(self) -> str:
        """Name of the skill of its call."""
        return self.call.partition("(")[0]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What features are made of: the facts, skills and meanings that the data knows.

    `commands` are texts by what they mean; what is not in it cannot be said.
    """

    facts: tuple[str, ...]
    skills: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, moments: Iterable[Moment]) -> Vocabulary:
        """Of all moments; of the texts with one meaning the most frequent one, `stop` excepted."""
        kept = list(moments)
        texts: dict[str, dict[str, int]] = {}
        for moment in kept:
            if moment.meaning and moment.meaning != "stop" and not moment.advised:
                counts = texts.setdefault(moment.meaning, {})
                counts[moment.text] = counts.get(moment.text, 0) + 1
        commands = {
            meaning: min(counts, key=lambda text, counts=counts: (-counts[text], text))  # type: ignore[misc]
            for meaning, counts in texts.items()
        }
        return cls(
            tuple(sorted({fact for moment in kept for fact in moment.facts})),
            tuple(sorted({moment.skill for moment in kept})),
            tuple(sorted(commands.items())),
        )

    @property
    def size(self) -> int:
        """F."""
        one = len(self.facts) + 3 + THINGS * 6
        return HISTORY * one + len(self.skills) + 1 + len(self.commands)

    def features(self, recent: Sequence[Moment], said: Iterable[str]) -> Array:
        """(F,) of the last moments, the newest last, and of the meanings said in this call."""
        newest = recent[-1]
        parts = [self._one(moment) for moment in reversed(recent[-HISTORY:])]
        parts += [parts[-1]] * (HISTORY - len(parts))
        skill = [float(newest.skill == name) for name in self.skills]
        told = set(said)
        heard = [float(meaning in told) for meaning, _ in self.commands]
        return np.concatenate([*parts, skill, [newest.age_s], heard])

    def _one(self, moment: Moment) -> Array:
        facts = [float(fact in moment.facts) for fact in self.facts]
        tool = np.array(moment.tool[:3])
        places = np.zeros(THINGS * 6)
        for slot, thing in enumerate(moment.things[:THINGS]):
            place = np.array(thing[:3])
            places[6 * slot : 6 * slot + 6] = np.concatenate([place, place - tool])
        return np.concatenate([facts, tool, places])


@dataclass(frozen=True, slots=True)
class Examples:
    """Features (N, F), labels (N,) with 0 for silence, and which run each one is from."""

    features: Array
    labels: NDArray[np.int64]
    runs: NDArray[np.int64]


def examples_of(runs: Sequence[Sequence[Moment]], vocabulary: Vocabulary) -> Examples:
    """Every moment of these runs that teaches something, each run in the order of time.

    What an advisor said is known to the moments after it, and is no example itself.
    """
    labels_of = {meaning: i for i, (meaning, _) in enumerate(vocabulary.commands, 1)}
    rows, labels, owners = [], [], []
    for owner, moments in enumerate(runs):
        spoken = [moment.time_s for moment in moments if moment.text]
        recent: list[Moment] = []
        said: list[str] = []
        call = ""
        for moment in moments:
            if call != moment.call:
                call, recent, said = moment.call, [], []
            recent = [*recent, moment][-HISTORY:]
            label = 0 if moment.advised else labels_of.get(moment.meaning, 0)
            soon = any(0.0 <= time - moment.time_s < BEFORE_S for time in spoken)
            if label or not (soon or moment.text):
                rows.append(vocabulary.features(recent, said))
                labels.append(label)
                owners.append(owner)
            if moment.meaning:
                said.append(moment.meaning)
                # What was said is no moment of its own for the ones that follow.
                recent.pop()
    features = np.array(rows).reshape(len(rows), vocabulary.size)
    return Examples(features, np.array(labels, dtype=np.int64), np.array(owners, dtype=np.int64))
