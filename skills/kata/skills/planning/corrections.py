"""Corrections: what a person says while a skill runs, and what it changes.

`stop`, `slower`, `a bit to the left`, `2 cm higher`, `not that one, the blue one`, `go on as
before`. The words are few and the meanings typed and bounded, so that nothing that is said can do
more than these: it is said into a running robot. Frame: the robot's base, x forward, y left, z up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kata.datasets.types import Condition, Facts
from kata.skills.contract.call import Call

MOST_SHIFT_M = 0.05
"""How far corrections move a target in all, along each axis."""

LEAST_PACE, MOST_PACE = 0.25, 1.0
"""Bounds of the pace, as a share of the skill's own."""

STEP_M = 0.02
"""What `a bit` is, and a direction without an amount."""

_MOST_TEXT = 200
_STOP = frozenset({"stop", "halt", "freeze", "abort", "cancel", "quit", "enough", "wait"})
_PACES: Mapping[str, float] = {
    "slower": 0.5, "slowly": 0.5, "slow": 0.5, "careful": 0.5, "carefully": 0.5, "gently": 0.5,
    "faster": 2.0, "quicker": 2.0, "hurry": 2.0,
}  # fmt: skip
_WAYS: Mapping[str, tuple[float, float, float]] = {
    **dict.fromkeys(("left", "leftwards"), (0.0, 1.0, 0.0)),
    **dict.fromkeys(("right", "rightwards"), (0.0, -1.0, 0.0)),
    **dict.fromkeys(("forward", "forwards", "further", "farther", "ahead"), (1.0, 0.0, 0.0)),
    **dict.fromkeys(("back", "backward", "backwards", "closer", "nearer"), (-1.0, 0.0, 0.0)),
    **dict.fromkeys(("up", "higher", "upwards", "raise"), (0.0, 0.0, 1.0)),
    **dict.fromkeys(("down", "lower", "downwards"), (0.0, 0.0, -1.0)),
}
_MORE = {"lot": 2.0, "much": 2.0, "more": 1.0, "way": 2.0}
_DENIED_STOP = re.compile(
    rf"\b(?:dont|do not|not|never|without)\s+(?:to\s+)?(?:{'|'.join(sorted(_STOP))})"
)
"""Only a denial right before the word itself: 'no, stop' stops."""

_AGREED = re.compile(r"\b(?:all right|alright|thats right|that is right|right now|right away)\b")
_SPEED_UP = re.compile(r"\b(?:speed up|(?:more|higher|raise the|increase the) speed)\b")
_SPEED_DOWN = re.compile(r"\b(?:less|lower|reduce|decrease|slow)\b.*\bspeed\b|\bspeed down\b")
_NEGATIONS = frozenset({"not", "don", "dont", "no", "never", "without"})
_METRES = re.compile(
    r"(?<![\d.,/])(\d+(?:\.\d+)?)\s*(mm|cm|m|millimetres?|centimetres?|centimeters?)\b"
)
_SCALE = {"mm": 0.001, "cm": 0.01, "m": 1.0, "millimetre": 0.001, "centimetre": 0.01}
_SCALE |= {"centimeter": 0.01}
_WORD = re.compile(r"[a-z_]+")
_EXAMPLES = "stop; slower; a bit to the left; 2 cm higher; not that one, the blue one; as before"


@dataclass(frozen=True, slots=True)
class Stop:
    """Come to rest, and do not go on."""

    def __str__(self) -> str:
        return "stop"


@dataclass(frozen=True, slots=True)
class Pace:
    """Multiply the pace; it stays between `LEAST_PACE` and `MOST_PACE`."""

    factor: float

    def __str__(self) -> str:
        return f"pace times {self.factor:g}"


@dataclass(frozen=True, slots=True)
class Shift:
    """Move where the call is going by (x, y, z) m, `MOST_SHIFT_M` along each axis in all."""

    offset_m: tuple[float, float, float]

    def __str__(self) -> str:
        x, y, z = self.offset_m
        return f"target moved by ({x:g}, {y:g}, {z:g}) m"


@dataclass(frozen=True, slots=True)
class Instead:
    """Another thing in place of one that the call is about, in the goal too."""

    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.new} instead of {self.old}"


