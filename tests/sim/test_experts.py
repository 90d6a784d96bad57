"""Experts: they succeed, recover, keep to limits, and forget nothing because they know nothing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import (
    ChunkRequest,
    Command,
    Condition,
    Observation,
    Pose,
    SpecError,
    UnknownNameError,
)
from kata.datasets.types.pose import quat_multiply, yaw_quat
from kata.policies.testing import PolicyContract
from kata.sim.collect import DART_STD_RAD, DartNoise, demonstrate
from kata.sim.experts import RECIPES, Expert, make_expert
from kata.sim.experts.motion import MotionLimits, path
from kata.sim.experts.sight import DOWN, Target, pointing_down, tool_heading, wrap
from kata.sim.tasks import TrialTable, leftovers
from kata.sim.world import TableWorld

SKILLS = tuple(skill for skill, recipe in RECIPES.items() if recipe.hands == 1)


@lru_cache(maxsize=1)
def table() -> TableWorld:
    return TableWorld()


def trial_of(skill: str, start: str = "nominal") -> tuple[TrialTable, Expert]:
    trial = TrialTable(table(), skill, start)  # type: ignore[arg-type]
    return trial, make_expert(skill, trial.robot, trial.kinematics)


def failures(skill: str, seeds: range, start: str = "nominal", std_rad: float = 0.0) -> list[int]:
    trial, expert = trial_of(skill, start)
    noise = DartNoise(std_rad)
    return [s for s in seeds if not demonstrate(trial, expert, s, noise)[1].success]


class TestExpertIsAPolicy(PolicyContract):
    """An expert keeps all that a policy keeps."""

    def make_policy(self) -> Expert:
        return make_expert("stack", table().robot, table().kinematics)

    def make_observation(self, seed: int) -> Observation:
        return trial_of("stack")[0].reset(seed)


@pytest.mark.parametrize("skill", SKILLS)
def test_an_expert_succeeds(skill: str) -> None:
    assert failures(skill, range(1000, 1006)) == []


@pytest.mark.parametrize("skill", SKILLS)
def test_an_expert_succeeds_from_nearly_anywhere(
    skill: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other perturbed starts are made to fail: things pushed together, out of reach, crooked.
    monkeypatch.setattr(leftovers, "SHARES", {})
    assert len(failures(skill, range(1000, 1004), "perturbed")) <= 1


@pytest.mark.parametrize("skill", SKILLS)
def test_an_expert_finds_back_when_disturbed(skill: str) -> None:
    assert len(failures(skill, range(1000, 1003), std_rad=DART_STD_RAD)) <= 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("skill", SKILLS)
def test_an_expert_succeeds_on_200_seeds(skill: str) -> None:
    assert len(failures(skill, range(200))) <= 4


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("skill", SKILLS)
def test_an_expert_succeeds_on_200_disturbed_seeds(skill: str) -> None:
    assert len(failures(skill, range(200), std_rad=DART_STD_RAD)) <= 20


@pytest.mark.parametrize("skill", SKILLS)
def test_an_expert_works_when_half_of_each_chunk_is_carried_out(skill: str) -> None:
    trial, expert = trial_of(skill)
    observation = trial.reset(17)
    goal = Condition.parse(trial.episode.goal)
    command = Command.hold(observation.position)
    for _ in range(40):
        observation = trial.observe()
        chunk = expert.chunk(observation, ChunkRequest(observation.time_s))
        plan = trial.kinematics.follow(chunk, command)
        for k in range(1, 5 * expert.chunk_spec.execute + 1):
            command = plan.at(observation.time_s + k * trial.period_s)
            trial.apply(command)
        if goal.evaluate(trial.facts()).value:
            return
    pytest.fail(f"{trial.episode.goal} was not reached")


@pytest.mark.parametrize("skill", SKILLS)
def test_equal_observations_give_equal_chunks_whatever_came_before(skill: str) -> None:
    trial, expert = trial_of(skill)
    observation = trial.reset(1)
    request = ChunkRequest(2.5)
    first = expert.chunk(observation, request)
    expert.chunk(trial.reset(2), request)
    expert.reset(7)
    again = expert.chunk(observation, request)
    np.testing.assert_array_equal(first.values, again.values)
    assert first.start_s == 2.5
    assert first.values.shape == (expert.chunk_spec.horizon, expert.chunk_spec.width)
    expert.spec.check(observation.values())


def test_an_expert_refuses_an_observation_without_its_entities() -> None:
    trial, expert = trial_of("stack")
    observation = trial.reset(0).with_focus(["red_cube"])
    with pytest.raises(SpecError, match="2 names in focus"):
        expert.chunk(observation, ChunkRequest(0.0))


def test_an_unknown_expert_offers_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'press'"):
        make_expert("pres", table().robot, table().kinematics)


@given(st.floats(-3.1, 3.1))
def test_a_tool_that_points_down_keeps_its_heading(yaw: float) -> None:
    assert abs(wrap(tool_heading(pointing_down(yaw)) - yaw)) < 1e-9


PLACES = st.tuples(st.floats(0.2, 0.7), st.floats(-0.5, 0.5), st.floats(0.02, 0.5))


@settings(deadline=None, max_examples=60)
@given(PLACES, PLACES, st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.booleans())
def test_a_path_keeps_its_limits_and_arrives(
    start: tuple[float, ...], goal: tuple[float, ...], yaw: float, turned: float, straight: bool
) -> None:
    limits, step = MotionLimits(), 0.05
    tool = Pose(np.array(start), quat_multiply(yaw_quat(yaw), DOWN))
    travel = None if straight else 0.2
    target = Target("reach", np.array(goal), turned, 0.05, travel)
    rest = np.zeros(3)
    actions = path(tool, rest, rest, target, 120, step, limits)
    places = np.array([tool.apply(action[:3]) for action in actions])
    speed = np.diff(places, axis=0, prepend=tool.position[None]) / step
    assert np.linalg.norm(speed, axis=1).max() <= target.speed + 1e-9
    assert np.linalg.norm(speed[0]) <= limits.acceleration_m_s2 * step + 1e-9
    assert np.linalg.norm(places[-1] - target.position) < 2e-3
    end = tool @ Pose.from_array(np.concatenate([actions[-1, :3], [1.0, 0.0, 0.0, 0.0]]))
    assert np.allclose(end.position, places[-1])
