"""A failed trial as a small file from which it can be seen again: JSON, and nothing is executed.

It holds the world's configuration and the seed, every command, what was decided and why, and a
digest of the end, so that a replay can say whether it came to the same one.
Legend: `T` servo periods, `D` joints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kata.datasets.types import Array, Observation
from kata.skills.contract.call import Call
from kata.skills.execution.log import Flip, RunLog

from .failures import FailureKind, severity
from .software import software

DIVERGED = "diverged"
"""Stands for the digest of an end that could not be observed."""


@dataclass(frozen=True, eq=False)
class Replay:
    """One failed trial.

    Attributes:
        skill, version, identity: of the skill; the identity is its package's, empty for none.
        call: as in `pick(red_cube)`.
        goal: text of the condition that did not come to hold.
        world: plain data that the world can be made of again; its maker knows how.
        joints: names of D.
        position, velocity: (T, D) commands.
        kind, reason: what went wrong.
        predicted: success that the skill's boundary predicted at the start.
        events: the executor's decisions, as plain data.
        flips: the facts that changed.
        facts: the atoms that held at the end.
        digest: of joints and objects at the end; see `end_digest`.
        software: versions by name.
    """

    skill: str
    version: str
    call: str
    goal: str
    seed: int
    joints: tuple[str, ...]
    period_s: float
    duration_s: float
    position: Array
    velocity: Array
    kind: FailureKind
    reason: str
    predicted: float
    events: tuple[Mapping[str, Any], ...]
    flips: tuple[Flip, ...]
    facts: tuple[str, ...]
    digest: str
    identity: str = ""
    world: Mapping[str, Any] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=software)

    @classmethod
    def of(cls, call: Call, log: RunLog, kind: FailureKind, predicted: float) -> Replay:
        """Of a trial's run; where it took place is added by `placed`."""
        motion = log.motion
        return cls(
            skill=call.contract.name,
            version=call.contract.version,
            call=str(call),
            goal=str(call.achieves),
            seed=log.seed,
            joints=motion.robot.joints,
            period_s=log.period_s,
            duration_s=log.duration_s,
            position=motion.position,
            velocity=motion.velocity,
            kind=kind,
            reason=log.reason,
            predicted=predicted,
            events=tuple(event.to_data() for event in log.events),
            flips=log.flips,
            facts=tuple(sorted(map(str, log.last.true_atoms()))),
            digest=end_digest(motion.end),
        )

    def placed(self, world: Mapping[str, Any], identity: str = "") -> Replay:
        """The same with the world's data and the skill's identity."""
        return replace(self, world=dict(world), identity=identity)

    @property
    def severity(self) -> tuple[int, float, int]:
        """Sorts the worst first."""
        return severity(self.kind, self.predicted, self.seed)

    def other_software(self) -> dict[str, tuple[str, str]]:
        """Versions that differ here: then, and now; empty text for none."""
        now = software()
        return {
            name: (self.software.get(name, ""), now.get(name, ""))
            for name in sorted({*self.software, *now})
            if self.software.get(name) != now.get(name)
        }


def end_digest(observation: Observation | None) -> str:
    """Hex digest of the joints and of every entity's state, to the bit; `DIVERGED` without any."""
    if observation is None:
        return DIVERGED
    rows = [observation.position, *(e.row() for e in observation.entities.values())]
    text = ",".join(observation.entities).encode()
    parts = b"".join(np.ascontiguousarray(row, dtype="<f8").tobytes() for row in rows)
    return hashlib.sha256(text + b"\n" + parts).hexdigest()


def worst_first(replays: Sequence[Replay]) -> list[Replay]:
    """In the order of `severity`."""
    return sorted(replays, key=lambda replay: replay.severity)
