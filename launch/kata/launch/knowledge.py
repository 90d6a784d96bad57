"""What the planner knows of a library: contracts, spare versions, and what was measured of each."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kata.datasets.types import RobotSpec
    from kata.skills.contract.contract import Contract
    from kata.skills.evidence.descriptor import SkillDescriptor
    from kata.skills.library.library import Entry, Library

_log = logging.getLogger(__name__)

_LEAST_RATE = 0.01
"""A rate of zero would forbid a skill for ever."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the planner knows of a library, on one robot.

    Attributes:
        contracts: of the version in use of each skill.
        success: measured rate by skill name, of a spare version by `Contract.key`.
        descriptors: what was learned from trials, by the same keys.
        spares: contracts of other versions, to be called where the one in use fails.
    """

    contracts: tuple[Contract, ...]
    success: Mapping[str, float] = field(default_factory=dict)
    descriptors: Mapping[str, SkillDescriptor] = field(default_factory=dict)
    spares: tuple[Contract, ...] = ()


def known_of(library: Library, robot: str) -> Known:
    """What is known of those of a library's skills that a robot can do.

    What was measured or described on another robot, or on none that is told, is left out, and so is
    what nobody signed whose word counts. Raises PackageError for a record that is not sound.
    """
    from kata.sim.robots import load

    spec = load(robot).spec
    contracts = fitting_contracts(library, spec)
    spares: list[Contract] = []
    success: dict[str, float] = {}
    descriptors: dict[str, SkillDescriptor] = {}

    def learn(key: str, measured: _Measured) -> None:
        if measured.rate is not None:
            success[key] = measured.rate
        if measured.descriptor is not None:
            descriptors[key] = measured.descriptor

    for contract in contracts:
        own = _measured(library, library.show(contract.key), robot)
        learn(contract.name, own)
        spare = _spare(library, contract, own, spec)
        if spare is not None:
            spares.append(spare[0])
            learn(spare[0].key, spare[1])
    return Known(contracts, success, descriptors, tuple(spares))


def fitting_contracts(library: Library, robot: RobotSpec) -> tuple[Contract, ...]:
    """Contracts of the versions in use that a robot has the body for, by name."""
    contracts = (skill.contract for skill in library.skills())
    return tuple(contract for contract in contracts if not contract.embodiment.lacks(robot))


@dataclass(frozen=True, slots=True)
class _Measured:
    """The last rate of a version, and its descriptor; None where there is none."""

    rate: float | None
    descriptor: SkillDescriptor | None


def _measured(library: Library, entry: Entry, robot: str) -> _Measured:
    from .descriptors import descriptor_of_entry

    evidence = [
        record
        for record in library.sound_records(entry.identity)
        if record.kind == "evidence"
        and record.data.get("robot") == robot
        and record.data.get("start", "nominal") == "nominal"
    ]
    rate = max(float(evidence[-1].data["rate"]), _LEAST_RATE) if evidence else None
    return _Measured(rate, descriptor_of_entry(library, entry, robot))


def _spare(
    library: Library, used: Contract, own: _Measured, robot: RobotSpec
) -> tuple[Contract, _Measured] | None:
    """The newest other version that can stand in: of the same terms, and as well known.

    A pinned skill has none. One that was never measured is no spare: nobody knows that it works;
    one that is not trusted, or not sound, or of another body, is none either.
    """
    from kata.datasets.types import ContractError, PackageError, SignatureError

    if used.name in library.pins():
        return None
    others = [
        entry
        for entry in library.versions(used.name)
        if entry.version != used.version and entry.state in ("promoted", "candidate")
    ]
    for entry in sorted(others, key=lambda entry: entry.came, reverse=True):
        measured = _measured(library, entry, robot.name)
        if measured.rate is None or (measured.descriptor is None) != (own.descriptor is None):
            continue
        try:
            contract = library.get(str(entry)).contract
        except (ContractError, PackageError, SignatureError) as error:
            _log.info("%s is no spare: %s", entry, error)
            continue
        if _terms(contract) == _terms(used) and not contract.embodiment.lacks(robot):
            return contract, measured
    return None


def _terms(contract: Contract) -> tuple[object, ...]:
    """What a plan relies on: a version that differs in any of it stands in for nothing."""
    return contract.parameters, contract.requires, contract.holds, contract.achieves
