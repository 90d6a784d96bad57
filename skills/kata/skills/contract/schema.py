"""The form of `skill.yaml` as a JSON Schema, for editors and for other programs.

It says which keys there are, of which type and within which bounds. What it cannot say (whether a
condition parses, whether it names only parameters, whether a name bears its unit) is refused when
a contract is read. Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

from typing import Any

from kata.datasets.types import PREDICATES

from .migration import FORMAT
from .parameter import PLAIN_TYPES, UNITS
from .promise import CONTROLS, PROVENANCE

_NAME = r"^[a-z][a-z0-9_]{0,63}$"
_SECONDS = {"type": "number", "minimum": 0}


def contract_schema() -> dict[str, Any]:
    """The JSON Schema of the present format."""
    fields = _fields()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "skill.yaml",
        "description": "The contract of a skill of Kata.",
        "type": "object",
        "properties": fields,
        "required": [
            *("format", "name", "version", "summary", "parameters", "achieves", "duration_s")
        ],
        "additionalProperties": False,
        "$defs": {"condition": _condition(), "parameter": _parameter()},
    }


def _fields() -> dict[str, Any]:
    condition = {"$ref": "#/$defs/condition"}
    text = {"type": "string"}
    return {
        "format": {"const": FORMAT},
        "name": {**text, "pattern": _NAME},
        "version": {**text, "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
        "summary": {**text, "description": "What it does, in one sentence."},
        "description": {**text, "description": "The summary at length."},
        "examples": {"type": "array", "items": text, "description": "Sentences that ask for it."},
        "parameters": _by_name({"$ref": "#/$defs/parameter"}),
        "requires": {**condition, "description": "What must hold to start."},
        "holds": {**condition, "description": "What must hold all the while."},
        "achieves": {**condition, "description": "What holds afterwards; `not` deletes."},
        "duration_s": {"type": "number", "exclusiveMinimum": 0},
        "settle_s": {**_SECONDS, "description": "How long `achieves` must hold to count."},
        "cost": {**_SECONDS, "description": "Expected effort in s, before there is evidence."},
        "limits": _limits(),
        "resources": {
            "type": "array",
            "items": {**text, "pattern": r"^\??[a-z][a-z0-9_]{0,63}$"},
            "description": "arm (of the call's hand), ?parameter of type hand, or another word.",
        },
        "embodiment": _embodiment(),
        "failures": _by_name(_object({"sign": condition, "recovery": text})),
        "licence": text,
        "provenance": _object(dict.fromkeys(PROVENANCE, text)),
    }


def _condition() -> dict[str, Any]:
    return {
        "type": "string",
        "description": (
            "and, or, not, (forall ?x: tag. term), (exists ?x: tag. term), true, and facts such "
            "as open(?container) or open(?container) >= 2. Predicates with the number of their "
            "arguments: " + ", ".join(f"{name}/{count}" for name, count in PREDICATES.items())
        ),
    }


def _parameter() -> dict[str, Any]:
    number = _object(
        {
            "type": {"const": "number"},
            "unit": {"enum": list(UNITS)},
            "range": {
                "type": "array",
                "items": {"type": "number"},
                "minItems": 2,
                "maxItems": 2,
            },
            "default": {"type": "number"},
        },
        required=("type", "unit", "range"),
    )
    other = _object(
        {"type": {"enum": ["pose", "text"]}, "default": {"type": "string"}}, required=("type",)
    )
    return {
        "oneOf": [{"type": "string"}, number, other],
        "description": f"A tag of the scene's things, or one of {', '.join(PLAIN_TYPES)}.",
    }


def _limits() -> dict[str, Any]:
    above = {"type": "number", "exclusiveMinimum": 0}
    corner = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
    box = _object({"low": corner, "high": corner}, required=("low", "high"))
    return _object({"speed_m_s": above, "force_n": above, "workspace": box})


def _embodiment() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    return _object(
        {
            "arms": count,
            "joints": count,
            "gripper": {"type": "boolean"},
            "sensors": {"type": "array", "items": {"type": "string"}},
            "rate_hz": {"type": "number", "minimum": 0},
            "control": {"enum": list(CONTROLS)},
        }
    )


def _object(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        made["required"] = list(required)
    return made | {"additionalProperties": False}


def _by_name(values: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": values,
    }
