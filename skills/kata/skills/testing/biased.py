"""A good policy that sees wrongly in a part of the table, and one who tells it so in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kata.datasets.types import (
    ActionChunk,
    Array,
    ChunkRequest,
    EntityState,
    Facts,
    Observation,
    Policy,
    Pose,
)
from kata.skills.contract.call import Call
from kata.skills.execution.messages import LoadedSkill, ReadySkill

BIAS_M = 0.03
"""How far to the left of where it is the last thing of a call is seen."""

NOISE_M = 0.003
"""Spread of an error along x and y that is drawn for each call beside that."""

_LEFT_OF_M = 0.0
_LOW_M = 0.15
_BESIDE_M = (0.018, 0.06)
_SETTLED_M = 0.008
_AGAIN_S = 0.6
_WAYS = (("forward", "back"), ("to the left", "to the right"))


class BiasedSight:
    """A policy that sees the last thing of its call beside where it is, on the table's left.

    Whether it does is decided when the call begins, by what is seen first.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.spec, self.chunk_spec = policy.spec, policy.chunk_spec
        self._noise_m: Array = np.zeros(3)
        self._beside_m: Array | None = None

    def reset(self, seed: int) -> None:
        """Draw the call's error; equal seeds give equal errors."""
        self._policy.reset(seed)
        self._beside_m = None
        self._noise_m = np.append(np.random.default_rng(seed).normal(0.0, NOISE_M, 2), 0.0)

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The policy's own chunk, for what it sees."""
        focused = observation.focused()
        if not focused:
            return self._policy.chunk(observation, request)
        last = focused[-1]
        if self._beside_m is None:
            left = last.pose.position[1] > _LEFT_OF_M
            self._beside_m = self._noise_m + np.array([0.0, BIAS_M * left, 0.0])
        seen = _moved(last, self._beside_m)
        entities = {**observation.entities, last.name: seen}
        return self._policy.chunk(replace(observation, entities=entities), request)


def _moved(thing: EntityState, by_m: Array) -> EntityState:
    pose = Pose(thing.pose.position + by_m, thing.pose.quaternion)
    return replace(thing, pose=pose, spot=thing.spot + by_m)


def biased(skill: ReadySkill) -> LoadedSkill:
    """The same skill with a biased sight."""
    return LoadedSkill(skill.contract, BiasedSight(skill.policy), skill.boundary)


@dataclass(slots=True)
class LateTeacher:
    """Says where to go when the tool is low and settled beside the last thing of the call.

    It sees the true state, says a whole number of centimetres along one axis, and nothing before
    failure is imminent. One for each run.
    """

    _before: tuple[float, Array] | None = None
    _told_s: float = float("-inf")

    def says(self, observation: Observation, facts: Facts, call: Call | None) -> Sequence[str]:
        """`3 cm to the right`, or nothing."""
        if call is None or call.unseen(observation):
            return ()
        hand = call.hands[0] if call.hands and call.hands[0] in observation.tools else ""
        focused = call.seen(observation).focused()
        if not focused:
            return ()
        # What is put down goes by where it hangs in the hand.
        now, place = observation.time_s, observation.tool(hand).position.copy()
        if len(focused) > 1:
            place[:2] = focused[0].pose.position[:2]
        before, self._before = self._before, (now, place)
        if before is None or now - self._told_s < _AGAIN_S:
            return ()
        off = focused[-1].pose.position - place
        moved = float(np.linalg.norm((place - before[1])[:2]))
        beside = float(np.abs(off[:2]).max())
        low = 0.0 <= -off[2] <= _LOW_M
        if not (low and _BESIDE_M[0] <= beside <= _BESIDE_M[1] and moved <= _SETTLED_M):
            return ()
        axis = int(np.abs(off[:2]).argmax())
        self._told_s = now
        return (f"{round(100 * beside)} cm {_WAYS[axis][int(off[axis] < 0.0)]}",)
