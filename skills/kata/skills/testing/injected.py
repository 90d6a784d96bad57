"""A good policy made unreliable: in a share of its calls it fails as skills do on robots."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from kata.datasets.types import ActionChunk, ChunkRequest, Observation, Policy, Pose
from kata.skills.execution.messages import LoadedSkill, ReadySkill

Fault = Literal["stops", "misses", "lets_go"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
"""It stays where it is; it sees things beside where they are; it opens the gripper on the way."""

_MISS_M = 0.05
_OPEN_M = 0.08
_LATE_S = (0.6, 1.8)
"""When it stops or lets go, after the call began: drawn from this range."""


class InjectedFaults:
    """A policy that fails in a share of its calls, drawn from the call's seed.

    Args:
        policy: what it is made of; one whose chunks are joint targets stops instead of letting go.
        rate: chance of a call to fail.
        salt: policies of other salts fail on other seeds.
    """

    def __init__(self, policy: Policy, rate: float, salt: int = 0) -> None:
        self._policy, self._rate, self._salt = policy, rate, salt
        self.spec, self.chunk_spec = policy.spec, policy.chunk_spec
        self.fault: Fault | None = None
        self._since_s, self._late_s, self._way_rad = 0.0, 0.0, 0.0

    def reset(self, seed: int) -> None:
        """Draw whether the call of this seed fails, and how."""
        self._policy.reset(seed)
        drawn = np.random.default_rng([seed, self._salt])
        fails = drawn.random() < self._rate
        fault = FAULTS[int(drawn.integers(len(FAULTS)))]
        self.fault = fault if fails else None
        self._since_s = np.inf
        self._late_s = float(drawn.uniform(*_LATE_S))
        self._way_rad = float(drawn.uniform(0.0, 2.0 * np.pi))

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The policy's own chunk, spoilt where this call fails."""
        if self.fault == "misses":
            observation = self._mistaken(observation)
        chunk = self._policy.chunk(observation, request)
        self._since_s = min(self._since_s, request.start_s)
        late = request.start_s - self._since_s >= self._late_s
        if self.fault in (None, "misses") or not late:
            return chunk
        values = chunk.values.copy()
        if chunk.frame == "joint":
            values[:] = observation.position
        elif self.fault == "stops":
            values[:, :6], values[:, 6:] = 0.0, values[:1, 6:]
        else:
            values[:, 6:] = _OPEN_M
        return replace(chunk, values=values)

    def _mistaken(self, observation: Observation) -> Observation:
        """Things in focus a few centimetres beside where they are."""
        beside = _MISS_M * np.array([np.cos(self._way_rad), np.sin(self._way_rad), 0.0])
        moved = {
            thing.name: replace(
                thing,
                pose=Pose(thing.pose.position + beside, thing.pose.quaternion),
                spot=thing.spot + beside,
            )
            for thing in observation.focused()
        }
        return replace(observation, entities={**observation.entities, **moved})


def unreliable(skill: ReadySkill, rate: float, salt: int = 0) -> LoadedSkill:
    """The same skill with injected faults."""
    return LoadedSkill(skill.contract, InjectedFaults(skill.policy, rate, salt), skill.boundary)
