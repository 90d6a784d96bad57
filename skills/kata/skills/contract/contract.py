"""What a skill promises: parameters, conditions, limits and what it needs of a robot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import Condition, ConditionError, ContractError

FORMAT = 1
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed parameter; `type` is an entity's tag such as `object` or `container`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A skill's promise; conditions name its parameters as `?name`.

    Attributes:
        duration_s: the time after which an unfinished execution has failed.
        settle_s: how long `achieves` must hold before the skill counts as done.
        cost: expected effort, in s, for planning before there is evidence.
        speed_m_s: the greatest tool speed it may command.
        resources: what it claims while it runs, such as `arm`.
    """

    name: str
    version: str
    summary: str
    parameters: tuple[Parameter, ...]
    requires: Condition
    holds: Condition
    achieves: Condition
    duration_s: float
    settle_s: float = 0.3
    cost: float = 5.0
    speed_m_s: float = 1.0
    resources: tuple[str, ...] = ("arm",)
    licence: str = "Apache-2.0"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ContractError("bad skill name", expected="lower case, digits, _", got=self.name)
        if not _VERSION.fullmatch(self.version):
            raise ContractError(
                "bad version", where=self.name, expected="MAJOR.MINOR.PATCH", got=self.version
            )
        if not (self.duration_s > 0 and self.settle_s >= 0 and self.cost >= 0):
            raise ContractError(
                "impossible times",
                where=self.name,
                expected="duration_s > 0, settle_s >= 0, cost >= 0",
                got=f"{self.duration_s}, {self.settle_s}, {self.cost}",
            )
        known = {f"?{parameter.name}" for parameter in self.parameters}
        for field in ("requires", "holds", "achieves"):
            stray = getattr(self, field).free() - known
            if stray:
                raise ContractError(
                    "condition names an unknown parameter",
                    where=f"{self.name}.{field}",
                    expected=", ".join(sorted(known)) or "no parameter",
                    got=", ".join(sorted(stray)),
                )

    @classmethod
    def from_data(cls, data: Mapping[str, Any], *, where: str = "skill.yaml") -> Contract:
        """Contract of plain data. Raises ContractError naming the field that is wrong."""
        fields = dict(data)
        if fields.pop("format", None) != FORMAT:
            raise ContractError(
                "unknown format",
                where=where,
                expected=f"format: {FORMAT}",
                got=str(data.get("format")),
            )
        required = {"name", "version", "summary", "parameters", "achieves", "duration_s"}
        optional = {"requires", "holds", "settle_s", "cost", "speed_m_s", "resources", "licence"}
        missing, surplus = required - set(fields), set(fields) - required - optional
        if missing or surplus:
            raise ContractError(
                "fields do not fit",
                where=where,
                expected=", ".join(sorted(required)) + "; optional " + ", ".join(sorted(optional)),
                got=f"missing {sorted(missing)}, surplus {sorted(surplus)}",
            )
        try:
            parameters = tuple(Parameter(str(k), str(v)) for k, v in fields["parameters"].items())
            conditions = {
                name: Condition.parse(str(fields.get(name, "")))
                for name in ("requires", "holds", "achieves")
            }
            numbers = {
                name: float(fields[name])
                for name in ("duration_s", "settle_s", "cost", "speed_m_s")
                if name in fields
            }
            words = {name: str(fields[name]) for name in ("name", "version", "summary")}
            resources = tuple(str(r) for r in fields.get("resources", ("arm",)))
            licence = str(fields.get("licence", "Apache-2.0"))
        except ConditionError as error:
            raise ContractError(
                error.what, where=where, expected=error.expected, got=error.got
            ) from None
        except (TypeError, ValueError, AttributeError) as error:
            raise ContractError("wrong type", where=where, got=str(error)) from None
        return cls(
            **words,
            parameters=parameters,
            **conditions,
            **numbers,
            resources=resources,
            licence=licence,
        )

    def to_data(self) -> dict[str, Any]:
        """Plain data for `skill.yaml`; `from_data` reads it back to an equal contract."""
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "summary": self.summary,
            "parameters": {parameter.name: parameter.type for parameter in self.parameters},
            "requires": str(self.requires),
            "holds": str(self.holds),
            "achieves": str(self.achieves),
            "duration_s": self.duration_s,
            "settle_s": self.settle_s,
            "cost": self.cost,
            "speed_m_s": self.speed_m_s,
            "resources": list(self.resources),
            "licence": self.licence,
        }
