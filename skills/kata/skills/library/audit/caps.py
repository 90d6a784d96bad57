"""How much of anything a skill may ask for, whatever its contract says."""

from __future__ import annotations

from dataclasses import dataclass

from kata.skills.contract.promise import Workspace


@dataclass(frozen=True, slots=True)
class Caps:
    """Greatest limits that a contract may declare; a robot may give smaller ones.

    The defaults bound what a table-top arm can sensibly be asked for: twice the tool speed that the
    default contracts declare, the quasi-static force on a hand that ISO/TS 15066 (2016, table A.2)
    allows, and a cube of 3 m around the base. They are no proof of safety.

    Attributes:
        speed_m_s: of the tool.
        force_n: that the tool exerts.
        duration_s: of one execution.
        reach_m: how far from the base a workspace may go, along each axis.
        rate_hz: of the servo.
        arms: moved at once.
    """

    speed_m_s: float = 2.0
    force_n: float = 140.0
    duration_s: float = 600.0
    reach_m: float = 3.0
    rate_hz: float = 2000.0
    arms: int = 4

    def reaches(self, box: Workspace) -> bool:
        """Whether a workspace stays within reach."""
        return all(abs(x) <= self.reach_m for x in (*box.low, *box.high))
