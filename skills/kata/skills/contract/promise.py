"""The parts of a contract beside its conditions: limits, embodiment, failure modes, provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kata.datasets.types import Condition, ContractError, RobotSpec

Corner = tuple[float, float, float]

PROVENANCE = ("base", "code", "configuration", "dataset")
"""What a skill may say of where it comes from: an earlier skill's identity, the version of the
code, and the hashes of configuration and dataset."""

CONTROLS = ("", "joint", "tool")
"""What a policy's chunks command: joint targets, or tool poses; empty for either."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A box that the tool stays in: two corners in m, in the frame of the robot's base."""

    low: Corner
    high: Corner

    def __post_init__(self) -> None:
        numbers = [*self.low, *self.high]
        ordered = all(low < high for low, high in zip(self.low, self.high, strict=True))
        if not all(map(math.isfinite, numbers)) or not ordered:
            raise ContractError(
                "not a workspace", expected="low: [x, y, z] below high: [x, y, z]", got=str(self)
            )

    def outside_m(self, point: Corner) -> float:
        """How far a point (x, y, z) is outside; 0 inside."""
        rows = zip(point, self.low, self.high, strict=True)
        return math.hypot(*(max(low - x, 0.0, x - high) for x, low, high in rows))


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a skill never exceeds.

    Attributes:
        speed_m_s: greatest tool speed that it commands.
        force_n: greatest force that it exerts with the tool; None if it does not say.
        workspace: where its tool stays; None if it does not say.
    """

    speed_m_s: float = 1.0
    force_n: float | None = None
    workspace: Workspace | None = None

    def __post_init__(self) -> None:
        wrong = [
            f"{name} {value}"
            for name in ("speed_m_s", "force_n")
            if (value := getattr(self, name)) is not None
            and not (math.isfinite(value) and value > 0)
        ]
        if wrong:
            raise ContractError(
                "impossible limits", expected="finite numbers above 0", got=", ".join(wrong)
            )

    @classmethod
    def from_data(cls, data: Any) -> Envelope:
        """Of `limits`; raises ContractError, ValueError or TypeError for what does not fit."""
        fields = _fields("limits", data, ("speed_m_s", "force_n", "workspace"))
        box = fields.pop("workspace", None)
        force = fields.get("force_n")
        bare = cls(float(fields.get("speed_m_s", 1.0)), None if force is None else float(force))
        if box is None:
            return bare
        corners = _fields("limits.workspace", box, ("low", "high"))
        if len(corners) < 2:
            raise ContractError("half a workspace", expected="low and high", got=str(box))
        low, high = (_corner(corners[name]) for name in ("low", "high"))
        return replace(bare, workspace=Workspace(low, high))

    def to_data(self) -> dict[str, Any]:
        """Plain data; what is not said is left out."""
        data: dict[str, Any] = {"speed_m_s": self.speed_m_s}
        if self.force_n is not None:
            data["force_n"] = self.force_n
        if self.workspace is not None:
            data["workspace"] = {
                "low": list(self.workspace.low),
                "high": list(self.workspace.high),
            }
        return data


