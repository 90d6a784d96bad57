"""The gymnasium ids: checker, spaces, reproducible by seed, vectorised, success ends an episode."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from kata.datasets.types import UnknownNameError
from kata.sim.gym import TableEnv, env_id, register_envs

IDS = register_envs()


def test_every_task_has_an_id() -> None:
    wanted = ["Pick", "Place", "PlaceIn", "Stack", "Push", "Open", "Close", "Press", "Handover"]
    assert set(IDS) == {f"kata/{name}-v0" for name in (*wanted, "Table")}
    assert env_id("place_in") == "kata/PlaceIn-v0"
    assert register_envs() == IDS


def test_the_task_of_two_hands_stands_on_its_own_table() -> None:
    env = gymnasium.make("kata/Handover-v0")
    _, info = env.reset(seed=3)
    assert info["call"] == "handover(green_cube, right, left)"
    assert env.action_space.shape == (16,)
    env.close()


@pytest.mark.parametrize("name", ["kata/Pick-v0", "kata/PlaceIn-v0"])
def test_gymnasiums_checker_passes(name: str) -> None:
    env = gymnasium.make(name, render_mode="rgb_array")
    check_env(env.unwrapped)
    env.close()


def test_tool_control_moves_the_tool() -> None:
    env = TableEnv("press", control="tool")
    observation, _ = env.reset(seed=1)
    before = observation["observation.tool_pose"]
    action = np.zeros(7, dtype=np.float32)
    action[2] = 0.01
    for _ in range(10):
        observation, *_ = env.step(action)
    assert before[2] - observation["observation.tool_pose"][2] == pytest.approx(0.1, abs=0.02)
    env.close()


@pytest.mark.parametrize("control", ["joint", "tool"])
def test_equal_seeds_are_equal_to_the_bit(control: str) -> None:
    runs = []
    for _ in range(2):
        env = gymnasium.make("kata/Push-v0", control=control)
        env.action_space.seed(4)
        observation, info = env.reset(seed=4)
        run = [observation, info]
        for _ in range(10):
            observation, reward, *_, info = env.step(env.action_space.sample())
            run += [observation, reward, info]
        runs.append(run)
        env.close()
    for one, two in zip(*runs, strict=True):
        if isinstance(one, dict) and "facts" not in one:
            assert all(np.array_equal(one[key], two[key]) for key in one)
        else:
            assert one == two


def test_unseeded_resets_follow_from_the_first_seed() -> None:
    env = TableEnv("pick")
    env.reset(seed=3)
    first = env.reset()[0]["observation.environment_state"]
    other = env.reset()[0]["observation.environment_state"]
    env.reset(seed=3)
    assert np.array_equal(first, env.reset()[0]["observation.environment_state"])
    assert not np.array_equal(first, other)


def test_vectorised() -> None:
    env = gymnasium.make_vec("kata/Open-v0", num_envs=2, vectorization_mode="sync")
    observation, info = env.reset(seed=[1, 2])
    assert observation["observation.state"].shape == (2, 8)
    assert list(info["call"]) == ["open(drawer)"] * 2
    single = gymnasium.make("kata/Open-v0")
    alone, _ = single.reset(seed=2)
    assert np.array_equal(observation["observation.state"][1], alone["observation.state"])
    assert "closed(drawer)" in info["facts"][0]
    env.close()


def test_reaching_the_goal_is_rewarded_and_ends_the_episode() -> None:
    env = TableEnv("open")
    env.reset(seed=0)
    env.trial.world.set_opening("drawer", 1.0)
    _, reward, terminated, truncated, info = env.step(env.trial.world.commanded.astype(np.float32))
    assert (reward, terminated, truncated, info["success"]) == (1.0, True, False, True)


def test_an_episode_is_cut_at_its_time_limit() -> None:
    env = gymnasium.make("kata/Press-v0")
    assert env.spec is not None
    assert env.spec.max_episode_steps is not None
    env.reset(seed=0)
    hold = env.unwrapped.trial.world.commanded.astype(np.float32)  # type: ignore[attr-defined]
    ends = [env.step(hold)[2:4] for _ in range(env.spec.max_episode_steps)]
    assert ends[-1] == (False, True)
    assert not any(a or b for a, b in ends[:-1])


def test_cameras_are_observed_when_asked() -> None:
    env = TableEnv("pick", cameras=("front",), render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    assert observation["observation.images.front"].shape == (96, 96, 3)
    assert env.observation_space.contains(observation)
    image = env.render()
    assert image is not None
    assert image.shape == (480, 640, 3)
    env.close()


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'pick'"):
        TableEnv("pik")
    with pytest.raises(UnknownNameError, match="control"):
        TableEnv("pick", control="velocity")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="render mode"):
        TableEnv("pick", render_mode="ansi")


def test_gymnasium_finds_an_id_by_its_module() -> None:
    script = "import gymnasium; gymnasium.make('kata.sim.gym:kata/Pick-v0').close()"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
