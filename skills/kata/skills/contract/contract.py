"""What a skill promises: parameters, conditions, limits and what it needs of a robot."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import Condition, ConditionError, ContractError, UnknownNameError

FORMAT = 1
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_WORDS = ("name", "version", "summary", "licence")
_NUMBERS = ("duration_s", "settle_s", "cost", "speed_m_s")
_CONDITIONS = ("requires", "holds", "achieves")


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
        numbers = [getattr(self, name) for name in _NUMBERS]
        if not all(map(math.isfinite, numbers)) or min(numbers) < 0 or not self.duration_s:
            raise ContractError(
                "impossible numbers",
                where=self.name,
                expected=f"finite {', '.join(_NUMBERS)}, none negative, duration_s > 0",
                got=", ".join(map(str, numbers)),
            )
        names = [parameter.name for parameter in self.parameters]
        if len(set(names)) < len(names) or not all(map(_NAME.fullmatch, names)):
            raise ContractError(
                "bad parameter names",
                where=self.name,
                expected="different ones of lower case, digits, _",
                got=", ".join(names),
            )
        known = {f"?{name}" for name in names}
        for field in _CONDITIONS:
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
            values: dict[str, Any] = {name: str(fields[name]) for name in _WORDS if name in fields}
            values |= {name: float(fields[name]) for name in _NUMBERS if name in fields}
            values |= {name: Condition.parse(str(fields.get(name, ""))) for name in _CONDITIONS}
            values["parameters"] = tuple(
                Parameter(str(key), str(kind)) for key, kind in fields["parameters"].items()
            )
            values["resources"] = tuple(str(r) for r in fields.get("resources", ("arm",)))
        except (ConditionError, UnknownNameError) as error:
            raise ContractError(
                error.what,
                where=" ".join(filter(None, (where, error.where))),
                expected=error.expected,
                got=error.got,
                hint=error.hint,
            ) from None
        except (TypeError, ValueError, AttributeError) as error:
            raise ContractError("wrong type", where=where, got=str(error)) from None
        return cls(**values)

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
