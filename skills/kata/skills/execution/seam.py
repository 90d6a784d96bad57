"""The seam between two skills: start here, or move to a better start first?"""

from __future__ import annotations

from dataclasses import dataclass

from kata.datasets.types import Command, Observation
from kata.skills.contract.call import Call
from kata.skills.handover.boundary import Boundary, held
from kata.skills.handover.transition import Move, Mover, imagine

_CANDIDATES = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do at a seam: `move` or start at once, with predicted success and the reason."""

    move: Move | None
    here: float
    there: float
    reason: str


def choose(
    boundary: Boundary,
    call: Call,
    observation: Observation,
    now: Command,
    now_s: float,
    mover: Mover,
) -> Choice:
    """The best start that can be reached, if it promises more than starting here."""
    verdict = boundary.may_start(call, observation)
    here, gain = verdict.probability, mover.options.gain
    if here > 1.0 - gain:
        return Choice(None, here, here, verdict.reason)
    carried = tuple(held(call) & set(observation.entities))
    refused = ""
    for goal in boundary.starts(call, observation, _CANDIDATES):
        there = boundary.may_start(
            call, imagine(observation, goal, mover.kinematics, carried)
        ).probability
        if there < here + gain:
            continue
        move = mover.to(now, goal.position, now_s)
        if isinstance(move, Move):
            reason = f"predicted success {here:.2f} here, {there:.2f} there; goes {move.way}"
            return Choice(move, here, there, reason)
        refused = refused or move
    why = f"; no way to a better start ({refused})" if refused else "; no better start is known"
    return Choice(None, here, here, verdict.reason + why)
