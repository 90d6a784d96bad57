"""The transition graph of a demo or a run: made of demonstrations, found beside a library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.types import ConfigError

from .configuration import Config
from .progress import note

if TYPE_CHECKING:
    from kata.datasets.types import RobotSpec
    from kata.skills.handover.graph import TransitionGraph
    from kata.skills.library.library import Library

GRAPH = "graph"
"""Folder of a demo's graph, beside its library."""

NONE = "none"
_MOST_NODES = 6000


def make_graph(folders: Sequence[Path], robot: RobotSpec) -> TransitionGraph | None:
    """The graph of these datasets, small enough to be searched between two skills.

    None for a robot that has not one hand. Raises DatasetError.
    """
    from kata.datasets.dataset import Dataset
    from kata.skills.handover.graph import StitchOptions, stitch

    if len(robot.hands) != 1:
        return None
    datasets = [Dataset.open(folder) for folder in folders]
    return stitch(datasets, robot, StitchOptions(most_nodes=_MOST_NODES))


def demo_graph(folder: Path, skills: Sequence[str], robot_name: str) -> TransitionGraph | None:
    """The graph of a demo's demonstrations, kept in its folder; the one that is there already.

    Raises DatasetError, or PackageError for one there that is not sound or is another robot's.
    """
    from kata.sim.robots import load
    from kata.skills.handover.graph import save_graph

    robot = load(robot_name).spec
    if has_graph(folder / GRAPH):
        return _loaded(folder / GRAPH, robot)
    graph = make_graph([folder / "demonstrations" / skill for skill in skills], robot)
    if graph is not None:
        save_graph(graph, folder / GRAPH)
        note(f"transition graph: {len(graph)} states, {int(graph.bridges.sum())} bridges")
    return graph


def graph_of(config: Config, library: Library) -> TransitionGraph | None:
    """The graph that `graph` names; without it the one beside the library, if it is this robot's.

    None where there is none, or `graph=none`. Raises ConfigError for a folder without a graph,
    PackageError for one that is not sound, or that is named and of another robot.
    """
    from kata.sim.robots import load

    if config.graph == NONE:
        return None
    robot = load(config.robot).spec
    if config.graph is None:
        beside = library.root.parent / GRAPH
        if not has_graph(beside):
            return None
        from kata.skills.handover.graph import load_graph

        graph = load_graph(beside)
        return graph if graph.robot == robot.fingerprint() else None
    folder = Path(str(config.graph)).expanduser()
    if not has_graph(folder):
        raise ConfigError(
            "not a transition graph",
            where=f"graph={config.graph}",
            expected="a folder that holds transitions.json and transitions.safetensors",
            hint="kata demo leaves one in its folder, as graph; or graph=none",
        )
    return _loaded(folder, robot)


def has_graph(folder: Path) -> bool:
    """Whether a graph has been written to a folder, to its end."""
    from kata.skills.handover.graph.storage import CARD_NAME

    return (folder / CARD_NAME).is_file()


def _loaded(folder: Path, robot: RobotSpec) -> TransitionGraph:
    from kata.skills.handover.graph import load_graph

    graph = load_graph(folder)
    graph.check_robot(robot, str(folder))
    return graph
