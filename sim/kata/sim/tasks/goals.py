"""What a task's call wants to achieve, read from the skill's contract in `configs/skill`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kata.datasets.types import DEFAULT_HAND, Condition, ConfigError, Facts

from ..configs import config_file, read_yaml

_ARM = "arm"  # the resource that is the arm of the call's own hand


_ALWAYS = Condition("true")


@dataclass(frozen=True, slots=True)
class Goal:
    """The part of a contract that a trial needs: parameters in order, conditions, time limit.

    `one_handed` says that a call of it has a hand of its own; `kinds` are the parameters' types.
    """

    parameters: tuple[str, ...]
    achieves: Condition
    limit_s: float
    one_handed: bool = True
    requires: Condition = _ALWAYS
    kinds: tuple[str, ...] = ()

    def ready(self, arguments: Sequence[str], hand: str, facts: Facts) -> bool:
        """Whether a call could begin, and has something left to do."""
        binding = self._binding(arguments, hand)
        begins = self.requires.bind(binding).evaluate(facts).value is True
        return begins and self.achieves.bind(binding).evaluate(facts).value is not True

    def _binding(self, arguments: Sequence[str], hand: str) -> dict[str, str]:
        named = zip(self.parameters, arguments, strict=True)
        binding = {f"?{name}": value for name, value in named}
        return binding if hand == DEFAULT_HAND else {**binding, DEFAULT_HAND: hand}

    def bind(
        self, arguments: Sequence[str], hand: str = DEFAULT_HAND
    ) -> tuple[Mapping[str, str], str]:
        """Arguments by parameter, and the goal's text about them and the call's hand."""
        named = dict(zip(self.parameters, arguments, strict=True))
        return named, str(self.achieves.bind(self._binding(arguments, hand)))


@lru_cache(maxsize=64)
def goal_of(skill: str) -> Goal:
    """The goal of a skill. Raises UnknownNameError, ConfigError for a file without the fields."""
    path = config_file("skill", skill)
    data = read_yaml(path)
    try:
        return Goal(
            tuple(str(name) for name in data["parameters"]),
            Condition.parse(str(data["achieves"])),
            float(data["duration_s"]),
            _ARM in data.get("resources", (_ARM,)),
            Condition.parse(str(data.get("requires", ""))),
            tuple(str(kind) for kind in data["parameters"].values()),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            "no goal in a skill's contract",
            where=f"configs/skill/{path.name}",
            expected="parameters, achieves, duration_s",
            got=repr(error),
        ) from error
