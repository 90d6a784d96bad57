"""The transition graph from a demo's folder to the executor, and what is refused on the way."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kata.datasets.types import ConfigError, DatasetError, PackageError
from kata.launch import build, sentences, trials
from kata.launch.arguments import split
from kata.launch.bench.trained import Shelf
from kata.launch.cli import main
from kata.launch.configuration import Config, compose
from kata.launch.keys import verb_keys
from kata.launch.seeds import episode_seed
from kata.launch.stepping import GRAPH, demo_graph, graph_of, has_graph
from kata.skills.handover.graph import TransitionGraph, load_graph, save_graph

SKILLS = ("close", "open")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a demo has in its folder once its demonstrations are there, and a library beside."""
    folder = tmp_path_factory.mktemp("demo")
    for skill in SKILLS:
        out = folder / "demonstrations" / skill
        assert main(["record", f"skill={skill}", "episodes=2", f"out={out}"]) == 0
    demo_graph(folder, SKILLS, "panda")
    return folder


def library_in(folder: Path) -> Any:
    """What of a library matters here: where it lies."""
    return SimpleNamespace(root=folder / "library")


def asked(*words: str) -> Config:
    keys = verb_keys("run")
    return compose(split(["open the drawer", *words], keys), keys)


def test_a_demo_makes_a_small_graph_once(demo: Path) -> None:
    graph = load_graph(demo / GRAPH)
    assert set(graph.skills) == set(SKILLS)
    assert graph.bridges.any()
    before = (demo / GRAPH / "transitions.safetensors").stat()
    again = demo_graph(demo, SKILLS, "panda")
    assert again is not None
    assert len(again) == len(graph)
    assert (demo / GRAPH / "transitions.safetensors").stat().st_mtime_ns == before.st_mtime_ns
    assert before.st_size < 4 << 20


def test_a_robot_with_two_hands_gets_none(tmp_path: Path) -> None:
    assert demo_graph(tmp_path, (), "two_pandas") is None
    assert not has_graph(tmp_path / GRAPH)


def test_no_demonstrations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no demonstrations to make a transition graph of"):
        demo_graph(tmp_path, (), "panda")


def test_a_run_finds_the_graph_beside_its_library(demo: Path, tmp_path: Path) -> None:
    found = graph_of(asked(), library_in(demo))
    assert found is not None
    assert found.skills == SKILLS
    assert graph_of(asked("graph=none"), library_in(demo)) is None
    assert graph_of(asked(), library_in(tmp_path)) is None
    assert graph_of(asked(f"graph={demo / GRAPH}"), library_in(tmp_path)) is not None


def test_the_executor_gets_it(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = sentences.trials_of(asked(f"graph={demo / GRAPH}"), build.library(None))
    given: list[TransitionGraph | None] = []

    def run(*_: Any, options: Any, **__: Any) -> None:
        given.append(options.graph)
        raise InterruptedError

    monkeypatch.setattr("kata.skills.execution.runner.run", run)
    world = trial.make_world()
    with pytest.raises(InterruptedError):
        trials.sentence_episode(trial, world, trial.load(world), "full", episode_seed(0, "x", 0))
    assert given == [trial.graph]
    assert given[0] is not None


def test_a_graph_that_is_named_must_be_this_robots(demo: Path, tmp_path: Path) -> None:
    other = replace(load_graph(demo / GRAPH), robot="0123456789abcdef")
    save_graph(other, tmp_path / GRAPH)
    with pytest.raises(PackageError) as refused:
        graph_of(asked(f"graph={tmp_path / GRAPH}"), library_in(demo))
    told = str(refused.value)
    assert told.startswith("a transition graph of another robot")
    assert str(tmp_path / GRAPH) in told
    assert "0123456789abcdef: " in told
    assert "make it of demonstrations of robot=panda" in told
    # One that only happens to lie there is left alone.
    assert graph_of(asked(), library_in(tmp_path)) is None


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("transitions.json", "{", "cannot read the transition graph"),
        ("transitions.json", json.dumps({"format": 99}), "unknown transition graph"),
        ("transitions.json", json.dumps({"format": 1}), "a transition graph that is not sound"),
        ("transitions.safetensors", "nothing", "cannot read the transition graph"),
    ],
)
def test_a_broken_graph_is_refused_by_name(
    demo: Path, tmp_path: Path, name: str, content: str, told: str
) -> None:
    save_graph(load_graph(demo / GRAPH), tmp_path / GRAPH)
    (tmp_path / GRAPH / name).write_text(content)
    for words in ((f"graph={tmp_path / GRAPH}",), ()):
        with pytest.raises(PackageError, match=told) as refused:
            graph_of(asked(*words), library_in(tmp_path))
        assert str(tmp_path / GRAPH) in str(refused.value)


def test_a_folder_without_a_graph_is_refused(demo: Path) -> None:
    with pytest.raises(ConfigError, match="not a transition graph"):
        graph_of(asked(f"graph={demo / 'demonstrations'}"), library_in(demo))


def test_a_shelf_knows_its_graph(demo: Path, tmp_path: Path) -> None:
    assert Shelf(demo, library_in(demo), {}).graph == demo / GRAPH
    assert Shelf(tmp_path, library_in(tmp_path), {}).graph is None
