"""Starts as another skill leaves them: its own expert made them, and the call could begin."""

import numpy as np
import pytest

from kata.datasets.types import Atom, SimulationError
from kata.sim.tasks import TASKS, TrialTable, aftermath
from kata.sim.tasks.aftermath import BEFORE
from kata.sim.tasks.arm import Reach
from kata.sim.tasks.starts import Stage
from kata.sim.world import TableWorld


@pytest.fixture(scope="module")
def world() -> TableWorld:
    return TableWorld()


def only(monkeypatch: pytest.MonkeyPatch, task: str, before: str) -> None:
    monkeypatch.setattr("kata.sim.tasks.trial.BEFORE", {**BEFORE, task: (before,)})


def test_every_task_has_others_before_it() -> None:
    assert set(BEFORE) == set(TASKS)
    for task, before in BEFORE.items():
        assert before
        assert set(before) <= set(TASKS) - {"table"} - ({task} - {"push"})


def test_what_was_done_before_is_done(world: TableWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "press", "stack")
    trial = TrialTable(world, "press", "after")
    trial.reset(1)
    names = [e.name for e in world.entities if "cube" in e.tags]
    on = [(a, b) for a in names for b in names if a != b and _holds(world, "on", a, b)]
    assert len(on) == 1
    assert trial.episode.skill == "press"
    assert trial.observe().time_s == 0.0


def test_the_arm_is_where_the_task_before_ended(
    world: TableWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = np.array(TrialTable(world, "open").reset(2).tool().position)
    only(monkeypatch, "open", "press")
    trial = TrialTable(world, "open", "after")
    ends = [trial.reset(seed).tool().position for seed in range(3)]
    button = world.observe().entities["button"].pose.position
    for end in ends:
        assert np.linalg.norm(end - button) < np.linalg.norm(home - button)


def test_a_task_before_that_does_not_succeed_is_tried_again_and_then_told(
    world: TableWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def never(first: TrialTable, seed: int, rng: np.random.Generator) -> None:
        tried.append(seed)
        raise SimulationError("the task before did not succeed")

    monkeypatch.setattr("kata.sim.tasks.trial.leave", never)
    with pytest.raises(SimulationError, match="the task before did not succeed"):
        TrialTable(world, "press", "after").reset(4)
    assert len(set(tried)) == len(tried) > 1


def test_a_call_that_has_nothing_left_to_do_is_no_next_one(world: TableWorld) -> None:
    world.reset(0)
    stage = Stage(world, np.random.default_rng(0), Reach())
    world.set_opening("drawer", 0.0)
    world.begin()
    assert aftermath.next_call("open", stage) == ("drawer",)
    world.set_opening("drawer", 1.0)
    world.begin()
    with pytest.raises(SimulationError, match="no call could begin"):
        aftermath.next_call("open", stage)


def _holds(world: TableWorld, name: str, *arguments: str) -> bool:
    return bool(world.facts().value(Atom(name, arguments)))
