"""Numbers that a sentence gives: `10 cm`, `half a metre`, `a bit`, `slowly`; and which hand."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kata.datasets.types import Atom, ConditionError
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import NUMBER, Parameter

UNITS: Mapping[str, tuple[str, float]] = {
    **dict.fromkeys(("mm", "millimetre", "millimeter"), ("m", 0.001)),
    **dict.fromkeys(("cm", "centimetre", "centimeter"), ("m", 0.01)),
    **dict.fromkeys(("dm", "decimetre", "decimeter"), ("m", 0.1)),
    **dict.fromkeys(("m", "metre", "meter"), ("m", 1.0)),
    **dict.fromkeys(("inch", "inche"), ("m", 0.0254)),
    **dict.fromkeys(("deg", "degree"), ("rad", math.pi / 180)),
    **dict.fromkeys(("rad", "radian"), ("rad", 1.0)),
    **dict.fromkeys(("s", "sec", "second"), ("s", 1.0)),
    **dict.fromkeys(("min", "minute"), ("s", 60.0)),
    **dict.fromkeys(("n", "newton"), ("n", 1.0)),
    **dict.fromkeys(("g", "gram"), ("kg", 0.001)),
    **dict.fromkeys(("kg", "kilo", "kilogram"), ("kg", 1.0)),
    **dict.fromkeys(("hz", "hertz"), ("hz", 1.0)),
    **dict.fromkeys(("m/s", "metres per second", "meters per second"), ("m/s", 1.0)),
    **dict.fromkeys(("cm/s", "centimetres per second", "centimeters per second"), ("m/s", 0.01)),
}
"""By how a unit is said, without a plural's `s`: the contracts' unit and its size in it."""

_AMOUNTS = {"a": 1.0, "an": 1.0, "one": 1.0, "half a": 0.5, "half an": 0.5, "a quarter of a": 0.25}
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ONES = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
WORDS: Mapping[str, float] = (
    _AMOUNTS
    | {word: float(value) for value, word in enumerate(_ONES, 1)}
    | {word: 10.0 * value for value, word in enumerate(_TENS, 2)}
)
"""Numbers in words."""

DEGREES: Mapping[str, tuple[str, float]] = {
    **dict.fromkeys(("a bit", "a little", "a little bit", "slightly"), ("m", 0.25)),
    **dict.fromkeys(("a lot", "far", "as far as you can"), ("m", 0.75)),
    **dict.fromkeys(("slowly", "very slowly", "slow"), ("m/s", 0.25)),
    **dict.fromkeys(("quickly", "fast", "quick"), ("m/s", 0.75)),
    **dict.fromkeys(("gently", "softly", "lightly", "carefully"), ("n", 0.25)),
    **dict.fromkeys(("firmly", "hard", "with force"), ("n", 0.75)),
}
"""Words of degree: the unit of what they say, and where they lie in its range, 0 to 1."""

_SAID_UNITS = "|".join(sorted((rf"{re.escape(unit)}s?" for unit in UNITS), key=len, reverse=True))
_LONG_UNITS = "|".join(part for part in _SAID_UNITS.split("|") if len(part) > len("mins?"))
_SAID_NUMBERS = "|".join(sorted(WORDS, key=len, reverse=True))
_MEASURE = re.compile(
    rf"(?<![\w.])(?:by |for |with |at |about |exactly |roughly )?"
    rf"(?:(-?\d+(?:[.,]\d+)?)\s*({_SAID_UNITS})|({_SAID_NUMBERS})\s+({_LONG_UNITS}))(?![\w/])"
)
MARK = "measure__"
"""Stands before the number of a measure in a text."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its unit, or a degree.

    Attributes:
        text: as it was said.
        unit: as contracts have it: m, rad, s, n, kg, hz, m/s.
        value: in that unit; of a degree, where in the range, 0 to 1.
        degree: whether it is `a bit`, `slowly`, ...
    """

    text: str
    unit: str
    value: float
    degree: bool = False

    def fits(self, parameter: Parameter) -> bool:
        """Whether a parameter takes such a number."""
        return parameter.type == NUMBER and parameter.unit == self.unit

    def bound(self, parameter: Parameter) -> str:
        """The canonical text for a parameter. Raises ConditionError outside of its range."""
        value = self.value
        if self.degree:
            value = parameter.low + value * (parameter.high - parameter.low)
        try:
            return parameter.canonical(f"{value:.6g}")
        except ConditionError:
            raise ConditionError(
                f"'{self.text}' is out of the range of {parameter.name}",
                expected=f"{parameter.low:g} to {parameter.high:g} {parameter.unit}",
                got=f"{value:g}",
            ) from None


@dataclass(frozen=True, slots=True)
class Wish:
    """How a part of the goal should be reached.

    Attributes:
        atoms: what that part makes true.
        measures: numbers that were said with it.
        hand: the robot's hand that should do it, or empty.
    """

    atoms: tuple[Atom, ...]
    measures: tuple[Measure, ...] = ()
    hand: str = ""


def measured(text: str, contracts: Sequence[Contract]) -> tuple[str, list[Measure]]:
    """A lower-case text with each number that has a unit as `measure__I`, and these numbers.

    Degrees count only where a skill takes such a number; else they are words like any others.
    """
    units = {p.unit for c in contracts for p in c.parameters if p.type == NUMBER}
    found: list[Measure] = []

    def number(match: re.Match[str]) -> str:
        said, name = (part for part in match.groups() if part)
        unit, size = UNITS[name] if name in UNITS else UNITS[name.removesuffix("s")]
        amount = WORDS[said] if said in WORDS else float(said.replace(",", "."))
        found.append(Measure(match.group().strip(), unit, amount * size))
        return f" {MARK}{len(found) - 1} "

    def degree(match: re.Match[str]) -> str:
        unit, value = DEGREES[match.group()]
        found.append(Measure(match.group(), unit, value, degree=True))
        return f" {MARK}{len(found) - 1} "

    text = _MEASURE.sub(number, text)
    words = sorted((w for w, (unit, _) in DEGREES.items() if unit in units), key=len, reverse=True)
    if words:
        text = re.sub(rf"\b(?:{'|'.join(words)})\b", degree, text)
    return text, found


def fillable(contracts: Sequence[Contract]) -> tuple[Contract, ...]:
    """The contracts with the least number where one has no default: for what they achieve."""
    return tuple(
        replace(
            contract,
            parameters=tuple(
                replace(p, default=p.canonical(p.low)) if p.type == NUMBER and not p.default else p
                for p in contract.parameters
            ),
        )
        for contract in contracts
    )
