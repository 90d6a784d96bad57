"""Tasks: every start is possible, varied, reproducible, and does not yet meet its goal."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest

from kata.datasets.types import (
    Atom,
    Command,
    Condition,
    ConfigError,
    SimulationError,
    TrialWorld,
    UnknownNameError,
)
from kata.sim.configs import config_file, read_yaml
from kata.sim.experts import RECIPES
from kata.sim.scene.config import TableWorldConfig
from kata.sim.tasks import TrialTable, make_trial, names
from kata.sim.tasks.goals import goal_of
from kata.sim.testing import SimWorldContract
from kata.sim.world import TableWorld

TWO_HANDED = tuple(skill for skill, recipe in RECIPES.items() if recipe.hands > 1)
SKILLS = tuple(name for name in names() if name not in ("table", *TWO_HANDED))
HELD = {"place", "place_in", "stack"}


@pytest.fixture(scope="module")
def world() -> TableWorld:
    return TableWorld()


class TestTrialIsAWorld(SimWorldContract):
    """A trial keeps all that a world keeps."""

    def make_world(self) -> TrialTable:
        return TrialTable(TableWorld(), "pick")


def test_every_skill_has_a_task_and_an_expert() -> None:
    assert {*SKILLS, *TWO_HANDED} == set(RECIPES)
    assert "table" in names()


def test_an_unknown_task_or_start_offers_the_nearest_name(world: TableWorld) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'stack'"):
        TrialTable(world, "stuck")
    with pytest.raises(UnknownNameError, match="did you mean 'perturbed'"):
        TrialTable(world, "pick", "perturb")  # type: ignore[arg-type]


def test_a_trial_is_a_trial_world_and_its_maker_is_picklable(world: TableWorld) -> None:
    assert isinstance(TrialTable(world, "pick"), TrialWorld)
    make = pickle.loads(pickle.dumps(partial(make_trial, "press")))  # noqa: S301 - our own bytes
    assert make().reset(1).focus == ("button",)
    with pytest.raises(ConfigError, match="configuration"):
        make_trial("pick", "nominal", {"robot": "panda"})  # type: ignore[arg-type]


@pytest.mark.parametrize("skill", SKILLS)
def test_the_goal_is_what_the_contract_achieves(skill: str, world: TableWorld) -> None:
    data = read_yaml(config_file("skill", skill))
    trial = TrialTable(world, skill)
    trial.reset(5)
    episode = trial.episode
    assert episode.skill == skill
    assert list(episode.arguments) == list(data["parameters"])
    assert episode.limit_s == data["duration_s"]
    binding = {f"?{name}": value for name, value in episode.arguments.items()}
    assert episode.goal == str(Condition.parse(data["achieves"]).bind(binding))
    for name, tag in data["parameters"].items():
        assert tag in world.atoms.types[episode.arguments[name]]


@pytest.mark.parametrize("start", ["nominal", "perturbed", "after"])
@pytest.mark.parametrize("skill", SKILLS)
def test_a_start_meets_what_the_contract_requires(
    skill: str, start: str, world: TableWorld
) -> None:
    required = Condition.parse(read_yaml(config_file("skill", skill)).get("requires", ""))
    trial = TrialTable(world, skill, start)  # type: ignore[arg-type]
    for seed in range(4 if start != "after" else 2):
        trial.reset(seed)
        episode, facts = trial.episode, trial.facts()
        binding = {f"?{name}": value for name, value in episode.arguments.items()}
        assert required.bind(binding).unmet(facts) == ()
        assert not Condition.parse(episode.goal).evaluate(facts).value
        if skill in HELD:
            assert facts.value(Atom.of("holding", [episode.arguments["object"]]))


@pytest.mark.parametrize("start", ["nominal", "perturbed", "after"])
@pytest.mark.parametrize("skill", ["pick", "place_in", "push"])
def test_a_seed_gives_one_trial_to_the_bit(skill: str, start: str, world: TableWorld) -> None:
    trial = TrialTable(world, skill, start)  # type: ignore[arg-type]
    trial.reset(3)
    first, episode = trial.snapshot(), trial.episode
    trial.reset(4)
    assert trial.snapshot() != first
    trial.reset(3)
    assert trial.snapshot() == first
    assert trial.episode == episode


def test_starts_vary(world: TableWorld) -> None:
    for start, spread in (("nominal", 0.02), ("perturbed", 0.1)):
        trial = TrialTable(world, "pick", start)  # type: ignore[arg-type]
        seen = [trial.reset(seed) for seed in range(12)]
        assert len({o.focus for o in seen}) > 2
        assert np.ptp([o.tool().position for o in seen], axis=0).max() > spread


def test_a_perturbed_start_touches_nothing(world: TableWorld) -> None:
    trial = TrialTable(world, "pick", "perturbed")
    for seed in range(10):
        observation = trial.reset(seed)
        assert trial.clearance_m(observation.position) > 0.0


def test_a_snapshot_brings_back_the_episode(world: TableWorld) -> None:
    trial = TrialTable(world, "stack")
    observation = trial.reset(2)
    state, episode = trial.snapshot(), trial.episode
    trial.apply(Command.hold(observation.position))
    later = trial.observe().time_s
    trial.reset(9)
    trial.restore(state)
    assert trial.episode == episode
    assert trial.observe().focus == tuple(episode.arguments.values())
    assert trial.observe().time_s < later
    with pytest.raises(SimulationError, match="not a snapshot of a trial"):
        trial.restore(b"nonsense")


def test_the_bare_table_has_no_goal(world: TableWorld) -> None:
    trial = TrialTable(world, "table")
    assert trial.reset(0).focus == ()
    assert trial.episode.goal == ""
    assert len(trial.observe().entities) == 9


def test_a_scene_without_what_a_task_needs_is_refused() -> None:
    trial = make_trial("press", "nominal", TableWorldConfig(buttons=()))
    with pytest.raises(SimulationError, match=r"a button"):
        trial.reset(0)


def test_a_skill_without_contract_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown skill 'pik'"):
        goal_of("pik")
