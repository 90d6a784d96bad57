"""Demonstrations: every frame is whole, labels are clean, noise is bounded, seeds decide all."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import pytest

from kata.datasets.types import FRAME_S, Condition, ConfigError, Frame, Outcome
from kata.sim.collect import SETTLE_S, DartNoise, demonstrate, periods_a_frame
from kata.sim.experts import make_expert
from kata.sim.tasks import TrialTable
from kata.sim.world import TableWorld


@lru_cache(maxsize=1)
def table() -> TableWorld:
    return TableWorld()


def run(skill: str, seed: int, std_rad: float = 0.0) -> tuple[list[Frame], Outcome]:
    trial = TrialTable(table(), skill)
    expert = make_expert(skill, trial.robot, trial.kinematics)
    return demonstrate(trial, expert, seed, DartNoise(std_rad))


def test_a_demonstration_is_recorded_at_20_hz_until_its_goal_has_settled() -> None:
    frames, outcome = run("pick", 1)
    assert outcome.success
    assert outcome.seed == 1
    times = np.array([frame.observation.time_s for frame in frames])
    np.testing.assert_allclose(times, FRAME_S * np.arange(len(frames)), atol=1e-9)
    goal = Condition.parse(f"holding({frames[0].arguments['object']})")
    settled = frames[-round(SETTLE_S / FRAME_S) :]
    assert all(goal.evaluate(frame.facts).value for frame in settled)
    assert [phase for phase, _ in itertools.groupby(f.phase for f in frames)] == [
        *("reach", "grasp", "lift")
    ]


def test_a_frame_says_what_was_asked_for_and_about_what() -> None:
    frames, _ = run("place_in", 2)
    robot = table().robot
    for frame in frames:
        assert frame.observation.focus == tuple(frame.arguments.values())
        assert frame.facts.time_s == pytest.approx(frame.observation.time_s)
        assert frame.action.shape == frame.executed.shape == (robot.size,)
        assert frame.action_tool.shape == frame.executed_tool.shape == (8,)
        assert frame.source == "expert"
        assert frame.task == f"place_in({', '.join(frame.arguments.values())})"
        tool = table().kinematics.forward(frame.action)
        np.testing.assert_allclose(frame.action_tool[:7], tool.array(), atol=1e-9)
        assert frame.action_tool[7] == frame.action[-1]


def test_without_noise_the_action_is_what_is_carried_out_and_reached() -> None:
    frames, _ = run("press", 3)
    for frame, after in itertools.pairwise(frames):
        np.testing.assert_array_equal(frame.action, frame.executed)
        assert np.abs(after.observation.position - frame.action)[:7].max() < 0.03


def test_noise_disturbs_what_is_carried_out_and_leaves_grippers_alone() -> None:
    frames, _ = run("press", 3, 0.002)
    apart = np.array([frame.executed - frame.action for frame in frames])
    assert 0.0005 < apart[:, :7].std() < 0.004
    assert np.abs(apart[:, 7]).max() == 0.0


def test_equal_seeds_give_equal_episodes_to_the_bit() -> None:
    first, again, other = (run("pick", seed, 0.002)[0] for seed in (5, 5, 6))
    assert len(first) == len(again)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.executed, two.executed)
        np.testing.assert_array_equal(one.observation.position, two.observation.position)
        np.testing.assert_array_equal(one.facts.margins, two.facts.margins)
    assert not np.array_equal(first[0].executed, other[0].executed)


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    offsets = DartNoise(0.01).draw(table().robot, np.random.default_rng(0))
    seen = np.array(list(itertools.islice(offsets, 4000)))
    np.testing.assert_allclose(seen[:, :7].std(axis=0), 0.01, rtol=0.15)


def test_a_task_without_goal_cannot_be_demonstrated() -> None:
    trial = TrialTable(table(), "table")
    expert = make_expert("pick", trial.robot, trial.kinematics)
    with pytest.raises(ConfigError, match="task without goal"):
        demonstrate(trial, expert, 0)


def test_a_frame_must_be_whole_servo_periods() -> None:
    assert periods_a_frame(0.01) == 5
    with pytest.raises(ConfigError, match="whole multiple"):
        periods_a_frame(0.02)
