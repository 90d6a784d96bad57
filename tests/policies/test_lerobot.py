"""LeRobot's policies behind our protocol: its code, its processors, our data and packages."""

import hashlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kata.datasets.dataset import Dataset
from kata.datasets.types import (
    ChunkRequest,
    ConfigError,
    DatasetError,
    KataError,
    MissingDependencyError,
    Observation,
    Policy,
    SpecError,
    UnknownNameError,
)
from kata.launch.cli import main
from kata.policies import load_policy
from kata.policies.config import TrainConfig
from kata.policies.fakes import fake_observation
from kata.policies.lerobot.package import make_config
from kata.policies.lerobot.policy import LeRobotPolicy
from kata.policies.lerobot.training import train
from kata.policies.lerobot.windows import Windows, read_frames
from kata.policies.testing import PolicyContract

TINY: Mapping[str, dict[str, Any]] = {
    "act": {
        "chunk_size": 6,
        "n_action_steps": 6,
        "dim_model": 16,
        "n_heads": 2,
        "dim_feedforward": 16,
        "n_encoder_layers": 1,
        "n_vae_encoder_layers": 1,
        "optimizer_lr": 1e-3,
    },
    "diffusion": {
        "n_obs_steps": 1,
        "horizon": 8,
        "n_action_steps": 8,
        "drop_n_last_frames": 0,
        "down_dims": [8, 16],
        "n_groups": 4,
        "diffusion_step_embed_dim": 8,
        "noise_scheduler_type": "DDIM",
        "num_inference_steps": 3,
        "scheduler_warmup_steps": 2,
        "optimizer_lr": 1e-3,
    },
}


def config(kind: str, *, steps: int = 6, execute: int = 4, **changes: Any) -> TrainConfig:
    cameras, objects = changes.pop("cameras", ()), changes.pop("objects", True)
    settings = {"type": kind, "execute": execute, "objects": objects, "cameras": list(cameras)}
    settings["settings"] = {**TINY.get(kind, {}), **changes}
    return TrainConfig("lerobot", settings, steps=steps, batch=16, checkpoint_every=4)


@pytest.fixture(scope="module", autouse=True)
def quiet_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("demos") / "close"
    assert main(["record", "skill=close", "episodes=3", "cameras=[front]", f"out={folder}"]) == 0
    return Dataset.open(folder)


