"""What corrections have changed about the running call: its pace, and where it is going.

Legend: `H` actions of a chunk.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kata.datasets.types import ActionChunk, Array, ChunkSpec, Observation, Pose
from kata.skills.contract.call import Call
from kata.skills.planning.corrections import (
    LEAST_PACE,
    MOST_PACE,
    MOST_SHIFT_M,
    AsBefore,
    Correction,
    Pace,
    Shift,
)


class Steering:
    """Pace and shift, each within its bounds; the shift lasts for one call, the pace for a plan."""

    def __init__(self) -> None:
        self.pace = MOST_PACE
        self.offset_m: Array = np.zeros(3)
        self.spent_s = self._seen_s = 0.0

    def begin(self, now_s: float) -> None:
        """A call begins to act: its time starts."""
        self.spent_s, self._seen_s = 0.0, now_s

    def spend(self, now_s: float) -> None:
        """Count the time since it was counted last, at the present pace.

        A skill that is told to go slowly has as much longer for its work: `spent_s` is its own
        time, in s, to be held against its contract's duration.
        """
        self.spent_s += self.pace * (now_s - self._seen_s)
        self._seen_s = now_s

    def take(self, correction: Correction) -> str:
        """Change pace or shift; what they are now, in words."""
        if isinstance(correction, Pace):
            self.pace = float(np.clip(self.pace * correction.factor, LEAST_PACE, MOST_PACE))
            return f"pace {self.pace:g}"
        if isinstance(correction, Shift):
            moved = self.offset_m + correction.offset_m
            self.offset_m = np.clip(moved, -MOST_SHIFT_M, MOST_SHIFT_M)
            return "target moved by ({:g}, {:g}, {:g}) m".format(*np.round(self.offset_m, 6))
        if isinstance(correction, AsBefore):
            self.pace, self.offset_m = MOST_PACE, np.zeros(3)
        return str(correction)

    def next_call(self) -> None:
        """The shift was about the call that is over."""
        self.offset_m = np.zeros(3)

    def seen(self, call: Call, observation: Observation) -> Observation:
        """What the call's policy sees: its last thing or place is where it was moved to.

        The last one is where the call is going: what is picked, the container, the surface. A
        policy that works by sight follows it smoothly, and the world is not asked to be otherwise.
        """
        seen = call.seen(observation)
        if not self.offset_m.any() or not seen.focus:
            return seen
        last = seen.focused()[-1]
        pose = Pose(last.pose.position + self.offset_m, last.pose.quaternion)
        moved = {last.name: replace(last, pose=pose, spot=last.spot + self.offset_m)}
        if last.name in seen.targets:
            return replace(seen, targets={**seen.targets, **moved})
        return replace(seen, entities={**seen.entities, **moved})

    def paced[T: (ActionChunk, ChunkSpec)](self, chunk: T) -> T:
        """The chunk, or what chunks are like, with its steps stretched."""
        return chunk if self.pace >= MOST_PACE else replace(chunk, step_s=chunk.step_s / self.pace)
