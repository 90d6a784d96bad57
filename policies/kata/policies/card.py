"""A policy's card: everything about it but its weights, as it stands in `policy.json`.

The card of a composition holds those of its parts.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import ChunkSpec, ConfigError, PackageError, SpecError, UnknownNameError

from .encoders import Encoder, encoder_from_json
from .normalise import Normaliser
from .registry import COMPOSED

FORMAT = 1
MOST_PARTS = 16
"""Of a composition: each one's network is asked in every step of the sampler."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a policy is.

    Attributes:
        policy: its registered name.
        settings: as plain data; the policy's own `Settings` checks them.
        features: normaliser of the encoder's features (F,).
        actions: normaliser of a chunk (H, A).
        robot: fingerprint of the robot that the data came from; empty means any.
        hand: name of the hand whose tool the chunk moves; empty means the robot's first.
    """

    policy: str
    settings: Mapping[str, Any]
    encoder: Encoder
    chunk_spec: ChunkSpec
    features: Normaliser
    actions: Normaliser
    robot: str = ""
    hand: str = ""

    def __post_init__(self) -> None:
        chunk = (self.chunk_spec.horizon, self.chunk_spec.width)
        if self.features.center.shape != (self.encoder.size,) or self.actions.center.shape != chunk:
            raise SpecError(
                "normalisers do not fit the policy",
                expected=f"features ({self.encoder.size},), actions {chunk}",
                got=f"{self.features.center.shape}, {self.actions.center.shape}",
            )

    @property
    def singles(self) -> tuple[Card, ...]:
        """The cards of the policies that it is made of: itself, or a composition's parts."""
        return (self,)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `policy.json`."""
        return {
            "format": FORMAT,
            "policy": self.policy,
            "settings": dict(self.settings),
            "spec": self.encoder.spec.to_json(),
            "encoder": self.encoder.to_json(),
            "chunk_spec": dataclasses.asdict(self.chunk_spec),
            "features": self.features.to_json(),
            "actions": self.actions.to_json(),
            "robot": self.robot,
            "hand": self.hand,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, where: str = "policy.json") -> Card:
        """Inverse of `to_json`. Raises PackageError for data of another form."""
        _check_format(data, where)
        try:
            card = cls(
                policy=str(data["policy"]),
                settings=dict(data["settings"]),
                encoder=encoder_from_json(data["encoder"]),
                chunk_spec=ChunkSpec(**data["chunk_spec"]),
                features=Normaliser.from_json(data["features"]),
                actions=Normaliser.from_json(data["actions"]),
                robot=str(data["robot"]),
                hand=str(data["hand"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise PackageError("not a policy's card", where=where, got=repr(error)) from error
        except (SpecError, UnknownNameError) as error:
            raise PackageError(
                error.what, where=where, expected=error.expected, got=error.got
            ) from error
        if card.encoder.spec.to_json() != data.get("spec"):
            raise PackageError("specification and encoder disagree", where=where)
        return card


@dataclass(frozen=True, slots=True)
class PartCard:
    """One part of a composition; see `composition.Part`."""

    weight: float
    focus: tuple[int, ...] | None
    card: Card

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        focus = None if self.focus is None else [int(place) for place in self.focus]
        return {"weight": float(self.weight), "focus": focus, "card": self.card.to_json()}

    @classmethod
    def from_json(cls, data: Any, *, where: str) -> PartCard:
        """Inverse of `to_json`. Raises PackageError for data of another form."""
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(data, dict) or set(data) != set(names):
            got = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
            raise PackageError(
                "not a part of a composition", where=where,
                expected=", ".join(names), got=got[:80],
            )  # fmt: skip
        weight, focus = data["weight"], data["focus"]
        if type(weight) not in (int, float) or not abs(weight) <= sys.float_info.max:
            raise PackageError(
                "wrong type",
                where=f"{where}.weight",
                expected="a finite number",
                got=repr(weight)[:80],
            )
        if focus is not None and not _whole_numbers(focus):
            expected = "null, or a list of whole numbers"
            raise PackageError(
                "wrong type", where=f"{where}.focus", expected=expected, got=repr(focus)[:80]
            )
        card = Card.from_json(data["card"], where=f"{where}.card")
        return cls(float(weight), None if focus is None else tuple(focus), card)


@dataclass(frozen=True, slots=True)
class ComposedCard(Card):
    """Several policies that are sampled as one; what else it says is of the part that leads.

    Attributes:
        parts: in order, 2 to `MOST_PARTS`.
    """

    parts: tuple[PartCard, ...] = ()

    @classmethod
    def of(cls, parts: Sequence[PartCard]) -> ComposedCard:
        """The card of these parts. Raises ConfigError for too few or too many."""
        check_count(len(parts))
        lead = parts[leading([part.weight for part in parts])].card
        said = {field.name: getattr(lead, field.name) for field in dataclasses.fields(Card)}
        return cls(**{**said, "policy": COMPOSED}, parts=tuple(parts))

    @property
    def singles(self) -> tuple[Card, ...]:
        """The cards of the parts."""
        return tuple(part.card for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `policy.json`."""
        parts = [part.to_json() for part in self.parts]
        return {"format": FORMAT, "policy": COMPOSED, "parts": parts}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, where: str = "policy.json") -> ComposedCard:
        """Inverse of `to_json`. Raises PackageError for data of another form."""
        _check_format(data, where)
        parts = data.get("parts")
        if not isinstance(parts, list):
            got = type(parts).__name__
            raise PackageError("not a composition", where=where, expected="parts: a list", got=got)
        try:
            check_count(len(parts))
        except ConfigError as error:
            raise PackageError(
                error.what, where=where, expected=error.expected, got=error.got
            ) from error
        return cls.of(
            [PartCard.from_json(part, where=f"{where} parts[{i}]") for i, part in enumerate(parts)]
        )


def card_from_json(data: Any, *, where: str = "policy.json") -> Card:
    """The card of plain data, of one policy or of a composition. Raises PackageError."""
    composed = isinstance(data, dict) and data.get("policy") == COMPOSED
    return (ComposedCard if composed else Card).from_json(data, where=where)


def leading(weights: Sequence[float]) -> int:
    """Which part of a composition leads: the first of the greatest weight."""
    return max(range(len(weights)), key=lambda i: (weights[i], -i))


def check_count(parts: int) -> None:
    """Raise ConfigError for fewer or more parts than a composition can have."""
    if parts < 2:
        raise ConfigError("nothing to compose", expected="two parts or more", got=str(parts))
    if parts > MOST_PARTS:
        raise ConfigError("too many parts", expected=f"at most {MOST_PARTS}", got=str(parts))


def _check_format(data: Any, where: str) -> None:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise PackageError("unknown format", where=where, expected=f"format: {FORMAT}")


def _whole_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int for value in values)


def settings_of[T](kind: type[T], data: Mapping[str, Any], *, where: str) -> T:
    """A frozen dataclass of numbers from plain data.

    Raises UnknownNameError for a field that does not exist, ConfigError for a wrong type.
    """
    known = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name, value in data.items():
        if name not in known:
            raise UnknownNameError("setting", name, known, where=where)
        default = known[name].default
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = (
            isinstance(value, type(default))
            and isinstance(value, bool) == isinstance(default, bool)
        ) or (isinstance(default, float) and number)
        if not fits:
            raise ConfigError(
                "wrong type",
                where=f"{where}.{name}",
                expected=type(default).__name__,
                got=repr(value),
            )
    return kind(**data)
