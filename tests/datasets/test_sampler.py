"""Batches: each sample once an epoch, the same for the same seed, right to the last action."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.dataset import Dataset
from kata.datasets.sampler import FOCUS, ChunkSampler
from kata.datasets.testing import fake_dataset, fake_frames, fake_recorder
from kata.datasets.tool_actions import relative_actions
from kata.datasets.types import ChunkSpec, DatasetError, Outcome, Pose, SpecError, UnknownNameError
from kata.datasets.types.pose import quat_exp

TOOL = ChunkSpec(6, 0.05, 3, "tool", 7)
JOINT = ChunkSpec(6, 0.05, 3, "joint", 8)
KEYS = ("observation.state", "observation.tool_pose", FOCUS)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three picks of twelve frames."""
    return fake_dataset(tmp_path_factory.mktemp("sampler") / "data", episodes=3, frames=12)


def test_a_sample_is_what_was_recorded(dataset: Dataset) -> None:
    batch = ChunkSampler(dataset, JOINT, KEYS).all()
    action, state = dataset.column("action"), dataset.column("observation.state")
    assert batch.rows.tolist() == list(range(36))
    assert np.array_equal(batch.observations["observation.state"], state)
    assert np.array_equal(batch.observations[FOCUS], dataset.focus(np.arange(36)))
    assert np.array_equal(batch.actions[13], action[13:19])
    assert batch.mask[13].all()


def test_past_the_end_the_last_action_is_repeated_and_masked(dataset: Dataset) -> None:
    batch = ChunkSampler(dataset, JOINT, KEYS).all()
    action = dataset.column("action")
    assert batch.mask[9].tolist() == [True] * 3 + [False] * 3
    assert np.array_equal(batch.actions[9], action[[9, 10, 11, 11, 11, 11]])


def test_a_longer_step_reaches_further(dataset: Dataset) -> None:
    batch = ChunkSampler(dataset, ChunkSpec(3, 0.1, 3, "joint", 8), KEYS).all()
    # The action of a frame is for the next one, so two steps of 0.1 s end with frame 3's.
    assert np.array_equal(batch.actions[0], dataset.column("action")[[1, 3, 5]])


def test_tool_actions_are_relative_to_the_measured_pose(dataset: Dataset) -> None:
    batch = ChunkSampler(dataset, TOOL, KEYS).all()
    measured, wanted = dataset.column("observation.tool_pose"), dataset.column("action.tool")
    for row, k in ((0, 0), (3, 5), (20, 2)):
        reference = Pose.from_array(measured[row].astype(float))
        values = batch.actions[row, k].astype(float)
        reached = reference @ Pose(values[:3], quat_exp(values[3:6]))
        target = Pose.from_array(wanted[row + k, :7].astype(float))
        assert reached.distance(target) == pytest.approx((0.0, 0.0), abs=1e-5)
        assert values[6] == pytest.approx(wanted[row + k, 7])


@given(st.integers(0, 999))
def test_relative_actions_bring_the_tool_to_its_target(seed: int) -> None:
    rng = np.random.default_rng(seed)
    poses = rng.normal(size=(2, 5, 7))
    poses[..., 3:] /= np.linalg.norm(poses[..., 3:], axis=-1, keepdims=True)
    actions = relative_actions(poses[0], poses[1][:, None], np.zeros((5, 1)))[:, 0].astype(float)
    for reference, target, action in zip(*poses, actions, strict=True):
        turn = Pose(action[:3], quat_exp(action[3:6]))
        reached = Pose.from_array(reference) @ turn
        assert reached.distance(Pose.from_array(target)) == pytest.approx((0, 0), abs=1e-5)
        assert np.linalg.norm(action[3:6]) <= np.pi + 1e-6


