"""What a model may say of one scene: facts, skills, and the names that each argument can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kata.datasets.types import DEFAULT_HAND, HAND_TAG, Atom, AtomTable
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import NUMBER, POSE, TEXT, Parameter

from .said import is_sayable

MOST_SKILLS = 64
"""Skills that are put before a model; of more, those that the goal needs come first."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One argument: its parameter, and the names that it can take (a pose's: its frame)."""

    parameter: Parameter
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SkillOffer:
    """One skill as it is offered.

    Attributes:
        label: what a call names; the skill's name, with its version where that is needed.
        hands: those that a call must choose from; empty where there is nothing to choose.
    """

    label: str
    contract: Contract
    slots: tuple[Slot, ...]
    hands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything that may be named.

    Attributes:
        facts: by text, such as `in(red_cube, drawer)`.
        skills: by label.
    """

    table: AtomTable
    facts: Mapping[str, Atom]
    skills: Mapping[str, SkillOffer]

    @classmethod
    def of(
        cls, table: AtomTable, contracts: Sequence[Contract], first: Sequence[str] = ()
    ) -> Offer:
        """The offer of a scene.

        A name that is no plain identifier is left out with all that needs it, and so is a skill
        that nothing in the scene fits. `first` names skills that must not be cut off.
        """
        facts = {
            text: atom
            for text, atom in zip(table.texts, table.atoms, strict=True)
            if all(map(is_sayable, atom.arguments))
        }
        skills: dict[str, SkillOffer] = {}
        for contract in sorted(contracts, key=lambda c: (c.name not in first, c.name)):
            found = _offered(contract, table, contract.name in skills)
            if found is not None and len(skills) < MOST_SKILLS:
                skills[found.label] = found
        return cls(table, facts, skills)


def _offered(contract: Contract, table: AtomTable, again: bool) -> SkillOffer | None:
    slots = tuple(Slot(parameter, _names(parameter, table)) for parameter in contract.parameters)
    if any(not slot.names for slot in slots if slot.parameter.type not in (NUMBER, TEXT)):
        return None
    if not all(is_sayable(slot.parameter.name) for slot in slots):
        return None
    several = contract.one_handed and table.hands != (DEFAULT_HAND,)
    label = contract.key if again else contract.name
    return SkillOffer(label, contract, slots, table.hands if several else ())


def _names(parameter: Parameter, table: AtomTable) -> tuple[str, ...]:
    if parameter.type in (NUMBER, TEXT):
        return ()
    if parameter.type == HAND_TAG:
        return table.hands
    found = tuple(table.types) if parameter.type == POSE else table.names(parameter.type)
    return tuple(filter(is_sayable, found))
