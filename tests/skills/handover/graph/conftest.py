"""Two skills of a point robot whose demonstrations cross: `left` and `right` of a wall."""

import itertools

import numpy as np
import pytest

from kata.datasets.dataset import Dataset
from kata.datasets.testing import fake_frames, fake_recorder
from kata.datasets.types import Outcome
from kata.skills.handover.graph import States, TransitionGraph, buffer_steps
from kata.skills.testing import FakeWorld
from kata.skills.testing.fake_world import DOWN

ARMS = (0, 1, 2)


def line(*points, steps=8):
    """Positions along straight ways between points (3,), gripper open."""
    legs = [np.linspace(a, b, steps, endpoint=False) for a, b in itertools.pairwise(points)]
    path = np.concatenate([*legs, [points[-1]]])
    return np.column_stack([path, np.full(len(path), 0.08)])


def states(position):
    """States of the point robot at rest, far from every thing."""
    count = len(position)
    tool = np.column_stack([position[:, :3], np.tile(DOWN, (count, 1))])
    still = np.zeros((count, 3))
    return States(position, np.zeros_like(position), tool, tool[:, :3] + 10.0, still)


def graph_of(paths, skills, bridges=()):
    """A graph of these demonstrations (each (T, 4)), with bridges both ways between nodes."""
    episode = np.repeat(np.arange(len(paths)), [len(path) for path in paths])
    every = states(np.concatenate(paths))
    names = tuple(sorted(set(skills)))
    nodes = np.flatnonzero(np.diff(episode) == 0)
    edges = np.array([*zip(nodes, nodes + 1, strict=True), *bridges]).reshape(-1, 2)
    edges = np.concatenate([edges, edges[:, ::-1]])
    ends = [every.take(edges[:, side]).embedding(ARMS) for side in (0, 1)]
    buffer = buffer_steps(np.exp(-np.sum((ends[0] - ends[1]) ** 2, axis=1)))
    along = episode[edges[:, 0]] == episode[edges[:, 1]]
    return TransitionGraph(
        robot=FakeWorld().robot.fingerprint(),
        joints=FakeWorld().robot.joints,
        arms=ARMS,
        skills=names,
        states=every,
        skill=np.array([names.index(skills[e]) for e in episode]),
        episode=episode,
        carrying=np.zeros(len(every), dtype=bool),
        edges=edges,
        buffer=np.where(along, 0, buffer),
    )


@pytest.fixture
def detour():
    """`open` goes round the wall at y = 0 by x = 0.8; `pick` begins beyond it."""
    around = line((0.3, -0.3, 0.3), (0.8, -0.3, 0.3), (0.8, 0.3, 0.3))
    beyond = line((0.3, 0.3, 0.3), (0.78, 0.28, 0.3))
    return graph_of([around, beyond], ["open", "pick"], [(len(around) - 1, len(around) + 8)])


@pytest.fixture
def recorded(tmp_path):
    """Records demonstrations whose facts are told; returns the dataset."""

    def record(name="data", skills=("pick", "open"), episodes=4, frames=21, held=()):
        with fake_recorder(tmp_path / name) as recorder:
            for i in range(episodes):
                for k, frame in enumerate(fake_frames(frames, i, skill=skills[i % len(skills)])):
                    frame.facts.truth[:] = 0
                    frame.facts.truth[1] = k in held
                    recorder.add(frame)
                recorder.save_episode(Outcome(True, "achieved", seed=i))
        return Dataset.open(tmp_path / name)

    return record
