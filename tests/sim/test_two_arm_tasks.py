"""Tasks and experts of two arms: each hand does what it reaches, and one gives to the other."""

from __future__ import annotations

import pickle
from functools import lru_cache, partial

import numpy as np
import pytest

from kata.datasets.types import (
    DEFAULT_HAND,
    Atom,
    ChunkRequest,
    Command,
    Condition,
    SimulationError,
    SpecError,
    UnknownNameError,
)
from kata.sim.collect import demonstrate
from kata.sim.configs import config_file, read_yaml
from kata.sim.experts import make_expert
from kata.sim.robots import load
from kata.sim.robots.kinematics import ToolKinematics
from kata.sim.scene.config import TableWorldConfig
from kata.sim.tasks import TrialTable, make_trial
from kata.sim.testing import SimWorldContract
from kata.sim.world import TableWorld

HANDS = ("left", "right")
BOTH = ("pick", "place", "place_in", "stack", "push", "handover")
"""Skills that each hand can show; what opens and what is pressed stands on the left."""


@lru_cache(maxsize=1)
def table() -> TableWorld:
    return TableWorld(TableWorldConfig.load("two_arms"))


def failures(skill: str, hand: str, seeds: range, start: str = "nominal") -> list[int]:
    trial = TrialTable(table(), skill, start, hand)  # type: ignore[arg-type]
    expert = make_expert(skill, trial.robot, trial.kinematics)
    return [seed for seed in seeds if not demonstrate(trial, expert, seed)[1].success]


class TestHandoverTrialIsAWorld(SimWorldContract):
    """A trial of two hands keeps all that a world keeps."""

    def make_world(self) -> TrialTable:
        return TrialTable(TableWorld(TableWorldConfig.load("two_arms")), "handover")


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("skill", BOTH)
def test_an_expert_succeeds_with_each_hand(skill: str, hand: str) -> None:
    seeds = 3 if skill in ("pick", "handover") else 1
    assert failures(skill, hand, range(1000, 1000 + seeds)) == []