@pytest.fixture(scope="module", params=sorted(TINY))
def trained(
    request: pytest.FixtureRequest, data: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> LeRobotPolicy:
    out = tmp_path_factory.mktemp(request.param)
    return train(config(request.param), data, "close", out).policy


def seen(data: Dataset, row: int = 3) -> Observation:
    """A fake observation with the state of a recorded frame."""
    position = data.column("observation.state")[row].astype(float)
    return replace(fake_observation(row, len(position), slots=1), position=position)


class _Contract(PolicyContract):
    @pytest.fixture(autouse=True)
    def _take(self, trained: LeRobotPolicy, data: Dataset) -> None:
        self.policy, self.data = trained, data

    def make_policy(self) -> Policy:
        return LeRobotPolicy(self.policy.card, self.policy.module, self.policy.processors)

    def make_observation(self, seed: int) -> Observation:
        return seen(self.data, seed)


class TestTrained(_Contract):
    """ACT and diffusion of LeRobot hold to what every policy holds to."""


def test_training_lowers_lerobots_loss(data: Dataset, tmp_path: Path) -> None:
    first = train(config("act", steps=2), data, "close", tmp_path / "a")
    last = train(config("act", steps=40), data, "close", tmp_path / "b")
    assert (first.finished, last.step, last.frames.episodes) == (True, 40, 3)
    assert last.loss < 0.8 * first.loss


@pytest.mark.parametrize("kind", sorted(TINY))
def test_stopping_and_going_on_changes_nothing(kind: str, data: Dataset, tmp_path: Path) -> None:
    whole = train(config(kind), data, "close", tmp_path / "whole").policy
    left = iter(range(3))
    part = train(
        config(kind), data, "close", tmp_path / "parts", stop=lambda: next(left, None) is None
    )
    assert (part.step, part.finished) == (3, False)
    resumed = train(config(kind), data, "close", tmp_path / "parts").policy
    for name, tensor in whole.module.state_dict().items():
        torch.testing.assert_close(resumed.module.state_dict()[name], tensor, rtol=0, atol=0)
    with pytest.raises(ConfigError, match="came from another training"):
        train(config(kind, steps=7), data, "close", tmp_path / "parts")


def test_other_settings_are_another_training_and_no_damage(data: Dataset, tmp_path: Path) -> None:
    train(config("act", steps=1), data, "close", tmp_path)
    with pytest.raises(ConfigError, match="came from another training") as caught:
        train(config("act", steps=1, dim_model=32), data, "close", tmp_path)
    assert caught.value.got == "another settings"


def test_chunk_is_what_lerobot_selects_with_its_processors(
    trained: LeRobotPolicy, data: Dataset
) -> None:
    from lerobot.policies.factory import make_pre_post_processors
    from lerobot.policies.utils import prepare_observation_for_inference

    observation = seen(data)
    trained.reset(5)
    ours = trained.chunk(observation, ChunkRequest(observation.time_s)).values
    frames = read_frames(data, "close")
    before, after = make_pre_post_processors(trained.module.config, dataset_stats=frames.statistics)
    values = observation.values()
    around = [values["observation.tool_pose"], values["observation.focus"].reshape(-1)]
    raw = {
        "observation.state": observation.position.astype(np.float32),
        "observation.environment_state": np.concatenate(around).astype(np.float32),
    }
    batch = prepare_observation_for_inference(raw, torch.device("cpu"), "", "")
    trained.module.reset()
    theirs = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_draw(5, 0))
        for _ in range(trained.chunk_spec.horizon):
            with torch.inference_mode():
                theirs.append(after(trained.module.select_action(before(dict(batch)))).numpy()[0])
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def _draw(seed: int, call: int) -> int:
    text = f"{seed}/{call}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest())


def test_a_policy_with_a_history_is_asked_every_frame(data: Dataset, tmp_path: Path) -> None:
    settings = {"n_obs_steps": 2, "n_action_steps": 3}
    policy = train(config("diffusion", steps=2, **settings), data, "close", tmp_path).policy
    assert (policy.card.stateful, policy.chunk_spec.execute) == (True, 1)
    policy.reset(0)
    lengths, planned = [], []
    for row in range(7):
        observation = replace(seen(data, row), time_s=row * 0.05)
        chunk = policy.chunk(observation, ChunkRequest(observation.time_s))
        lengths.append(len(chunk.values))
        planned.append(chunk.values)
    # As LeRobot does: a new chunk when the old one is used up, and its rest until then.
    assert lengths == [3, 2, 1, 3, 2, 1, 3]
    np.testing.assert_array_equal(planned[0][1:], planned[1])


@pytest.mark.parametrize("kind", sorted(TINY))
def test_batches_are_those_of_lerobots_own_dataset(kind: str, data: Dataset) -> None:
    from lerobot.datasets.factory import resolve_delta_timestamps
    from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata

    frames = read_frames(data, "close")
    theirs = make_config(kind, TINY[kind], frames.inputs, "cpu")
    meta = LeRobotDatasetMetadata("kata/test", root=data.root)
    deltas = resolve_delta_timestamps(theirs, meta)
    opened = LeRobotDataset(
        "kata/test", root=data.root, delta_timestamps=deltas, video_backend="pyav"
    )
    windows = Windows(frames, theirs)
    rows = np.array([0, 5, int(frames.last[0]), int(frames.last[0]) + 1, len(windows) - 1])
    batch = windows.batch(rows)
    for i, row in enumerate(rows):
        item = opened[int(row)]
        for key in ("observation.state", "action", "action_is_pad"):
            torch.testing.assert_close(batch[key][i], item[key])
        assert batch["task"][i] == item["task"]


