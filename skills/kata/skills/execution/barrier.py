"""What keeps a call from beginning, whatever its start looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kata.datasets.types import Facts, Observation
from kata.skills.contract.call import Call
from kata.skills.handover.boundary import held
from kata.skills.handover.pursuit import LOST_S

from .messages import ReadySkill, ready


@dataclass(frozen=True, slots=True)
class Barrier:
    """A reason; it `waits` where the next moments may mend it, and `lasts` where no plan will."""

    reason: str
    waits: bool = False
    lasts: bool = False


def barrier_to(
    call: Call, skills: Mapping[str, ReadySkill], observation: Observation, facts: Facts
) -> Barrier | None:
    """The first thing that a call lacks: its skill, what it requires, sight of what it is about."""
    if ready(skills, call.contract) is None:
        return Barrier(f"there is no skill '{call.contract.key}'", lasts=True)
    unmet = call.requires.unmet(facts)
    if unmet:
        return Barrier("requires " + " and ".join(unmet), waits=True)
    strange = call.unseen(observation)
    if strange:
        return Barrier(f"does not see {', '.join(strange)}")
    frames = (place.frame for place in call.places.values())
    for name in dict.fromkeys((*call.objects, *frames)):
        thing = observation.entities[name]
        # What the hand has is not looked at by what looks at the table.
        if name not in held(call) and (not thing.valid or thing.age_s > LOST_S):
            return Barrier(f"does not see {name} any more", waits=True)
    return None
