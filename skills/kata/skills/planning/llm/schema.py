"""The JSON schema of an answer, built from the scene and the library.

Only what strict structured outputs of the common servers understand: objects with all properties
required and no others, `anyOf` below the root, enumerations, ranges, references. Limits as OpenAI
documents them (1 000 enumerated values, 250 and 15 000 characters in one enumeration).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kata.datasets.types import HAND_TAG
from kata.skills.contract.parameter import NUMBER, POSE, TEXT, Parameter

from .offer import Offer, SkillOffer, Slot

NAME = "answer"
"""What the schema is called in a request."""

MOST_GOALS, MOST_CALLS, MOST_OPTIONS = 32, 64, 8
REACH_M = 5.0
"""No coordinate of a pose is further from its frame than this."""

_MOST_FACTS, _MOST_FACT_TEXT = 250, 15_000
_COORDINATES: Mapping[str, float] = {
    "x_m": REACH_M,
    "y_m": REACH_M,
    "z_m": REACH_M,
    "yaw_rad": math.pi,
}

Schema = dict[str, Any]


def schema_of(offer: Offer) -> Schema:
    """The schema of an answer over this offer.

    `goal` stands first, so that a model says what it means before it says how.
    """
    answers = [_ask(), _refuse()]
    if offer.skills:
        answers.insert(0, _plan(offer))
    definitions = _definitions(offer)
    whole = _object(
        {
            "goal": _list(
                _object({"fact": _fact(offer), "holds": {"type": "boolean"}}), MOST_GOALS
            ),
            "answer": {"anyOf": answers},
        }
    )
    return {**whole, "$defs": definitions} if definitions else whole


def _plan(offer: Offer) -> Schema:
    calls = [_call(skill) for skill in offer.skills.values()]
    return _object({"kind": _one_of(["plan"]), "calls": _list({"anyOf": calls}, MOST_CALLS)})


def _ask() -> Schema:
    return _object(
        {
            "kind": _one_of(["ask"]),
            "question": {"type": "string"},
            "options": _list({"type": "string"}, MOST_OPTIONS),
        }
    )


def _refuse() -> Schema:
    return _object({"kind": _one_of(["refuse"]), "missing": {"type": "string"}})


def _call(skill: SkillOffer) -> Schema:
    arguments = _object({slot.parameter.name: _argument(slot) for slot in skill.slots})
    parts = {"skill": _one_of([skill.label]), "arguments": arguments}
    if skill.hands:
        parts["hand"] = _one_of(skill.hands)
    return _object(parts)


def _argument(slot: Slot) -> Schema:
    parameter = slot.parameter
    if parameter.type == NUMBER:
        return {"type": "number", "minimum": parameter.low, "maximum": parameter.high}
    if parameter.type == TEXT:
        return {"type": "string"}
    names = {"$ref": f"#/$defs/{_definition(parameter)}"}
    if parameter.type != POSE:
        return names
    coordinates = {
        name: {"type": "number", "minimum": -most, "maximum": most}
        for name, most in _COORDINATES.items()
    }
    return _object({"frame": names, **coordinates})


def _definition(parameter: Parameter) -> str:
    if parameter.type == HAND_TAG:
        return "any_hand"
    return "any_frame" if parameter.type == POSE else f"any_{parameter.type}"


def _definitions(offer: Offer) -> Schema:
    slots = [slot for skill in offer.skills.values() for slot in skill.slots if slot.names]
    return {_definition(slot.parameter): _one_of(slot.names) for slot in slots}


def _fact(offer: Offer) -> Schema:
    """The facts by name, unless there are more than a schema may enumerate."""
    texts = list(offer.facts)
    if 0 < len(texts) <= _MOST_FACTS and sum(map(len, texts)) <= _MOST_FACT_TEXT:
        return _one_of(texts)
    return {"type": "string"}


def _one_of(values: Sequence[str]) -> Schema:
    return {"type": "string", "enum": list(values)}


def _list(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "maxItems": most}


def _object(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
