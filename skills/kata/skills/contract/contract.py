"""What a skill promises: parameters, conditions, limits and what it needs of a robot."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kata.datasets.types import (
    HAND_TAG,
    Condition,
    ConditionError,
    ContractError,
    UnknownNameError,
)

from .migration import FORMAT, migrated
from .parameter import Parameter
from .promise import Embodiment, Envelope, FailureMode, read_provenance

ARM = "arm"
"""The resource that is the arm of the call's own hand."""

_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_WORDS = ("name", "version", "summary", "licence", "description")
_NUMBERS = ("duration_s", "settle_s", "cost")
_CONDITIONS = ("requires", "holds", "achieves")
_REQUIRED = {"name", "version", "summary", "parameters", "achieves", "duration_s"}
_OPTIONAL = {
    *("requires", "holds", "settle_s", "cost", "resources", "licence", "limits", "embodiment"),
    *("description", "examples", "failures", "provenance"),
}


@dataclass(frozen=True, slots=True)
class Contract:
    """A skill's promise; conditions name its parameters as `?name`.

    A condition that omits the hand means the call's own; on a robot with several hands a skill
    that claims `arm` can be called with each of them.

    Attributes:
        duration_s: the time after which an unfinished execution has failed.
        settle_s: how long `achieves` must hold before the skill counts as done.
        cost: expected effort, in s, for planning before there is evidence.
        resources: what it claims while it runs: `arm` for the arm of the call's hand, `?name` for
            that of the hand which is given for a parameter, or another word such as `base`.
        limits: what it never exceeds.
        embodiment: what it needs of a robot.
        description: the summary at length; `examples` are sentences that ask for it.
        failures: known ways to fail.
        provenance: where it comes from; see `PROVENANCE`.
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
    resources: tuple[str, ...] = (ARM,)
    licence: str = "Apache-2.0"
    limits: Envelope = field(default_factory=Envelope)
    embodiment: Embodiment = field(default_factory=Embodiment)
    description: str = ""
    examples: tuple[str, ...] = ()
    failures: tuple[FailureMode, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict, hash=False)

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
        self._check_order()
        self._check_conditions()
        self._check_resources()

    def _check_order(self) -> None:
        """A call's text gives the optional parameters by name, after the others."""
        kinds = [parameter.optional for parameter in self.parameters]
        clash = {"hand"} & {p.name for p in self.parameters} if self.one_handed else set()
        if kinds != sorted(kinds) or clash:
            raise ContractError(
                "parameters out of order",
                where=self.name,
                expected="things and hands first, then numbers, poses and texts; none is called "
                "hand beside the resource arm",
                got=", ".join(f"{p.name}: {p.type}" for p in self.parameters),
            )

    def _check_conditions(self) -> None:
        known = {f"?{p.name}" for p in self.parameters if not p.optional}
        conditions = {name: getattr(self, name) for name in _CONDITIONS}
        conditions |= {f"failures.{mode.name}": mode.sign for mode in self.failures}
        for where, condition in conditions.items():
            stray = condition.free() - known
            if stray:
                raise ContractError(
                    "condition names an unknown parameter",
                    where=f"{self.name}.{where}",
                    expected=", ".join(sorted(known)) or "no parameter",
                    got=", ".join(sorted(stray)),
                )

    def _check_resources(self) -> None:
        hands = {f"?{p.name}" for p in self.parameters if p.type == HAND_TAG}
        for resource in self.resources:
            if resource not in hands and not _NAME.fullmatch(resource):
                raise ContractError(
                    "bad resource",
                    where=f"{self.name}.resources",
                    expected=", ".join((ARM, *sorted(hands), "or a word such as base")),
                    got=resource,
                )

    @property
    def key(self) -> str:
        """Name and version, as in `pick@1.2.0`: tells the versions of a skill apart."""
        return f"{self.name}@{self.version}"

    @property
    def one_handed(self) -> bool:
        """Whether a call of it has a hand of its own: it claims that hand's arm."""
        return ARM in self.resources

    @property
    def conditions(self) -> Mapping[str, Condition]:
        """`requires`, `holds` and `achieves` by their names."""
        return {name: getattr(self, name) for name in _CONDITIONS}

    @classmethod
    def from_data(cls, data: Mapping[str, Any], *, where: str = "skill.yaml") -> Contract:
        """Contract of plain data, of any known format. Raises ContractError naming the field."""
        fields = migrated(data, where)
        missing, surplus = _REQUIRED - set(fields), set(fields) - _REQUIRED - _OPTIONAL
        if missing or surplus:
            raise ContractError(
                "fields do not fit",
                where=where,
                expected=f"{', '.join(sorted(_REQUIRED))}; optional {', '.join(sorted(_OPTIONAL))}",
                got=f"missing {sorted(missing)}, surplus {sorted(map(str, surplus))}",
            )
        try:
            return cls(**_values(fields))
        except (ConditionError, ContractError, UnknownNameError) as error:
            raise ContractError(
                error.what,
                where=" ".join(filter(None, (where, error.where))),
                expected=error.expected,
                got=error.got,
                hint=error.hint,
            ) from None
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ContractError("wrong type", where=where, got=str(error)[:200]) from None

    def to_data(self) -> dict[str, Any]:
        """Plain data for `skill.yaml`; `from_data` reads it back to an equal contract."""
        data: dict[str, Any] = {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "summary": self.summary,
            "parameters": {parameter.name: parameter.to_data() for parameter in self.parameters},
            "requires": str(self.requires),
            "holds": str(self.holds),
            "achieves": str(self.achieves),
            "duration_s": self.duration_s,
            "settle_s": self.settle_s,
            "cost": self.cost,
            "limits": self.limits.to_data(),
            "resources": list(self.resources),
            "licence": self.licence,
        }
        more = {
            "embodiment": self.embodiment.to_data(),
            "description": self.description,
            "examples": list(self.examples),
            "failures": {mode.name: mode.to_data() for mode in self.failures},
            "provenance": dict(self.provenance),
        }
        return data | {name: value for name, value in more.items() if value}


def _values(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a contract, of the fields of its file."""
    values: dict[str, Any] = {name: str(fields[name]) for name in _WORDS if name in fields}
    values |= {name: float(fields[name]) for name in _NUMBERS if name in fields}
    values |= {name: Condition.parse(str(fields.get(name, ""))) for name in _CONDITIONS}
    values["parameters"] = tuple(
        Parameter.from_data(str(name), data) for name, data in fields["parameters"].items()
    )
    values["resources"] = tuple(map(str, _listed(fields, "resources", (ARM,))))
    values["examples"] = tuple(map(str, _listed(fields, "examples", ())))
    values["limits"] = Envelope.from_data(fields.get("limits", {}))
    values["embodiment"] = Embodiment.from_data(fields.get("embodiment", {}))
    values["failures"] = tuple(
        FailureMode.from_data(str(name), data) for name, data in fields.get("failures", {}).items()
    )
    values["provenance"] = read_provenance(fields.get("provenance", {}))
    return values


def _listed(fields: Mapping[str, Any], name: str, default: tuple[str, ...]) -> Any:
    found = fields.get(name, default)
    if isinstance(found, str):
        raise ContractError("not a list", where=name, expected=f"{name}: [...]", got=found[:80])
    return found
