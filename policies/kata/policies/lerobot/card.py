"""The card of a policy of LeRobot: what `policy.json` says beside LeRobot's own files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kata.datasets.types import ChunkSpec, PackageError, SpecError

from ..card import FORMAT
from . import NAME
from .inputs import Inputs


@dataclass(frozen=True, slots=True)
class LeRobotCard:
    """What a policy of LeRobot is to us.

    Attributes:
        type: LeRobot's name of it, such as `act`.
        robot: fingerprint of the robot that the data came from; empty means any.
        stateful: whether it must see every frame, because it keeps a history or an average.
        files: sha-256 by name of LeRobot's files, so that the card stands for all of them.
    """

    type: str
    inputs: Inputs
    chunk_spec: ChunkSpec
    robot: str = ""
    hand: str = ""
    stateful: bool = False
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `policy.json`."""
        return {
            "format": FORMAT,
            "policy": NAME,
            "type": self.type,
            "spec": self.inputs.spec.to_json(),
            "inputs": self.inputs.to_json(),
            "chunk_spec": dataclasses.asdict(self.chunk_spec),
            "robot": self.robot,
            "hand": self.hand,
            "stateful": self.stateful,
            "files": dict(self.files),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, where: str = "policy.json") -> LeRobotCard:
        """Inverse of `to_json`. Raises PackageError for data of another form."""
        if data.get("format") != FORMAT or data.get("policy") != NAME:
            raise PackageError("unknown format", where=where, expected=f"format: {FORMAT}")
        try:
            card = cls(
                type=str(data["type"]),
                inputs=Inputs.from_json(data["inputs"]),
                chunk_spec=ChunkSpec(**data["chunk_spec"]),
                robot=str(data["robot"]),
                hand=str(data["hand"]),
                stateful=bool(data["stateful"]),
                files={str(name): str(digest) for name, digest in data["files"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError, SpecError) as error:
            raise PackageError("not a policy's card", where=where, got=repr(error)) from error
        if card.inputs.spec.to_json() != data.get("spec"):
            raise PackageError("specification and inputs disagree", where=where)
        return card
