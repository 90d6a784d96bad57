"""Whole requests with their things masked: the examples of `goals.yaml` and what skills say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from kata.skills.contract.contract import Contract

from .examples import TextEncoder, shipped
from .prototypes import Limits, Prototypes

THING, PLACE = "the thing", "the place"
"""What the examples call the thing that is moved or changed, and where."""

NO_GOALS = ("other", "remark", "question", "salad")
"""Labels of what cannot be asked for."""
SKILL_LABEL = "skill "
_PARAMETER = re.compile(r"\{(\w+)\}|\?(\w+)")


def goal_says() -> Mapping[str, str]:
    """By label the sentence of the grammar that asks for it."""
    return {label: entry["say"] for label, entry in shipped("goals").items() if "say" in entry}


def goal_prototypes(contracts: Sequence[Contract], encoder: TextEncoder) -> Prototypes:
    """Examples of every goal; a skill whose goal has no label of its own adds its own words."""
    data = shipped("goals")
    examples: dict[str, list[str]] = {
        label: list(entry["examples"]) for label, entry in data.items()
    }
    known = _known_predicates(data)
    for contract in contracts:
        gained = {atom.predicate for atom in contract.achieves.atoms()}
        if not gained & known:
            examples.setdefault(f"{SKILL_LABEL}{contract.name}", []).extend(_texts(contract))
    return Prototypes(examples, Limits(**shipped("prototypes")["limits"]["goal"]), encoder)


def _known_predicates(data: Mapping[str, object]) -> set[str]:
    return {*data, "gripper_empty", "clear"}


def _texts(contract: Contract) -> list[str]:
    """A skill's name and words, its parameters masked in their order."""
    masks = {
        parameter.name: mask
        for parameter, mask in zip(contract.parameters, (THING, PLACE), strict=False)
    }
    name = contract.name.replace("_", " ")
    texts = [f"{name} {' '.join(masks.values())}".strip(), *getattr(contract, "examples", ())]
    return [
        _PARAMETER.sub(lambda m: masks.get(m.group(1) or m.group(2), m.group()), text)
        for text in texts
    ]
