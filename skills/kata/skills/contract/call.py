"""A call: a skill's name with the arguments bound, as in `place_in(red_cube, drawer)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kata.datasets.types import Condition, ConditionError

from .contract import Contract


@dataclass(frozen=True, slots=True)
class Call:
    """A contract with its parameters bound, in their order.

    Attributes:
        requires: what must hold to start.
        holds: what must hold all the while.
        achieves: what holds afterwards; a negated atom is deleted, an unnamed one persists.
    """

    contract: Contract
    values: tuple[str, ...]
    # Bound once: they are evaluated every frame.
    requires: Condition = field(init=False, compare=False, repr=False)
    holds: Condition = field(init=False, compare=False, repr=False)
    achieves: Condition = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        wanted = [parameter.name for parameter in self.contract.parameters]
        if len(self.values) != len(wanted):
            raise ConditionError(
                f"'{self.contract.name}' with wrong arguments",
                expected=f"{self.contract.name}({', '.join(wanted)})",
                got=str(self),
            )
        binding = {f"?{name}": value for name, value in self.arguments.items()}
        for name in ("requires", "holds", "achieves"):
            object.__setattr__(self, name, getattr(self.contract, name).bind(binding))

    @classmethod
    def of(cls, contract: Contract, arguments: Mapping[str, str] | Sequence[str]) -> Call:
        """Bind by name or by position. Raises ConditionError for missing or surplus names."""
        if isinstance(arguments, Mapping):
            names = [parameter.name for parameter in contract.parameters]
            if set(arguments) != set(names):
                raise ConditionError(
                    f"'{contract.name}' with wrong arguments",
                    expected=", ".join(names),
                    got=", ".join(map(str, arguments)),
                )
            return cls(contract, tuple(arguments[name] for name in names))
        return cls(contract, tuple(arguments))

    def __str__(self) -> str:
        return f"{self.contract.name}({', '.join(self.values)})"

    @property
    def arguments(self) -> dict[str, str]:
        """Values by parameter name."""
        names = (parameter.name for parameter in self.contract.parameters)
        return dict(zip(names, self.values, strict=True))

    @property
    def focus(self) -> tuple[str, ...]:
        """Names of the entities that the policy must see, in parameter order."""
        return self.values
