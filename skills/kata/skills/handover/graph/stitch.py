"""Stitching: from demonstrations of several skills to one graph.

Source: SkillMimic-V2, stitched trajectory graph: of each frame the most similar frames of each
other class, bridges below a least similarity left out. Legend: `F` frames, `N` nodes, `D` joints,
`E` entities, `M` atoms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kata.datasets.dataset import Dataset, Segment
from kata.datasets.types import ENTITY_WIDTH, DatasetError, RobotSpec

from .graph import TransitionGraph
from .states import States, arm_joints, buffer_steps, nearest_things

_NEEDED = (
    "observation.state",
    "observation.velocity",
    "observation.tool_pose",
    "observation.environment_state",
)


@dataclass(frozen=True, slots=True)
class StitchOptions:
    """How a graph is made.

    Attributes:
        stride: every how many frames there is a node; more, where there would be too many nodes.
        most_nodes: of the graph.
        bridges: to how many frames of each skill a frame is joined.
        least: similarity of a bridge; SkillMimic-V2's.
        still_m_s: a thing that moves faster and is not held is being acted upon; such a part of a
            demonstration changes the scene and is no way to go.
    """

    stride: int = 4
    most_nodes: int = 20_000
    bridges: int = 2
    least: float = 1e-10
    still_m_s: float = 0.02


def stitch(
    datasets: Sequence[Dataset], robot: RobotSpec, options: StitchOptions | None = None
) -> TransitionGraph:
    """The graph of all successful demonstrations in these datasets; equal ones give equal graphs.

    Raises DatasetError for no demonstrations, a dataset of another robot, one that lacks
    velocities, tool poses or the things of its scene, and a robot with several hands.
    """
    options = options or StitchOptions()
    if len(robot.hands) != 1:
        raise DatasetError(
            "no transition graph of this robot",
            where=robot.name,
            expected="one hand",
            got=", ".join(hand.name for hand in robot.hands) or "none",
        )
    found = [(dataset, segment) for dataset in datasets for segment in _segments(dataset, robot)]
    if not found:
        places = ", ".join(str(dataset.root) for dataset in datasets) or "no dataset"
        raise DatasetError(
            "no demonstrations to make a transition graph of",
            where=places,
            expected="at least one successful episode",
            hint="record some: kata record skill=SKILL out=DIR",
        )
    stride = _stride([segment for _, segment in found], options)
    skills = tuple(sorted({segment.skill for _, segment in found}))
    parts, counts, carrying = [], [], []
    for dataset, segment in found:
        rows = _rows(segment, stride)
        parts.append(_states(dataset, rows))
        carrying.append(_carrying(dataset, rows))
        counts.append(len(rows))
    states = States.joined(parts)
    episode = np.repeat(np.arange(len(found)), counts)
    skill = np.repeat([skills.index(segment.skill) for _, segment in found], counts)
    held = np.concatenate(carrying)
    arms = arm_joints(robot)
    along = _along(states, episode, held, options)
    across, buffer = _bridges(states.embedding(arms), skill, episode, held, options)
    return TransitionGraph(
        robot.fingerprint(),
        robot.joints,
        arms,
        skills,
        states,
        skill,
        episode,
        held,
        np.concatenate([along, across]),
        np.concatenate([np.zeros(len(along), dtype=np.int64), buffer]),
    )


def _segments(dataset: Dataset, robot: RobotSpec) -> tuple[Segment, ...]:
    dataset.check_robot(robot)
    missing = [key for key in _NEEDED if key not in dataset.spec]
    if missing:
        raise DatasetError(
            "a dataset that lacks what a transition graph needs",
            where=str(dataset.root),
            expected=", ".join(missing),
            got=", ".join(key for key in dataset.spec if key.startswith("observation.")),
            hint="record the demonstrations with kata record, which writes all of them",
        )
    return dataset.segments(success=True)


def _stride(segments: Sequence[Segment], options: StitchOptions) -> int:
    stride = max(1, options.stride)
    while sum(len(_rows(segment, stride)) for segment in segments) > options.most_nodes:
        longest = max(segment.stop - segment.start for segment in segments)
        if stride >= longest:
            raise DatasetError(
                "too many demonstrations for a transition graph",
                expected=f"at most {options.most_nodes} nodes",
                got=f"{len(segments)} demonstrations",
                hint="give it fewer of each skill",
            )
        stride += 1
    return stride


def _rows(segment: Segment, stride: int) -> NDArray[np.int64]:
    """Every `stride`-th row, and the last one."""
    rows = np.arange(segment.start, segment.stop, stride)
    return rows if rows[-1] == segment.stop - 1 else np.append(rows, segment.stop - 1)


def _states(dataset: Dataset, rows: NDArray[np.int64]) -> States:
    tool = dataset.column("observation.tool_pose")[rows, :7].astype(float)
    scene = dataset.column("observation.environment_state")
    entities = scene.reshape(len(scene), -1, ENTITY_WIDTH)
    thing, column = nearest_things(tool, entities[rows].astype(float))
    # Of one and the same thing, a frame earlier and later, within the rows asked for.
    before, after = np.maximum(rows - 1, rows[0]), np.minimum(rows + 1, rows[-1])
    span_s = np.maximum(after - before, 1)[:, None] / dataset.fps
    moved = np.zeros((len(rows), 3))
    if entities.shape[1]:
        moved = (entities[after, column, :3] - entities[before, column, :3]) / span_s
    return States(
        dataset.column("observation.state")[rows].astype(float),
        dataset.column("observation.velocity")[rows].astype(float),
        tool,
        thing,
        np.asarray(moved, dtype=float),
    )


def _carrying(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,) whether any `holding` was true; nowhere, where the dataset has no facts."""
    atoms = [i for i, atom in enumerate(dataset.table.atoms) if atom.predicate == "holding"]
    if not atoms or "facts" not in dataset.spec:
        return np.zeros(len(rows), dtype=bool)
    return np.asarray((dataset.column("facts")[rows][:, atoms] == 1).any(axis=1))


