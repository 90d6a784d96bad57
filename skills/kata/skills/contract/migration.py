"""Contracts of earlier formats, brought up to the present one as they are read.

A package never changes, and so keeps the format that it was written in; what is read from it is
always of the present format. To add a format, raise `FORMAT` and write the step from the one
before: a step takes the fields of its format and gives those of the next.

Format 2 moved `speed_m_s` into `limits`, gave parameters types beside the tags of entities, and
added `embodiment`, `description`, `examples`, `failures` and `provenance`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kata.datasets.types import ContractError

FORMAT = 2
"""The format that is written."""

Step = Callable[[dict[str, Any]], dict[str, Any]]


def migrated(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fields of a contract in the present format, without `format` itself.

    Raises ContractError for a format that is not known, and for fields of a later format.
    """
    fields = dict(data)
    found = fields.pop("format", None)
    if isinstance(found, bool) or found not in range(1, FORMAT + 1):
        raise ContractError(
            "unknown format",
            where=where,
            expected=" or ".join(f"format: {number}" for number in range(FORMAT, 0, -1)),
            got=str(found),
            hint="a later version of Kata may read it",
        )
    for number in range(int(found), FORMAT):
        fields = _STEPS[number](fields)
    return fields


def _from_1(fields: dict[str, Any]) -> dict[str, Any]:
    later = {"limits", "embodiment", "description", "examples", "failures", "provenance"}
    surplus = later & set(fields)
    if surplus:
        raise ContractError(
            "fields of a later format",
            where=str(fields.get("name")),
            expected="format: 2",
            got=f"format: 1 with {', '.join(sorted(surplus))}",
        )
    if "speed_m_s" in fields:
        fields["limits"] = {"speed_m_s": fields.pop("speed_m_s")}
    return fields


_STEPS: Mapping[int, Step] = {1: _from_1}
"""By the format that a step begins with."""
