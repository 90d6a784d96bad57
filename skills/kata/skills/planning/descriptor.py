"""What a planner asks those who measured the skills: will it succeed, how long will it take?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kata.datasets.types import Facts
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract

from .experience import LEAST_SUCCESS


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predicted success with its 95 % interval, and the time that a success takes.

    Attributes:
        success: expected rate.
        low, high: what the rate lies between; the width says how little is known.
        duration_s: expected.
    """

    success: float
    low: float
    high: float
    duration_s: float

    def expected_time_s(self, contract: Contract) -> float:
        """Time until it works, if each attempt that fails lasts until the time-out."""
        rate = max(self.success, LEAST_SUCCESS)
        return self.duration_s + (1.0 - rate) / rate * contract.duration_s

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file; the keys of a measured rate, and the time."""
        return {
            "rate": round(self.success, 6),
            "interval": [round(self.low, 6), round(self.high, 6)],
            "duration_s": round(self.duration_s, 3),
        }


class Predictor(Protocol):
    """Predicts calls from what it sees now, by what was measured before."""

    def calls(self, calls: Sequence[Call], facts: Facts) -> Sequence[Prediction | None]:
        """One for each call, as if it came next; None for a skill that was never measured."""