@dataclass(frozen=True, slots=True)
class AsBefore:
    """Take back pace and shift."""

    def __str__(self) -> str:
        return "as before"


Correction = Stop | Pace | Shift | Instead | AsBefore


@dataclass(frozen=True, slots=True)
class Unclear:
    """What was said is no correction; the message tells what would be."""

    message: str


def read_correction(text: str, call: Call | None, facts: Facts) -> Correction | Unclear:
    """What a person means who says this while a call runs.

    Args:
        text: as it was said; anything that is not understood changes nothing.
        call: what runs; without one, only `stop`, a pace and `as before` mean something.
        facts: what holds now, whose names may be said.
    """
    said = text.strip().lower().replace("'", "")
    words = _WORD.findall(said)
    if not words or len(text) > _MOST_TEXT or not text.isprintable():
        return _unclear("nothing that could be a correction")
    kept = [word for word in words if word not in _NEGATIONS]
    negated = len(kept) < len(words)
    if _STOP & set(words):
        # Whatever else is said with it; not stopping is what would have to be said clearly.
        denied = _DENIED_STOP.search(said) is not None
        return _unclear(f"'{text[:40]}' says not to stop") if denied else Stop()
    if {"before", "normal", "normally", "usual"} & set(words):
        return AsBefore()
    other = _other(kept, call, facts) if call is not None else None
    if other is not None:
        return other
    if negated:
        return _unclear("what is not wanted was said, and not what is")
    if _SPEED_UP.search(said) or _SPEED_DOWN.search(said):
        return Pace(2.0 if _SPEED_UP.search(said) else 0.5)
    paces = {_PACES[word] for word in words if word in _PACES}
    if len(paces) == 1:
        factor = paces.pop()
        return Pace(factor * factor if _MORE.keys() & set(words) - {"more"} else factor)
    return _shift(said)


def corrected_goal(goal: Condition, correction: Instead) -> Condition:
    """The goal with the other thing in it."""
    return goal.bind({correction.old: correction.new})


def _shift(said: str) -> Correction | Unclear:
    said = _AGREED.sub(" ", said)
    words = _WORD.findall(said)
    ways = list(dict.fromkeys(_WAYS[word] for word in words if word in _WAYS))
    if len(ways) != 1:
        return _unclear("no direction, or several" if ways else "not understood")
    measured = _METRES.search(said)
    if measured:
        amount = float(measured[1]) * _SCALE[measured[2].removesuffix("s")]
    elif any(map(str.isdigit, said)):
        return _unclear("an amount that is not understood, such as 2.5 cm or 5 mm")
    else:
        amount = STEP_M * max((_MORE.get(word, 1.0) for word in words), default=1.0)
    if not 0.0 < amount <= MOST_SHIFT_M:
        return _unclear(f"{amount:g} m is more than {MOST_SHIFT_M:g} m, or nothing")
    x, y, z = (amount * part for part in ways[0])
    return Shift((x, y, z))


def _other(words: list[str], call: Call, facts: Facts) -> Correction | Unclear | None:
    """Another thing, if one is named that could stand where one of the call's does."""
    types = facts.table.types
    said = set(words)
    named = [name for name in types if _matches(name, said)]
    best = max((len(said & set(name.split("_"))) for name in named), default=0)
    named = [name for name in named if len(said & set(name.split("_"))) == best]
    rows = zip(call.contract.parameters, call.values, strict=True)
    fits = [
        (value, name)
        for parameter, value in rows
        if parameter.entity
        for name in named
        if parameter.type in types[name] and name not in call.objects
    ]
    if not fits:
        return None
    if len({name for _, name in fits}) > 1 or len({value for value, _ in fits}) > 1:
        names = sorted({name for _, name in fits})
        return _unclear(f"it could be any of {', '.join(names)}")
    return Instead(*fits[0])


def _matches(name: str, said: set[str]) -> bool:
    """Whether a name is said by a word that tells it, such as its colour; no direction is one."""
    first, *rest = name.split("_")
    whole = first in said and bool(rest) and set(rest) <= said
    return name in said or whole or (first in said and first not in _WAYS)


def _unclear(why: str) -> Unclear:
    return Unclear(f"{why}; say for example: {_EXAMPLES}")
