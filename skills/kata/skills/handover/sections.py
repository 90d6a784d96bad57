"""Sections: what a boundary is stored as, one for each component, and what it was made for.

A component turns itself into a card of plain data and named arrays, and back; it knows nothing of
files. To add one: give it the two methods of `Section`, a field in `LearnedBoundary` and a line in
`storage.SECTIONS`. Legend: `D` joints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, PackageError, RobotSpec
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import POSE

Parts = tuple[dict[str, Any], dict[str, NDArray[Any]]]
"""A card of plain data (JSON), and arrays by name."""


@runtime_checkable
class Section(Protocol):
    """A component of a boundary that can be stored."""

    def to_parts(self) -> Parts:
        """Card and arrays; equal components give equal ones."""

    @classmethod
    def of_parts(cls, card: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Inverse of `to_parts`.

        Raises KeyError, TypeError or ValueError for parts that are missing or not sound: shapes
        that do not fit each other, numbers that are not finite. The reader turns it into a
        PackageError that names the section.
        """


@dataclass(frozen=True, slots=True)
class Fits:
    """Whose boundary it is: a skill's name, the D joints of a robot, and the slots of focus."""

    skill: str
    joints: tuple[str, ...]
    slots: int

    @classmethod
    def of(cls, contract: Contract, robot: RobotSpec) -> Fits:
        """Of a skill on a robot."""
        return cls(contract.name, robot.joints, slots_of(contract))

    def to_data(self) -> dict[str, Any]:
        """Plain data for the card."""
        return {"skill": self.skill, "robot": list(self.joints), "slots": self.slots}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Fits:
        """Inverse of `to_data`. Raises KeyError, TypeError or ValueError."""
        skill, joints, slots = data["skill"], data["robot"], data["slots"]
        plain = isinstance(skill, str) and isinstance(joints, list) and type(slots) is int
        if not plain or not all(isinstance(joint, str) for joint in joints) or slots < 0:
            raise ValueError("skill, robot and slots must be a name, names of joints and a count")
        return cls(skill, tuple(joints), slots)

    def check(self, contract: Contract, robot: RobotSpec, where: str) -> None:
        """Raise PackageError, with what does not fit, unless it is of this skill and robot."""
        wanted = Fits.of(contract, robot)
        for what, mine, theirs, hint in (
            ("skill", self.skill, wanted.skill, "publish the skill again with its own boundary"),
            (
                "robot",
                f"{len(self.joints)} joints: {', '.join(self.joints)}",
                f"{len(wanted.joints)} joints: {', '.join(wanted.joints)}",
                f"measure the skill anew on robot={robot.name}",
            ),
            (
                "number of focus slots",
                str(self.slots),
                str(wanted.slots),
                "the contract's parameters have changed: measure the skill anew",
            ),
        ):
            if mine != theirs:
                raise PackageError(
                    f"a boundary of another {what}",
                    where=where,
                    expected=theirs,
                    got=mine,
                    hint=hint,
                )


def slots_of(contract: Contract) -> int:
    """Slots of focus that a call of a contract has: its things and its places."""
    return sum(p.entity or p.type == POSE for p in contract.parameters)


def rounded(quality: Mapping[str, float]) -> dict[str, float]:
    """The numbers of a component's quality as plain data for a file."""
    return {name: round(float(value), 6) for name, value in quality.items()}


def read_quality(data: Mapping[str, Any], names: Sequence[str]) -> list[float]:
    """Those that `rounded` gave. Raises KeyError, TypeError, or ValueError if one is not finite."""
    numbers = [float(data[name]) for name in names]
    if not np.isfinite(numbers).all():
        raise ValueError(f"quality: expected finite numbers, got {numbers}")
    return numbers


def finite(tensors: Mapping[str, NDArray[Any]], name: str, shape: Sequence[int | None]) -> Array:
    """The array of a name as float64, of this shape (None: any), all numbers finite.

    Raises KeyError or ValueError.
    """
    array = np.asarray(tensors[name], dtype=np.float64)
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits or not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers {tuple(shape)}, got {array.shape}")
    return array