def _along(
    states: States,
    episode: NDArray[np.int64],
    held: NDArray[np.bool_],
    options: StitchOptions,
) -> NDArray[np.int64]:
    """Edges along demonstrations, both ways: where nothing is acted upon, motion can be undone."""
    nodes = np.arange(len(states) - 1)
    speed = np.linalg.norm(states.thing_velocity, axis=1)
    acts = (speed > options.still_m_s) & ~held
    keep = (episode[:-1] == episode[1:]) & (held[:-1] == held[1:]) & ~acts[:-1] & ~acts[1:]
    there = np.column_stack([nodes, nodes + 1])[keep]
    return np.concatenate([there, there[:, ::-1]])


def _bridges(
    points: NDArray[np.float64],
    skill: NDArray[np.int64],
    episode: NDArray[np.int64],
    held: NDArray[np.bool_],
    options: StitchOptions,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bridges both ways between each node and the most similar ones of each skill, with buffer."""
    from scipy.spatial import cKDTree

    pairs: list[NDArray[np.int64]] = []
    for which in range(int(skill.max()) + 1):
        members = np.flatnonzero(skill == which)
        # Of its own skill the nearest nodes are those of its own demonstration; look past them.
        count = min(options.bridges + 2, len(members))
        gaps, found = cKDTree(points[members]).query(points, k=range(1, count + 1))
        source = np.repeat(np.arange(len(points)), count).reshape(-1, count)
        target = members[found]
        good = (episode[source] != episode[target]) & (held[source] == held[target])
        good &= np.exp(-(gaps**2)) >= options.least
        good &= np.cumsum(good, axis=1) <= options.bridges
        pairs.append(np.column_stack([source[good], target[good]]))
    both = np.concatenate(pairs)
    both = np.unique(np.concatenate([both, both[:, ::-1]]), axis=0)
    gap = points[both[:, 0]] - points[both[:, 1]]
    return both, buffer_steps(np.exp(-np.sum(gap**2, axis=1)))
