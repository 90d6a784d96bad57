"""State transition with noise: where a state ends that was pushed away, and where it belongs.

Source: SkillMimic-V2, state-transition field: an episode begins beside a demonstrated frame, and
the frame nearest to where it then is becomes what it is to follow. Legend: `D` joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kata.datasets.types import Array, Kinematics

from .graph import TransitionGraph
from .states import States

NOISE_RAD = 0.1


@dataclass(frozen=True, slots=True)
class Shaken:
    """A demonstrated state with noise.

    Attributes:
        position: (D,) to begin at; grippers as demonstrated.
        node: the demonstrated state that it is most like now, to be recovered to; of the same
            skill and with as much in the hand.
        similarity: how alike they are.
    """

    position: Array
    node: int
    similarity: float


def shaken(
    graph: TransitionGraph,
    node: int,
    kinematics: Kinematics,
    rng: np.random.Generator,
    noise_rad: float = NOISE_RAD,
) -> Shaken:
    """A node's state with normal noise on its arms' joints, re-aligned to the nearest frame."""
    arms, states = list(graph.arms), graph.states.take([node])
    position = states.position[0].copy()
    position[arms] += rng.normal(0.0, noise_rad, len(arms))
    tool = kinematics.forward(position).array()[None]
    there = States(position[None], states.velocity, tool, states.thing, states.thing_velocity)
    same = graph.skill == graph.skill[node]
    same &= graph.carrying == graph.carrying[node]
    rows = np.flatnonzero(same)
    gap = graph.points[rows] - there.embedding(graph.arms)
    squared = np.sum(gap**2, axis=1)
    best = int(squared.argmin())
    return Shaken(position, int(rows[best]), float(np.exp(-squared[best])))