def test_statistics_are_those_of_the_frames(data: Dataset) -> None:
    frames = read_frames(data, "close", ["front"])
    stats = frames.statistics
    np.testing.assert_allclose(
        stats["action"]["mean"], data.column("action").mean(axis=0), atol=1e-5
    )
    assert stats["observation.images.front"]["mean"].shape == (3, 1, 1)


def test_cameras_are_looked_through(data: Dataset, tmp_path: Path) -> None:
    asked = config("act", steps=1, cameras=("front",), objects=False)
    policy = train(replace(asked, batch=2), data, "close", tmp_path).policy
    assert set(policy.spec) == {"observation.state", "observation.images.front"}
    observation = seen(data)
    with pytest.raises(SpecError, match="missing keys"):
        policy.chunk(observation, ChunkRequest(observation.time_s))
    picture = data.images("front", 0)[0]
    looking = replace(observation, images={"front": picture}, focus=())
    policy.reset(0)
    one = policy.chunk(looking, ChunkRequest(looking.time_s)).values
    dark = replace(looking, images={"front": np.zeros_like(picture)})
    assert not np.allclose(one, policy.chunk(dark, ChunkRequest(dark.time_s)).values)


# ------------------------------------------------------------------ packages
def test_save_and_load_are_inverse(trained: LeRobotPolicy, data: Dataset, tmp_path: Path) -> None:
    trained.save(tmp_path / "a")
    loaded = load_policy(tmp_path / "a")
    loaded.save(tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {"policy.json", "config.json", "model.safetensors"} < set(names)
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    observation = seen(data)
    chunks = []
    for policy in (trained, loaded):
        policy.reset(1)
        chunks.append(policy.chunk(observation, ChunkRequest(observation.time_s)).values)
    np.testing.assert_array_equal(*chunks)


# ------------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        (config("vqbett"), UnknownNameError, "did you mean 'vqbet'?"),
        (config("pi0"), ConfigError, "train and run it with LeRobot itself"),
        (config("act", chunk_sise=3), UnknownNameError, "did you mean 'chunk_size'?"),
        (config("act", n_action_steps=99), ConfigError, "The chunk size is the upper bound"),
        (config("vqbet"), ConfigError, "You must provide only one image"),
        (config("tdmpc"), DatasetError, "demonstrations have no rewards"),
        (replace(config("act"), processes=2), ConfigError, "(in train.processes)"),
        (replace(config("act"), lr=0.1), ConfigError, "its own preset decides"),
        (config("act", cameras=("top",)), UnknownNameError, "expected: one of front"),
        (config("act", objects=False), SpecError, "a policy that sees nothing"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    asked: TrainConfig, error: type[KataError], told: str, data: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        train(asked, data, "close", tmp_path)
    assert told in str(caught.value)


def test_data_without_the_skill_is_refused(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises((DatasetError, UnknownNameError), match="pick"):
        train(config("act"), data, "pick", tmp_path)


def test_without_lerobot_the_command_is_given(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "lerobot" else find(name, *a)
    )
    with pytest.raises(MissingDependencyError) as caught:
        train(config("act"), data, "close", tmp_path)
    assert str(caught.value) == (
        "policy=lerobot/act needs the package 'lerobot'\n"
        "  do:       pip install 'kata-robotics[lerobot]'"
    )


def test_a_cost_cannot_steer_it(trained: LeRobotPolicy, data: Dataset) -> None:
    observation = seen(data)
    with pytest.raises(SpecError, match="cannot be steered"):
        trained.chunk(observation, ChunkRequest(observation.time_s, cost=lambda chunk: chunk.sum()))
