"""From a dataset on disk to arrays, to a policy, to a chunk of the same robot's observation."""

from pathlib import Path

import numpy as np
import pytest

from kata.datasets.testing import fake_dataset, fake_frames, fake_robot
from kata.datasets.types import ChunkRequest, DatasetError, UnknownNameError
from kata.policies import load_policy
from kata.policies.config import TrainConfig
from kata.policies.demonstrations import gather
from kata.policies.training import train


def test_gathers_each_skill_with_its_slots(tmp_path: Path) -> None:
    dataset = fake_dataset(tmp_path, episodes=4, frames=10, skills=("pick", "place"))
    pick, place = gather(dataset, "pick"), gather(tmp_path, "place")
    assert len(pick.features) == len(place.features) == 20
    assert list(np.unique(pick.episodes)) == [0, 2]
    assert (
        pick.encoder.spec["observation.focus"].shape[0],
        place.encoder.size > pick.encoder.size,
    ) == (1, True)
    assert pick.robot == fake_robot().fingerprint()


def test_features_and_actions_are_those_of_the_run_time(tmp_path: Path) -> None:
    """What training saw of a frame is what the policy will see of that observation."""
    data = gather(fake_dataset(tmp_path, episodes=1, frames=12), "pick")
    frames = fake_frames(12)
    for row in (0, 5, 11):
        values = {k: v[None] for k, v in frames[row].observation.values().items()}
        np.testing.assert_allclose(data.encoder.encode(values)[0], data.features[row], atol=1e-5)
    seen = frames[4].observation.tool()
    for ahead in range(16):
        wanted = frames[min(4 + ahead, 11)].action_tool
        relative = seen.inverse().apply(wanted[:3])
        np.testing.assert_allclose(data.actions[4, ahead, :3], relative, atol=1e-5)
        assert data.actions[4, ahead, 6] == pytest.approx(wanted[7], abs=1e-6)


def test_learns_a_glide_from_disk(tmp_path: Path) -> None:
    data = gather(fake_dataset(tmp_path / "data", episodes=20, frames=30), "pick")
    settings = {"hidden": 64, "blocks": 2}
    train(TrainConfig(settings=settings, steps=500, batch=64), data, tmp_path / "out")
    policy = load_policy(tmp_path / "out")
    frame = fake_frames(30, seed=3)[15]
    chunk = policy.chunk(frame.observation, ChunkRequest(frame.observation.time_s))
    row = int(np.flatnonzero(data.episodes == 3)[15])
    assert np.abs(chunk.values[:, :3] - data.actions[row, :, :3]).max() < 0.02


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    fake_dataset(tmp_path, episodes=1, frames=5)
    with pytest.raises(UnknownNameError, match="fly"):
        gather(tmp_path, "fly")
    with pytest.raises(DatasetError, match="no dataset here"):
        gather(tmp_path / "nowhere", "pick")