@dataclass(frozen=True, slots=True)
class Embodiment:
    """What a skill needs of a robot; what is left at its default is not asked for.

    Attributes:
        arms: how many arms it moves at once.
        joints: of each arm; 0 for any number.
        gripper: whether each arm needs a gripper.
        sensors: observation keys, such as `observation.images.wrist`.
        rate_hz: of the servo, at least.
        control: one of `CONTROLS`.
    """

    arms: int = 1
    joints: int = 0
    gripper: bool = True
    sensors: tuple[str, ...] = ()
    rate_hz: float = 0.0
    control: str = ""

    def __post_init__(self) -> None:
        sound = min(self.arms, self.joints) >= 0 and math.isfinite(self.rate_hz)
        if not sound or self.rate_hz < 0 or self.control not in CONTROLS:
            raise ContractError(
                "impossible embodiment",
                expected=f"numbers of 0 or more; control one of {', '.join(CONTROLS[1:])}",
                got=str(self.to_data()),
            )

    def lacks(self, robot: RobotSpec, period_s: float = 0.0) -> tuple[str, ...]:
        """What a robot lacks for it, in words; nothing if it fits."""
        arms = [part for part in robot.parts if part.kind == "arm"]
        if self.gripper:
            with_gripper = {hand.arm for hand in robot.hands if hand.gripper}
            arms = [part for part in arms if part.name in with_gripper]
        fitting = [part for part in arms if self.joints in (0, len(part.joints))]
        lacks = []
        if len(fitting) < self.arms:
            joints = f" of {self.joints} joints" if self.joints else ""
            gripper = " with a gripper" if self.gripper else ""
            lacks.append(f"{self.arms} arms{joints}{gripper}, not {len(fitting)}")
        if period_s and self.rate_hz * period_s > 1.0 + 1e-9:
            lacks.append(f"a servo of {self.rate_hz:g} Hz, not {1.0 / period_s:g}")
        return tuple(lacks)

    @classmethod
    def from_data(cls, data: Any) -> Embodiment:
        """Of `embodiment`; raises ContractError, ValueError or TypeError."""
        names = ("arms", "joints", "gripper", "sensors", "rate_hz", "control")
        fields = _fields("embodiment", data, names)
        if not isinstance(fields.get("gripper", True), bool):
            raise ContractError("not a choice", where="embodiment.gripper", expected="true, false")
        numbers = {name: int(fields[name]) for name in ("arms", "joints") if name in fields}
        sensors = fields.get("sensors", ())
        if not isinstance(sensors, list | tuple):
            raise ContractError(
                "not a list",
                where="embodiment.sensors",
                expected="sensors: [...]",
                got=str(sensors)[:80],
            )
        return cls(
            **numbers,
            gripper=bool(fields.get("gripper", True)),
            sensors=tuple(map(str, sensors)),
            rate_hz=float(fields.get("rate_hz", 0.0)),
            control=str(fields.get("control", "")),
        )

    def to_data(self) -> dict[str, Any]:
        """Plain data; what is at its default is left out."""
        plain = Embodiment()
        data = {name: getattr(self, name) for name in self.__slots__}
        return (
            {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in data.items()
                if value != getattr(plain, name)
            }
            if self != plain
            else {}
        )


@dataclass(frozen=True, slots=True)
class FailureMode:
    """A known way to fail.

    Attributes:
        sign: what is true then, over the parameters of the contract.
        recovery: what helps, in words; may name a call, such as `pick(?object)`.
    """

    name: str
    sign: Condition = field(default_factory=lambda: Condition("true"))
    recovery: str = ""

    @classmethod
    def from_data(cls, name: str, data: Any) -> FailureMode:
        """Of an entry of `failures`; raises ContractError or ConditionError."""
        fields = _fields(f"failures.{name}", data, ("sign", "recovery"))
        sign = Condition.parse(str(fields.get("sign", "")))
        return cls(name, sign, str(fields.get("recovery", "")))

    def to_data(self) -> dict[str, Any]:
        """Plain data of an entry of `failures`."""
        return {"sign": str(self.sign), "recovery": self.recovery}


def read_provenance(data: Any) -> dict[str, str]:
    """Of `provenance`. Raises ContractError for another key."""
    return {name: str(value) for name, value in _fields("provenance", data, PROVENANCE).items()}


def _fields(where: str, data: Any, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise ContractError(
            "not a mapping", where=where, expected=", ".join(known), got=type(data).__name__
        )
    surplus = [str(key) for key in data if key not in known]
    if surplus:
        raise ContractError(
            "unknown key", where=where, expected=", ".join(known), got=", ".join(surplus)
        )
    return dict(data)


def _corner(values: Any) -> Corner:
    x, y, z = (float(value) for value in values)
    return x, y, z
