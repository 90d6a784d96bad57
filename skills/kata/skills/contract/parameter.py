"""Typed parameters of a skill, and the text of their values.

A parameter's type is a tag of the scene's entities (`object`, `container`), or one of four that
come with the house: `hand`, `number`, `pose` (a place in the frame of an entity) and `text`.
Values are text in one canonical form each; see `kata.datasets.types.arguments`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import HAND_TAG, ConditionError, ContractError, Place
from kata.datasets.types.arguments import (
    free_text,
    is_name,
    number_text,
    parse_number,
    parse_text,
)

NUMBER, POSE, TEXT = "number", "pose", "text"
PLAIN_TYPES = (HAND_TAG, NUMBER, POSE, TEXT)
"""The types that are no tags of entities."""

UNITS: Mapping[str, str] = {
    "m": "_m",
    "rad": "_rad",
    "s": "_s",
    "n": "_n",
    "kg": "_kg",
    "hz": "_hz",
    "m/s": "_m_s",
    "rad/s": "_rad_s",
    "1": "",
}
"""Units of numbers, each with what a parameter's name ends in; `1` is a bare number."""

_KEYS = {"type", "unit", "range", "default"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed parameter.

    Attributes:
        type: an entity's tag, or one of `PLAIN_TYPES`.
        unit: of a number, one of `UNITS`; empty for everything else.
        low, high: of a number, the range that it must lie in, both ends included.
        default: canonical text of the value that counts where none is given; empty for none.
    """

    name: str
    type: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    default: str = ""

    def __post_init__(self) -> None:
        if self.type != NUMBER:
            if self.unit or math.isfinite(self.low) or math.isfinite(self.high):
                raise ContractError(
                    "only numbers have a unit and a range", where=self.name, got=self.type
                )
        elif self.unit not in UNITS or not self.name.endswith(UNITS[self.unit]):
            raise ContractError(
                "a number's name must bear its unit",
                where=self.name,
                expected=", ".join(f"unit {unit}: ...{end}" for unit, end in UNITS.items()),
                got=f"unit {self.unit or 'none'}",
            )
        elif not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ContractError(
                "a number needs a range",
                where=self.name,
                expected="range: [LOW, HIGH], finite",
                got=f"[{self.low:g}, {self.high:g}]",
            )
        if not self.default:
            return
        if not self.optional:
            raise ContractError(
                "only numbers, poses and texts have defaults", where=self.name, got=self.type
            )
        try:
            fits = self.canonical(self.default) == self.default
        except ConditionError as error:
            raise ContractError(
                "the default does not fit", where=self.name, expected=error.expected, got=error.got
            ) from None
        if not fits:
            raise ContractError(
                "the default is not in its canonical form",
                where=self.name,
                expected=self.canonical(self.default),
                got=self.default,
            )

    @property
    def entity(self) -> bool:
        """Whether it names a thing of the scene."""
        return self.type not in PLAIN_TYPES

    @property
    def optional(self) -> bool:
        """Whether it may have a default, and is shown by name: neither an entity nor a hand."""
        return self.type in (NUMBER, POSE, TEXT)

    def canonical(self, value: str | float) -> str:
        """The canonical text of a value. Raises ConditionError for one that does not fit.

        Whether the scene has a named thing, of this type, is for the check of a plan.
        """
        text = str(value).strip()
        if self.type == NUMBER:
            number = parse_number(text)
            if not self.low <= number <= self.high:
                raise ConditionError(
                    f"'{self.name}' is out of its range",
                    expected=f"{self.low:g} to {self.high:g} {self.unit.replace('1', '')}".strip(),
                    got=number_text(number),
                )
            return number_text(number)
        if self.type == POSE:
            return str(Place.parse(text))
        if self.type == TEXT:
            return free_text(parse_text(text) if text.startswith('"') else str(value))
        if not is_name(text):
            raise ConditionError(f"'{self.name}' is no name", expected="a name", got=text[:80])
        return text

    @classmethod
    def from_data(cls, name: str, data: Any) -> Parameter:
        """Of `tag`, or of a mapping with type, unit, range and default. Raises ContractError."""
        if not isinstance(data, Mapping):
            return cls(name, str(data))
        if surplus := set(data) - _KEYS or {"type"} - set(data):
            raise ContractError(
                "a parameter's keys do not fit",
                where=name,
                expected=", ".join(sorted(_KEYS)),
                got=", ".join(sorted(map(str, surplus))),
            )
        low, high = data.get("range", (-math.inf, math.inf))
        bare = cls(name, str(data["type"]), str(data.get("unit", "")), float(low), float(high))
        if "default" not in data:
            return bare
        try:
            default = bare.canonical(data["default"])
        except ConditionError as error:
            raise ContractError(
                "the default does not fit", where=name, expected=error.expected, got=error.got
            ) from None
        return cls(name, bare.type, bare.unit, bare.low, bare.high, default)

    def to_data(self) -> Any:
        """Plain data; `from_data` reads it back to an equal parameter."""
        if not self.optional:
            return self.type
        data: dict[str, Any] = {"type": self.type}
        if self.type == NUMBER:
            data |= {"unit": self.unit, "range": [self.low, self.high]}
        if self.default:
            number = self.type == NUMBER
            data["default"] = float(self.default) if number else self._said(self.default)
        return data

    def _said(self, text: str) -> str:
        return parse_text(text) if self.type == TEXT else text
