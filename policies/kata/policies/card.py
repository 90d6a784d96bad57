"""A policy's card: everything about it but its weights, as it stands in `policy.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import ChunkSpec, ConfigError, PackageError, SpecError, UnknownNameError

from .encoders import Encoder, encoder_from_json
from .normalise import Normaliser

FORMAT = 1


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
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise PackageError("unknown format", where=where, expected=f"format: {FORMAT}")
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