@given(st.integers(0, 99), st.integers(1, 50))
def test_each_sample_comes_once_an_epoch(dataset: Dataset, seed: int, size: int) -> None:
    sampler = ChunkSampler(dataset, JOINT, KEYS[:1], batch=size, seed=seed)
    steps = -(-3 * len(sampler) // size)
    rows = np.concatenate([sampler.batch(step).rows for step in range(steps)])
    for epoch in range(3):
        part = rows[epoch * len(sampler) : (epoch + 1) * len(sampler)]
        assert sorted(part) == list(range(36))


def test_a_batch_depends_on_seed_and_step_alone(dataset: Dataset) -> None:
    one, two = (ChunkSampler(dataset, TOOL, KEYS, batch=8, seed=4) for _ in range(2))
    for step in (0, 1, 2, 9):
        one.batch(step)
    again, first = two.batch(9), one.batch(9)
    assert np.array_equal(again.actions, first.actions)
    assert all(np.array_equal(again.observations[k], first.observations[k]) for k in KEYS)
    other = ChunkSampler(dataset, TOOL, KEYS, batch=8, seed=5)
    assert not np.array_equal(other.batch(9).rows, first.rows)


def test_no_chunk_leaves_its_segment(tmp_path: Path) -> None:
    with fake_recorder(tmp_path) as recorder:
        for frame in [*fake_frames(5), *fake_frames(5, 1, skill="close")]:
            recorder.add(frame)
        recorder.save_episode(Outcome(True))
    sampler = ChunkSampler(Dataset.open(tmp_path), JOINT, KEYS, skill="pick")
    assert sampler.rows.tolist() == [0, 1, 2, 3, 4]
    assert sampler.all().mask[4].tolist() == [True] + [False] * 5


def test_a_chunk_that_touches_nan_is_never_drawn(tmp_path: Path) -> None:
    with fake_recorder(tmp_path) as recorder:
        for i, frame in enumerate(fake_frames(20)):
            recorder.add(replace(frame, action=frame.action * np.nan) if i == 12 else frame)
        recorder.save_episode(Outcome(True))
    dataset = Dataset.open(tmp_path)
    sampler = ChunkSampler(dataset, JOINT, KEYS)
    assert sampler.rows.tolist() == [*range(7), *range(13, 20)]
    assert sampler.skipped == 6
    assert np.isfinite(sampler.all().actions).all()
    # Relative actions are made of `action.tool`, which has no hole.
    assert len(ChunkSampler(dataset, TOOL, KEYS)) == 20


def test_statistics_leave_repeated_actions_out(dataset: Dataset) -> None:
    sampler = ChunkSampler(dataset, JOINT, KEYS)
    found = sampler.statistics()
    assert set(found) == {*KEYS, "action"}
    assert found["action"].frames == sampler.all().mask.sum()
    assert found[FOCUS].mean.shape == (16,)


def test_only_successes_are_drawn_unless_segments_are_given(tmp_path: Path) -> None:
    with fake_recorder(tmp_path) as recorder:
        for frame in fake_frames(5):
            recorder.add(frame)
        recorder.save_episode(Outcome(False))
    dataset = Dataset.open(tmp_path)
    with pytest.raises(DatasetError, match="nothing to learn from"):
        ChunkSampler(dataset, TOOL, KEYS)
    assert len(ChunkSampler(dataset, TOOL, KEYS, segments=dataset.segments())) == 5


@pytest.mark.parametrize(
    ("chunk", "options", "error"),
    [
        (ChunkSpec(4, 0.03, 4, "joint", 8), {}, SpecError),
        (ChunkSpec(4, 0.05, 4, "joint", 7), {}, SpecError),
        (ChunkSpec(4, 0.05, 4, "tool", 8), {}, SpecError),
        (TOOL, {"hand": "left"}, UnknownNameError),
        (TOOL, {"skill": "fly"}, UnknownNameError),
    ],
)
def test_what_does_not_fit_is_refused(
    dataset: Dataset, chunk: ChunkSpec, options: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ChunkSampler(dataset, chunk, KEYS, **options)
    with pytest.raises(UnknownNameError):
        ChunkSampler(dataset, TOOL, ["observation.stat"])
