"""A call: a skill's name with the arguments bound, as in `place_in(red_cube, drawer)`.

Things and hands come first, in the order of the parameters; numbers, poses and texts by name, as
in `push(red_cube, distance_m=0.1)`; the hand last, where the robot has more than one, as in
`pick(red_cube, hand=left)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kata.datasets.types import (
    DEFAULT_HAND,
    HAND_TAG,
    Condition,
    ConditionError,
    Observation,
    Place,
    UnknownNameError,
)
from kata.datasets.types.arguments import about

from .contract import ARM, Contract
from .parameter import NUMBER, POSE

HAND = "hand"
"""What the call's own hand is called in its text."""

_CALL = re.compile(r"\s*([a-z][a-z0-9_]*)\s*\((.*)\)\s*", re.DOTALL)
_ARGUMENT = re.compile(
    r"""\s*(?:([a-z][a-z0-9_]*)\s*=\s*)?                    # a name
        ("(?:[^"\\]|\\.)*"                                  # free text
        |[A-Za-z_]\w*\s*@\s*[-+.\deE]+(?:\s*,\s*[-+.\deE]+){2,3}  # a place
        |[-+.\w]+)\s*(,|$)""",
    re.VERBOSE,
)
_MOST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Call:
    """A contract with its parameters bound, in their order.

    Attributes:
        values: canonical text of each argument; see `Parameter.canonical`.
        hand: which hand does it, where the contract claims the arm of one.
        requires: what must hold to start.
        holds: what must hold all the while.
        achieves: what holds afterwards; a negated atom is deleted, an unnamed one persists.

    Raises:
        ConditionError: too few or too many values, or one that does not fit its type or range.
    """

    contract: Contract
    values: tuple[str, ...]
    hand: str = DEFAULT_HAND
    # Bound once: they are evaluated every frame.
    requires: Condition = field(init=False, compare=False, repr=False)
    holds: Condition = field(init=False, compare=False, repr=False)
    achieves: Condition = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        parameters = self.contract.parameters
        if len(self.values) != len(parameters):
            raise self._wrong(", ".join(self.values))
        values = tuple(
            parameter.canonical(value)
            for parameter, value in zip(parameters, self.values, strict=True)
        )
        object.__setattr__(self, "values", values)
        binding = {f"?{name}": value for name, value in self.arguments.items()}
        if self.hand != DEFAULT_HAND:
            binding[DEFAULT_HAND] = self.hand
        for name, condition in self.contract.conditions.items():
            object.__setattr__(self, name, condition.bind(binding))

    @classmethod
    def of(
        cls,
        contract: Contract,
        arguments: Mapping[str, str] | Sequence[str],
        hand: str = DEFAULT_HAND,
    ) -> Call:
        """Bind by name or by position; what has a default may be left out.

        Raises ConditionError for missing or surplus names.
        """
        parameters = contract.parameters
        named = isinstance(arguments, Mapping)
        given = (
            dict(arguments)
            if isinstance(arguments, Mapping)
            else dict(zip((p.name for p in parameters), arguments, strict=False))
        )
        values = {p.name: str(given.get(p.name, p.default)) for p in parameters}
        surplus = set(given) - set(values) if named else len(arguments) > len(parameters)
        if surplus or not all(values.values()):
            shown = [f"{name}={given[name]}" for name in given] if named else list(arguments)
            raise _wrong_arguments(contract, ", ".join(map(str, shown)))
        return cls(contract, tuple(values.values()), hand)

    @classmethod
    def parse(cls, text: str, contracts: Iterable[Contract]) -> Call:
        """The call of its text, as `str` writes it.

        Raises ConditionError where it is none, UnknownNameError for a skill that is not there.
        """
        match = _CALL.fullmatch(text) if len(text) <= _MOST_TEXT else None
        if match is None:
            raise ConditionError("not a call", expected="skill(name, ...)", got=repr(text[:80]))
        known = {contract.name: contract for contract in contracts}
        if match[1] not in known:
            raise UnknownNameError("skill", match[1], known)
        contract = known[match[1]]
        places = [parameter.name for parameter in contract.parameters]
        given: dict[str, str] = {}
        for count, (name, value) in enumerate(_arguments(match[2], text)):
            key = name or (places[count] if count < len(places) else "")
            if not key or key in given:
                raise _wrong_arguments(contract, text)
            given[key] = value
        hand = given.pop(HAND, DEFAULT_HAND) if contract.one_handed else DEFAULT_HAND
        return cls.of(contract, given, hand)

    def __str__(self) -> str:
        shown = [
            f"{parameter.name}={value}" if parameter.optional else value
            for parameter, value in zip(self.contract.parameters, self.values, strict=True)
        ]
        if self.hand != DEFAULT_HAND:
            shown.append(f"{HAND}={self.hand}")
        return f"{self.contract.name}({', '.join(shown)})"

    @property
    def key(self) -> str:
        """The call's text with the version of its skill, as in `pick@1.2.0(red_cube)`."""
        return self.contract.key + str(self)[len(self.contract.name) :]

    @property
    def arguments(self) -> dict[str, str]:
        """Values by parameter name."""
        names = (parameter.name for parameter in self.contract.parameters)
        return dict(zip(names, self.values, strict=True))

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the things that it is about, in parameter order."""
        rows = zip(self.contract.parameters, self.values, strict=True)
        return tuple(value for parameter, value in rows if parameter.entity)

    @property
    def numbers(self) -> dict[str, float]:
        """Numbers by parameter name, SI units."""
        rows = zip(self.contract.parameters, self.values, strict=True)
        return {p.name: float(value) for p, value in rows if p.type == NUMBER}

    @property
    def places(self) -> dict[str, Place]:
        """Poses in the frames of entities, by parameter name."""
        rows = zip(self.contract.parameters, self.values, strict=True)
        return {p.name: Place.parse(value) for p, value in rows if p.type == POSE}

    @property
    def focus(self) -> tuple[str, ...]:
        """What the policy must see, in parameter order: things, and places as text."""
        rows = zip(self.contract.parameters, self.values, strict=True)
        return tuple(value for p, value in rows if p.entity or p.type == POSE)

    @property
    def hands(self) -> tuple[str, ...]:
        """The hands that it uses: its own, then those given as parameters."""
        own = (self.hand,) if self.contract.one_handed else ()
        rows = zip(self.contract.parameters, self.values, strict=True)
        return (*own, *(value for p, value in rows if p.type == HAND_TAG))

    @property
    def resources(self) -> frozenset[str]:
        """What it claims, as robot parts: `arm`, `left_arm`, `base`."""
        given = {f"?{name}": value for name, value in self.arguments.items()}
        return frozenset(
            arm_of(self.hand)
            if resource == ARM
            else arm_of(given[resource])
            if resource in given
            else resource
            for resource in self.contract.resources
        )

    def unseen(self, observation: Observation) -> tuple[str, ...]:
        """Names that it is about and that the observation does not have."""
        frames = (place.frame for place in self.places.values())
        names = dict.fromkeys((*self.objects, *frames))
        return tuple(name for name in names if name not in observation.entities)

    def seen(self, observation: Observation) -> Observation:
        """The observation about this call: focus, places, numbers and hands.

        Raises UnknownNameError for a thing, or a place's frame, that is not there.
        """
        return about(observation, self.values, self.hand if self.contract.one_handed else "")

    def with_values(self, **values: str | float) -> Call:
        """The same call with other arguments. Raises ConditionError."""
        given = self.arguments | {name: str(value) for name, value in values.items()}
        return Call.of(self.contract, given, self.hand)

    def by(self, hand: str) -> Call:
        """The same call with another hand."""
        return replace(self, hand=hand)

    def _wrong(self, got: str) -> ConditionError:
        return _wrong_arguments(self.contract, got)


def arm_of(hand: str) -> str:
    """The resource that is the arm of a hand."""
    return ARM if hand == DEFAULT_HAND else f"{hand}_arm"


def argument_texts(text: str) -> tuple[str, ...]:
    """The values in the text of a call, without its hand; the skill need not be known.

    Raises ConditionError where it is no call.
    """
    match = _CALL.fullmatch(text) if len(text) <= _MOST_TEXT else None
    if match is None:
        raise ConditionError("not a call", expected="skill(name, ...)", got=repr(text[:80]))
    return tuple(value for name, value in _arguments(match[2], text) if name != HAND)


def usage(contract: Contract) -> str:
    """How a contract is called, as in `push(object, distance_m=0.08)`."""
    shown = [
        f"{p.name}={p.default or p.type}" if p.optional else p.name for p in contract.parameters
    ]
    return f"{contract.name}({', '.join(shown)})"


def _wrong_arguments(contract: Contract, got: str) -> ConditionError:
    return ConditionError(
        f"'{contract.name}' with wrong arguments", expected=usage(contract), got=got[:200]
    )


def _arguments(text: str, whole: str) -> list[tuple[str, str]]:
    """Name, or nothing, and value of each argument in the brackets."""
    out: list[tuple[str, str]] = []
    at = 0
    while at < len(text.rstrip()):
        match = _ARGUMENT.match(text, at)
        if match is None:
            raise ConditionError(
                "not a call", expected="skill(name, key=value, ...)", got=repr(whole[:80])
            )
        out.append((match[1] or "", match[2]))
        at = match.end()
        if match[3] == "," and not text[at:].strip():
            raise ConditionError("not a call", expected="a value after the comma", got=whole[:80])
    return out