@pytest.mark.parametrize("skill", ["open", "close", "press"])
def test_what_stands_on_the_left_is_the_left_hands(skill: str) -> None:
    assert failures(skill, "left", range(1000, 1001)) == []
    with pytest.raises(SimulationError, match="lacks what the task needs"):
        TrialTable(table(), skill, hand="right").reset(0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("skill", BOTH)
def test_an_expert_succeeds_on_200_seeds_with_each_hand(skill: str, hand: str) -> None:
    assert len(failures(skill, hand, range(200))) <= 4


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("skill", ["pick", "handover"])
def test_an_expert_succeeds_from_anywhere_with_each_hand(skill: str, hand: str) -> None:
    assert len(failures(skill, hand, range(100), "perturbed")) <= 2


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("skill", BOTH)
def test_a_start_meets_what_the_contract_requires_of_its_hand(skill: str, hand: str) -> None:
    contract = read_yaml(config_file("skill", skill))
    trial = TrialTable(table(), skill, hand=hand)
    for seed in range(4):
        trial.reset(seed)
        episode, facts = trial.episode, trial.facts()
        binding = {f"?{name}": value for name, value in episode.arguments.items()}
        assert (episode.hand, episode.arguments.get("giver")) == (
            (DEFAULT_HAND, hand) if skill == "handover" else (hand, None)
        )
        binding[DEFAULT_HAND] = hand
        required = Condition.parse(contract["requires"]).bind(binding)
        assert required.unmet(facts) == ()
        assert episode.goal == str(Condition.parse(contract["achieves"]).bind(binding))
        assert not Condition.parse(episode.goal).evaluate(facts).value


def test_a_trial_without_a_hand_asks_for_either_by_seed_and_only_what_it_can() -> None:
    trial = TrialTable(table(), "pick")
    seen = []
    for seed in range(12):
        trial.reset(seed)
        seen.append(trial.episode.hand)
        reach = Atom.of("reachable", [seen[-1], trial.episode.arguments["object"]])
        assert trial.facts().value(reach)
    assert set(seen) == set(HANDS)
    opens = TrialTable(table(), "open")
    for seed in range(4):
        opens.reset(seed)
        assert opens.episode.hand == "left"


def test_a_seed_gives_one_trial_to_the_bit_and_a_snapshot_brings_its_hand_back() -> None:
    trial = TrialTable(table(), "pick", hand="right")
    trial.reset(3)
    state, episode = trial.snapshot(), trial.episode
    TrialTable(table(), "handover").reset(5)
    trial.reset(3)
    assert trial.snapshot() == state
    trial.reset(4)
    trial.restore(state)
    assert trial.episode == episode
    assert trial.observe().hands == ("right",)


def test_a_hand_that_there_is_not_offers_those_that_there_are() -> None:
    with pytest.raises(UnknownNameError, match="left"):
        TrialTable(table(), "pick", hand="lefft")


@pytest.mark.parametrize("hand", HANDS)
def test_a_chunk_is_of_the_hand_that_the_call_is_by(hand: str) -> None:
    trial = TrialTable(table(), "pick", hand=hand)
    observation = trial.reset(6)
    assert observation.hands == (hand,)
    chunk = make_expert("pick", trial.robot, trial.kinematics).chunk(observation, ChunkRequest(0.0))
    assert chunk.hand == hand
    assert chunk.reference is not None
    assert np.array_equal(chunk.reference.position, observation.tool(hand).position)


def test_in_a_handover_the_object_is_never_let_go_and_the_arms_never_touch() -> None:
    trial = TrialTable(table(), "handover")
    expert = make_expert("handover", trial.robot, trial.kinematics)
    arm_of_body = {
        body: name.split("/")[1].split("_")[0]
        for body in range(table().model.nbody)
        if (name := table().model.body(body).name).startswith("robot/")
    }
    for seed in (2, 3):  # from the left hand, then from the right one
        observation = trial.reset(seed)
        thing, giver, taker = trial.episode.arguments.values()
        goal, command = Condition.parse(trial.episode.goal), Command.hold(observation.position)
        holders = []
        while not goal.evaluate(trial.facts()).value:
            observation = trial.observe()
            assert observation.time_s < trial.episode.limit_s
            plan = trial.kinematics.follow(
                expert.chunk(observation, ChunkRequest(observation.time_s)), command
            )
            for k in range(1, 6):
                command = plan.at(observation.time_s + k * trial.period_s)
                trial.apply(command)
                bodies = table().model.geom_bodyid[table().data.contact.geom].tolist()
                arms = [{arm_of_body.get(a), arm_of_body.get(b)} for a, b in bodies]
                assert set(HANDS) not in arms
            facts = trial.facts()
            held = tuple(
                hand for hand in (giver, taker) if facts.value(Atom.of("holding", [hand, thing]))
            )
            assert held
            assert observation.entities[thing].pose.position[2] > 0.08
            if held not in holders:
                holders.append(held)
        assert holders == [(giver,), (giver, taker), (taker,)]


def test_a_handover_needs_two_hands_and_says_where_they_are() -> None:
    one = load("panda")
    with pytest.raises(SpecError, match="too few hands") as caught:
        make_expert("handover", one.spec, ToolKinematics(one))
    assert "two_pandas" in str(caught.value)
    trial = make_trial("handover", config=TableWorldConfig.load())
    with pytest.raises(SimulationError, match="the robot lacks what the task needs"):
        trial.reset(0)


def test_an_expert_for_two_hands_refuses_a_call_without_them() -> None:
    trial = TrialTable(table(), "handover")
    observation = trial.reset(0)
    expert = make_expert("handover", trial.robot, trial.kinematics)
    with pytest.raises(SpecError, match="without the hands"):
        expert.chunk(observation.with_focus(observation.focus), ChunkRequest(0.0))


def test_a_handover_stands_on_its_own_table_and_its_maker_is_picklable() -> None:
    make = pickle.loads(pickle.dumps(partial(make_trial, "handover")))  # noqa: S301 - our own bytes
    assert len(make().reset(1).hands) == 2
