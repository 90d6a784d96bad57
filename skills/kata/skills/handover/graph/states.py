"""States of a robot and the thing nearest to its hand, and how alike two of them are.

A similarity is a product of six terms, `exp(-weight * squared error)`, so its logarithm is a
squared distance between embeddings and the most similar state is the nearest neighbour. Source:
SkillMimic-V2, the weights of its stitched graph. Its errors are in m of a player and a ball on a
court; ours are in units of `LENGTH_M` of a hand over a table.

Legend: `N` states, `D` joints, `A` joints of arms, `E` entities, `F` numbers of an embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import ENTITY_WIDTH, Array, Observation, RobotSpec
from kata.datasets.types.pose import pose_relative, quat_matrix

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "position": 20.0,
        "velocity": 0.1,
        "rotation": 20.0,
        "object": 1.0,
        "object_velocity": 0.1,
        "relative": 20.0,
    }
)
"""Of the squared error of each term: joints in rad, the tool's turn in rad, things in LENGTH_M."""

LENGTH_M = 0.1
NEAR_M = 0.1
"""A thing this far from the tool counts 1/e, twice as far 1/e^4; farther away, nothing."""

MOST_BUFFER_STEPS = 10
_LARGE_M = 0.3
_NOWHERE = 10.0


@dataclass(frozen=True, slots=True)
class States:
    """N states.

    Attributes:
        position, velocity: (N, D) of the joints.
        tool: (N, 7) `pose_world_tool`.
        thing: (N, 3) where the thing nearest to the tool is; far away where there is none.
        thing_velocity: (N, 3) m/s.
    """

    position: Array
    velocity: Array
    tool: Array
    thing: Array
    thing_velocity: Array

    def __len__(self) -> int:
        return len(self.position)

    def take(self, rows: Sequence[int] | NDArray[np.int64] | slice) -> States:
        """Some of them, in this order."""
        return States(
            self.position[rows],
            self.velocity[rows],
            self.tool[rows],
            self.thing[rows],
            self.thing_velocity[rows],
        )

    @classmethod
    def joined(cls, parts: Sequence[States]) -> States:
        """One after the other."""
        return cls(
            np.concatenate([part.position for part in parts]),
            np.concatenate([part.velocity for part in parts]),
            np.concatenate([part.tool for part in parts]),
            np.concatenate([part.thing for part in parts]),
            np.concatenate([part.thing_velocity for part in parts]),
        )

    @classmethod
    def of(cls, observation: Observation) -> States:
        """One state: what is seen, with the thing taken to be at rest."""
        tool = observation.tool().array()[None]
        rows = np.array([entity.row() for entity in observation.entities.values()])
        thing, _ = nearest_things(tool, rows.reshape(1, len(rows), ENTITY_WIDTH))
        position, velocity = observation.position[None], observation.velocity[None]
        return cls(position, velocity, tool, thing, np.zeros((1, 3)))

    def embedding(self, arms: Sequence[int]) -> Array:
        """Points (N, F) whose squared distances are minus the logarithm of the similarity.

        Args:
            arms: the A joints that count; grippers are left as they are on every way.
        """
        width = float(len(arms))
        turn = quat_matrix(self.tool[:, 3:]).reshape(len(self), 9) / np.sqrt(2.0)
        seen = _from_tool(self.tool, self.thing)
        near = np.exp(-((np.linalg.norm(seen, axis=1) / NEAR_M) ** 2))[:, None] / LENGTH_M
        parts = {
            "position": self.position[:, list(arms)] / np.sqrt(width),
            "velocity": self.velocity[:, list(arms)] / np.sqrt(width),
            "rotation": turn,
            "object": self.thing * near,
            "object_velocity": self.thing_velocity * near,
            "relative": seen * near,
        }
        return np.concatenate([np.sqrt(WEIGHTS[k]) * part for k, part in parts.items()], axis=1)


def arm_joints(robot: RobotSpec) -> tuple[int, ...]:
    """Indices of D that are no grippers."""
    return tuple(
        index
        for part in robot.parts
        if part.kind != "gripper"
        for index in range(part.start, part.stop)
    )


def similarity(a: States, b: States, arms: Sequence[int]) -> Array:
    """How alike states (N,) are, pair by pair: 1 where they are equal, towards 0 elsewhere."""
    gap = a.embedding(arms) - b.embedding(arms)
    return np.asarray(np.exp(-np.sum(gap**2, axis=1)))


def buffer_steps(similarity: Array) -> NDArray[np.int64]:
    """Steps (N,) to be put in between states of a similarity, none above 0.5, at most ten."""
    orders = -np.floor(np.log10(np.maximum(similarity, 1e-300)))
    steps = np.minimum(orders, MOST_BUFFER_STEPS)
    return np.asarray(np.where(similarity > 0.5, 0, steps), dtype=np.int64)


def nearest_things(tool: Array, entities: Array) -> tuple[Array, NDArray[np.int64]]:
    """Place (N, 3) and column (N,) of the entity nearest to each tool (N, 7).

    Tables and what was never seen do not count. Where nothing counts the place is far away, and
    the column 0.

    Args:
        tool: poses.
        entities: (N, E, K) rows as in `ENTITY_NAMES`.
    """
    if not entities.shape[1]:
        return tool[:, :3] + _NOWHERE, np.zeros(len(tool), dtype=np.int64)
    places = entities[:, :, :3]
    gaps = np.linalg.norm(places - tool[:, None, :3], axis=2)
    counts = (entities[:, :, 10:13].max(axis=2) < _LARGE_M) & (entities[:, :, 15] > 0.5)
    gaps = np.where(counts & np.isfinite(gaps), gaps, np.inf)
    column = np.argmin(gaps, axis=1)
    rows = np.arange(len(tool))
    found = np.isfinite(gaps[rows, column])[:, None]
    return np.where(found, places[rows, column], tool[:, :3] + _NOWHERE), column


def _from_tool(tool: Array, thing: Array) -> Array:
    unturned = np.concatenate([thing, np.broadcast_to([1.0, 0.0, 0.0, 0.0], (len(thing), 4))], 1)
    return pose_relative(tool, unturned)[:, :3]
